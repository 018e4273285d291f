/* Functions of ours in the definitions of Python's own built-in functions. */
#ifndef SCOPE_RECORDER_REPLACED_H
#define SCOPE_RECORDER_REPLACED_H

#include "python_api.h"

/* Flags of a method that is told the class that defines it, PyCMethod, which the stable ABI of 3.10 does not name. */
#define SCOPE_CLASS_METHOD (0x0200 | METH_FASTCALL | METH_KEYWORDS)

typedef PyObject *(*scope_method)(PyObject *, PyObject *);
typedef PyObject *(*scope_fast_method)(PyObject *, PyObject *const *, Py_ssize_t);
typedef PyObject *(*scope_class_method)(PyObject *, PyTypeObject *, PyObject *const *, size_t, PyObject *);

struct scope_replaced {
    const char *name;
    scope_method wrapper, original; /* the original outlives the wrapper: a call may be inside */
    PyMethodDef *definition;        /* NULL = not replaced */
    int flags;                      /* how it is called; 0 = METH_NOARGS; a scope_fast_method where METH_FASTCALL */
};

void scope_replace(const char *module, struct scope_replaced *functions, size_t count);
void scope_replace_in(PyObject *module, struct scope_replaced *functions, size_t count);
PyMethodDef *scope_definition_of_method(PyObject *type, const char *name);
bool scope_replace_method(PyObject *type, struct scope_replaced *method);
void scope_put_back(struct scope_replaced *functions, size_t count);

#endif
