/* Which classes' instances are watched: finding them, putting our functions in, taking them out.
 *
 * A class is found when its class statement is done (a wrapper around builtins.__build_class__, which is where every
 * class statement ends up), and by looking through the modules for those that exist already or are made otherwise. */
#include "classes.h"

#include "clock.h"
#include "filter.h"
#include "typenames.h"

#include <stdlib.h>
#include <string.h>

struct watched {
    PyTypeObject *type;       /* strong */
    PyObject *previous[2];    /* strong; NULL = inherited */
    PyObject *replacement[2]; /* strong */
};

/* Functions that were taken out of their class, oldest first. CPython looks a special method up by a borrowed reference
 * and then allocates the bound method, during which a finalizer may run and another thread take the function out: freed
 * at once, it would be called after its end. */
struct retired {
    PyObject *method; /* strong */
    uint64_t since_ns;
};

#define RETIREMENT_NS 60000000000u

static struct retired *retirees;
static uint32_t retired_count, retired_capacity;
static const char *const slots[2] = {"__setattr__", "__delattr__"};
static PyMethodDef *methods[2];
static struct watched *classes;
static uint32_t count, capacity;
static PyObject *build_class, *build_class_wrapper; /* strong while wrapped */
static PyObject *sizes;                             /* {module name: number of globals at the last look} */

/* GIL held; does not allocate. */
bool scope_class_is_watched(PyTypeObject *type) {
    for (uint32_t i = 0; i < count; i++)
        if (classes[i].type == type || PyType_IsSubtype(type, classes[i].type))
            return true;
    return false;
}

/* GIL held; runs the target's code; 0 or -1 with an exception. Calls type.__setattr__ or type.__delattr__ past any
 * metaclass. */
static int change_class(PyTypeObject *type, const char *slot, PyObject *value) {
    PyObject *result = value ? PyObject_CallMethod((PyObject *)&PyType_Type, "__setattr__", "OsO", type, slot, value)
                             : PyObject_CallMethod((PyObject *)&PyType_Type, "__delattr__", "Os", type, slot);
    if (!result)
        return -1;
    Py_DecRef(result);
    return 0;
}

/* GIL held; allocates; new reference, or NULL without an exception. What the class itself defines, not its bases. */
static PyObject *own_attribute(PyTypeObject *type, const char *name) {
    PyObject *dict = scope_type_dict(type);
    PyObject *value = dict ? PyMapping_GetItemString(dict, name) : NULL;
    PyErr_Clear();
    if (dict)
        Py_DecRef(dict);
    return value;
}

/* GIL held; runs the target's code; 0 or -1 with an exception. What would have happened without us: the class's own
 * method, or the next one in the instance's order of bases. */
int scope_class_pass_on(PyObject *closure, const char *slot, PyObject *object, PyObject *name, PyObject *value) {
    PyObject *type = PyTuple_GetItem(closure, 0), *previous = PyTuple_GetItem(closure, 1); /* borrowed */
    PyObject *inherits_plain = PyTuple_GetItem(closure, 2);
    if (inherits_plain == Py_True && (PyObject *)Py_TYPE(object) == type)
        return PyObject_GenericSetAttr(object, name, value);
    PyObject *method;
    if (previous != Py_None) {
        method = PyObject_CallMethod(previous, "__get__", "OO", object, (PyObject *)Py_TYPE(object));
    } else {
        PyObject *next = PyObject_CallFunctionObjArgs((PyObject *)&PySuper_Type, type, object, NULL);
        method = next ? PyObject_GetAttrString(next, slot) : NULL;
        if (next)
            Py_DecRef(next);
    }
    PyObject *result = method ? PyObject_CallFunctionObjArgs(method, name, value, NULL) : NULL;
    if (method)
        Py_DecRef(method);
    if (!result)
        return -1;
    Py_DecRef(result);
    return 0;
}

/* GIL held; allocates; 0 or -1 without an exception. Puts one of our functions in; refused by built-in classes. */
static int replace(struct watched *watched, int which) {
    PyTypeObject *type = watched->type;
    PyObject *previous = own_attribute(type, slots[which]);
    bool plain = !previous && PyType_GetSlot(type, Py_tp_setattro) == (void *)PyObject_GenericSetAttr;
    PyObject *closure = Py_BuildValue("(OOO)", type, previous ? previous : Py_None, plain ? Py_True : Py_False);
    PyObject *function = closure ? PyCFunction_NewEx(methods[which], closure, NULL) : NULL;
    PyObject *method = function ? scope_python.instance_method(function) : NULL;
    if (closure)
        Py_DecRef(closure);
    if (function)
        Py_DecRef(function);
    if (!method || change_class(type, slots[which], method) != 0) {
        PyErr_Clear();
        if (previous)
            Py_DecRef(previous);
        if (method)
            Py_DecRef(method);
        return -1;
    }
    watched->previous[which] = previous;
    watched->replacement[which] = method;
    return 0;
}

/* GIL held; allocates plain memory; steals `method`. Without memory it is never freed. */
static void retire(PyObject *method) {
    if (retired_count == retired_capacity) {
        uint32_t more = retired_capacity ? retired_capacity * 2 : 64;
        struct retired *bigger = realloc(retirees, more * sizeof *bigger);
        if (!bigger)
            return;
        retirees = bigger;
        retired_capacity = more;
    }
    retirees[retired_count++] = (struct retired){method, scope_mono_ns()};
}

/* GIL held; releases what has been out of use for long enough that nobody can be about to call it. */
static void free_retired(void) {
    const uint64_t now_ns = scope_mono_ns();
    while (retired_count && now_ns - retirees[0].since_ns > RETIREMENT_NS) {
        PyObject *method = retirees[0].method;
        memmove(retirees, retirees + 1, --retired_count * sizeof *retirees);
        Py_DecRef(method);
    }
}

/* GIL held; never leaves an exception. Puts the class's own function back, where ours is still in its place. */
static void put_back(struct watched *watched, int which) {
    PyObject *present = own_attribute(watched->type, slots[which]);
    if (present && present == watched->replacement[which])
        change_class(watched->type, slots[which], watched->previous[which]);
    PyErr_Clear();
    if (present)
        Py_DecRef(present);
    if (watched->previous[which])
        Py_DecRef(watched->previous[which]);
    if (watched->replacement[which])
        retire(watched->replacement[which]);
    watched->previous[which] = watched->replacement[which] = NULL;
}

/* GIL held; allocates; never leaves an exception. Watches a class that a pattern names. */
static void consider(PyObject *object) {
    char module[SCOPE_TYPE_NAME_BYTES], qualname[SCOPE_TYPE_NAME_BYTES];
    if (!PyType_Check(object) || !(PyType_GetFlags((PyTypeObject *)object) & Py_TPFLAGS_HEAPTYPE))
        return;
    for (uint32_t i = 0; i < count; i++)
        if (classes[i].type == (PyTypeObject *)object)
            return;
    scope_type_parts((PyTypeObject *)object, module, qualname);
    if (strncmp(module, "_scope_", 7) == 0 || !scope_filter_wants_class(module, qualname))
        return;
    if (count == capacity) {
        uint32_t more = capacity ? capacity * 2 : 16;
        struct watched *bigger = realloc(classes, more * sizeof *bigger);
        if (!bigger)
            return;
        classes = bigger;
        capacity = more;
    }
    struct watched watched = {.type = (PyTypeObject *)object};
    if (replace(&watched, 0) != 0)
        return;
    if (replace(&watched, 1) != 0) {
        put_back(&watched, 0);
        return;
    }
    Py_IncRef(object);
    classes[count++] = watched;
}

/* GIL held; runs the target's code; new reference or NULL with an exception. `self`: the real __build_class__. */
static PyObject *call_build_class(PyObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *made = PyObject_Call(self, args, kwargs);
    if (made && build_class) {
        int collecting = PyGC_Disable();
        consider(made);
        if (collecting)
            PyGC_Enable();
    }
    return made;
}

static PyMethodDef build_class_method = {"__build_class__", (PyCFunction)(void (*)(void))call_build_class,
                                         METH_VARARGS | METH_KEYWORDS, NULL};

/* GIL held; does not allocate; borrowed or NULL. */
static PyObject *builtins_dict(void) {
    PyObject *modules = PySys_GetObject("modules");
    PyObject *builtins = modules ? PyDict_GetItemString(modules, "builtins") : NULL;
    return builtins && PyModule_Check(builtins) ? PyModule_GetDict(builtins) : NULL;
}

/* GIL held; allocates; never leaves an exception. Modules whose number of globals changed since the last look. */
void scope_classes_look(void) {
    PyObject *modules = PySys_GetObject("modules"), *name, *module, *key, *value; /* all borrowed */
    Py_ssize_t at = 0;
    if (!sizes && !(sizes = PyDict_New()))
        return;
    while (modules && PyDict_CheckExact(modules) && PyDict_Next(modules, &at, &name, &module)) {
        if (!PyModule_Check(module) || !PyUnicode_CheckExact(name))
            continue;
        PyObject *dict = PyModule_GetDict(module), *seen = PyDict_GetItemWithError(sizes, name);
        if (seen && PyLong_AsSsize_t(seen) == PyDict_Size(dict))
            continue;
        PyObject *size = PyLong_FromSsize_t(PyDict_Size(dict));
        if (size) {
            PyDict_SetItem(sizes, name, size);
            Py_DecRef(size);
        }
        Py_ssize_t within = 0;
        while (PyDict_Next(dict, &within, &key, &value))
            consider(value);
    }
    PyErr_Clear();
}

/* GIL held; allocates; never leaves an exception. */
void scope_classes_start(PyMethodDef *set_method, PyMethodDef *delete_method) {
    free_retired();
    methods[0] = set_method;
    methods[1] = delete_method;
    PyObject *builtins = scope_python.instance_method ? builtins_dict() : NULL;
    PyObject *present = builtins ? PyDict_GetItemString(builtins, "__build_class__") : NULL; /* borrowed */
    if (!present)
        return;
    build_class_wrapper = PyCFunction_NewEx(&build_class_method, present, NULL);
    if (build_class_wrapper && PyDict_SetItemString(builtins, "__build_class__", build_class_wrapper) == 0) {
        Py_IncRef(present);
        build_class = present;
    }
    PyErr_Clear();
    scope_classes_look();
}

/* GIL held; releases; never leaves an exception. */
void scope_classes_stop(void) {
    PyObject *builtins = builtins_dict();
    PyObject *present = builtins ? PyDict_GetItemString(builtins, "__build_class__") : NULL; /* borrowed */
    if (build_class && present == build_class_wrapper)
        PyDict_SetItemString(builtins, "__build_class__", build_class);
    PyErr_Clear();
    for (uint32_t i = 0; i < count; i++) {
        put_back(&classes[i], 0);
        put_back(&classes[i], 1);
    }
    struct watched *old = classes;
    uint32_t old_count = count;
    classes = NULL;
    count = capacity = 0;
    for (uint32_t i = 0; i < old_count; i++)
        Py_DecRef((PyObject *)old[i].type);
    free(old);
    PyObject *parts[] = {build_class, build_class_wrapper, sizes};
    build_class = build_class_wrapper = sizes = NULL;
    for (int i = 0; i < 3; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}
