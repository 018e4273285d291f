/* Where a type keeps its functions, proved on a class of our own before anything is touched.
 *
 * Layout, equal on CPython 3.10 to 3.15 (64 bit, GIL):
 *
 *   a slot wrapper such as object.__setattr__:  ... | 40 base | 48 wrapped function
 *   its base, one row of the interpreter's table: 0 name | 8 offset of the slot in a type | 16 what the slot of a class
 *                                                 with a Python method holds | 24 wrapper
 *   a method descriptor: 40 definition           a built-in function: 16 definition
 *
 * The base states the offset of tp_setattro itself. The proof: names and offsets are the expected ones, the slots of a
 * fresh class hold what PyType_GetSlot says, and a function stored there is called by an attribute write and an
 * instantiation. Whatever does not hold turns the capability off.
 *
 * Source: CPython, Include/cpython/descrobject.h, Objects/descrobject.c, Objects/typeobject.c. */
#include "hooks/type_slots.h"

#include <stdlib.h>
#include <string.h>

#define SETATTRO_OFFSET 152u
#define ALLOC_OFFSET 304u

struct scope_slots scope_slots;

static uint32_t probed; /* bits: 1 the attribute write came to us, 2 the instantiation */

/* GIL held; does not allocate. */
static void *pointer_at(const void *object, size_t offset) {
    void *pointer;
    memcpy(&pointer, (const char *)object + offset, sizeof pointer);
    return pointer;
}

/* GIL held; allocates; new reference or NULL without an exception. What `object` itself defines. */
static PyObject *of_object(const char *name) {
    PyObject *dict = PyObject_GetAttrString((PyObject *)&PyBaseObject_Type, "__dict__");
    PyObject *found = dict ? PyMapping_GetItemString(dict, name) : NULL;
    PyErr_Clear();
    if (dict)
        Py_DecRef(dict);
    return found;
}

/* GIL held; allocates; borrowed from the interpreter's table, which lives as long as the process; NULL = not as
 * expected. */
static char *wrapper_base(const char *name) {
    PyObject *descriptor = of_object(name);
    char *base = NULL;
    if (descriptor && Py_TYPE(descriptor) == scope_python.wrapper_descriptor) {
        int offset = 0;
        base = pointer_at(descriptor, 40);
        memcpy(&offset, base + 8, sizeof offset);
        if (strcmp(pointer_at(base, 0), name) != 0 || offset != (int)SETATTRO_OFFSET ||
            pointer_at(descriptor, 48) != (void *)PyObject_GenericSetAttr)
            base = NULL;
    }
    if (descriptor)
        Py_DecRef(descriptor);
    return base;
}

/* GIL held; runs what it replaces. */
static int probe_set(PyObject *object, PyObject *name, PyObject *value) {
    probed |= 1;
    return PyObject_GenericSetAttr(object, name, value);
}

/* GIL held; allocates; new reference or NULL with an exception. */
static PyObject *probe_alloc(PyTypeObject *type, Py_ssize_t items) {
    probed |= 2;
    return PyType_GenericAlloc(type, items);
}

/* GIL held; allocates; never leaves an exception. */
static bool slots_are_called(void) {
    PyObject *known = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "_scope_known");
    PyObject *instance = NULL;
    PyTypeObject *type = (PyTypeObject *)known;
    if (known && (void *)*scope_setattro_of(type) == PyType_GetSlot(type, Py_tp_setattro) &&
        (void *)*scope_alloc_of(type) == PyType_GetSlot(type, Py_tp_alloc) &&
        *scope_setattro_of(type) == PyObject_GenericSetAttr && *scope_alloc_of(type) == PyType_GenericAlloc) {
        probed = 0;
        *scope_setattro_of(type) = probe_set;
        *scope_alloc_of(type) = probe_alloc;
        PyType_Modified(type);
        instance = PyObject_CallNoArgs(known);
        if (!instance || PyObject_SetAttrString(instance, "scope", Py_None) != 0)
            probed = 0;
        *scope_setattro_of(type) = PyObject_GenericSetAttr;
        *scope_alloc_of(type) = PyType_GenericAlloc;
        PyType_Modified(type);
    }
    PyErr_Clear();
    if (instance)
        Py_DecRef(instance);
    if (known)
        Py_DecRef(known);
    return instance && probed == 3;
}

/* GIL held; allocates; never leaves an exception. Proved once per process. */
bool scope_slots_prove(void) {
    if (scope_slots.proved)
        return true;
    char *set = wrapper_base("__setattr__"), *del = wrapper_base("__delattr__");
    if (!set || !del || pointer_at(set, 16) != pointer_at(del, 16))
        return false;
    scope_slots = (struct scope_slots){
        .setattro = SETATTRO_OFFSET,
        .alloc = ALLOC_OFFSET,
        .python_setattro = (setattrofunc)pointer_at(set, 16),
        .set_wrapper = (scope_wrapper *)(void *)(set + 24),
        .delete_wrapper = (scope_wrapper *)(void *)(del + 24),
    };
    scope_slots.wrap_set = *scope_slots.set_wrapper;
    scope_slots.wrap_delete = *scope_slots.delete_wrapper;
    scope_slots.proved = slots_are_called();
    return scope_slots.proved;
}

/* GIL held; does not allocate; borrowed from the interpreter. The definition behind a function or method written in C
 * when its name and flags are the expected ones, else NULL. */
PyMethodDef *scope_method_of(PyObject *function, const char *name, int flags) {
    PyMethodDef *definition = NULL;
    if (function)
        definition = pointer_at(function, PyCFunction_Check(function) ? 16 : 40);
    if (!definition || strcmp(definition->ml_name, name) != 0 || definition->ml_flags != flags)
        return NULL;
    return definition;
}
