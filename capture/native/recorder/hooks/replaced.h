/* Functions of ours in the definitions of Python's own built-in functions. */
#ifndef SCOPE_RECORDER_REPLACED_H
#define SCOPE_RECORDER_REPLACED_H

#include "python_api.h"

typedef PyObject *(*scope_method)(PyObject *, PyObject *);
typedef PyObject *(*scope_fast_method)(PyObject *, PyObject *const *, Py_ssize_t);

struct scope_replaced {
    const char *name;
    scope_method wrapper, original; /* the original outlives the wrapper: a call may be inside */
    PyMethodDef *definition;        /* NULL = not replaced */
    int flags;                      /* how it is called; 0 = METH_NOARGS; a scope_fast_method where METH_FASTCALL */
};

void scope_replace(const char *module, struct scope_replaced *functions, size_t count);
void scope_replace_in(PyObject *module, struct scope_replaced *functions, size_t count);
void scope_put_back(struct scope_replaced *functions, size_t count);

#endif
