/* Functions of ours in the definitions of Python's own built-in functions.
 *
 * A definition is what every call reads: a program that has kept `os.fork` under another name, or put its own function in
 * the module's place, gets ours all the same, and no object that it can see has changed. */
#include "hooks/replaced.h"

#include <string.h>

/* PyCFunctionObject behind its PyObject; the stable ABI hides it, the layout is that of 3.10 to 3.15. */
struct function_object {
    PyObject head;
    PyMethodDef *definition;
};

/* GIL held; does not allocate; borrowed, NULL if `function` is not the built-in of that name, called in that way. */
static PyMethodDef *definition_of(PyObject *function, const char *name, int flags) {
    if (!function || Py_TYPE(function) != &PyCFunction_Type)
        return NULL;
    PyMethodDef *definition = ((struct function_object *)function)->definition;
    const bool proven = definition && definition->ml_meth == PyCFunction_GetFunction(function) &&
                        definition->ml_flags == flags && strcmp(definition->ml_name, name) == 0;
    return proven ? definition : NULL;
}

/* GIL held; does not allocate; never leaves an exception. Does nothing where it was done. */
void scope_replace_in(PyObject *module, struct scope_replaced *functions, size_t count) {
    PyObject *dict = module && PyModule_Check(module) ? PyModule_GetDict(module) : NULL; /* borrowed */
    for (size_t i = 0; dict && i < count; i++) {
        struct scope_replaced *f = &functions[i];
        if (f->definition)
            continue;
        f->definition = definition_of(PyDict_GetItemString(dict, f->name), f->name, f->flags ? f->flags : METH_NOARGS);
        if (!f->definition)
            continue;
        f->original = (scope_method)f->definition->ml_meth;
        __atomic_store_n(&f->definition->ml_meth, (PyCFunction)f->wrapper, __ATOMIC_RELEASE);
    }
    PyErr_Clear();
}

/* PyMethodDescrObject behind its PyObject; the layout is that of 3.10 to 3.15. */
struct method_descriptor {
    PyObject head;
    PyTypeObject *type;
    PyObject *name, *qualname;
    PyMethodDef *definition;
};

/* GIL held; allocates; never leaves an exception; borrowed from the interpreter, whose definitions outlive the type. How a
 * built-in type defines a method itself; NULL = not, or it is not laid out as it is known to be. */
PyMethodDef *scope_definition_of_method(PyObject *type, const char *name) {
    PyObject *descriptor = type ? PyObject_GetAttrString(type, name) : NULL;
    PyMethodDef *definition = NULL;
    if (descriptor && Py_TYPE(descriptor) == &PyMethodDescr_Type) {
        const struct method_descriptor *method = (const struct method_descriptor *)descriptor;
        if ((PyObject *)method->type == type && strcmp(method->definition->ml_name, name) == 0)
            definition = method->definition;
    }
    PyErr_Clear();
    if (descriptor)
        Py_DecRef(descriptor);
    return definition;
}

/* GIL held; allocates; never leaves an exception. As scope_replace_in(), of a method; whether it is replaced. */
bool scope_replace_method(PyObject *type, struct scope_replaced *method) {
    if (method->definition)
        return true;
    PyMethodDef *definition = scope_definition_of_method(type, method->name);
    if (!definition || definition->ml_flags != (method->flags ? method->flags : METH_NOARGS))
        return false;
    method->definition = definition;
    method->original = (scope_method)definition->ml_meth;
    __atomic_store_n(&definition->ml_meth, (PyCFunction)method->wrapper, __ATOMIC_RELEASE);
    return true;
}

/* As scope_replace_in(). Does nothing either where the program has not loaded the module, as it may later. */
void scope_replace(const char *module, struct scope_replaced *functions, size_t count) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    scope_replace_in(modules && PyDict_CheckExact(modules) ? PyDict_GetItemString(modules, module) : NULL, functions,
                     count);
}

/* GIL held; does not allocate. */
void scope_put_back(struct scope_replaced *functions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct scope_replaced *f = &functions[i];
        if (f->definition && f->definition->ml_meth == (PyCFunction)f->wrapper)
            __atomic_store_n(&f->definition->ml_meth, (PyCFunction)f->original, __ATOMIC_RELEASE);
        f->definition = NULL;
    }
}
