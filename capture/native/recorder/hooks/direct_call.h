/* Built-in functions of ours that the interpreter calls without the layer between. */
#ifndef SCOPE_RECORDER_DIRECT_CALL_H
#define SCOPE_RECORDER_DIRECT_CALL_H

#include "python_api.h"

/* METH_FASTCALL | METH_KEYWORDS. Called directly, `self` is the function object itself and `count` has the vectorcall
 * protocol's flag in its highest bit: who is called so uses neither. */
typedef PyObject *(*scope_direct)(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names);

bool scope_call_directly(PyObject *function, scope_direct called);

#endif
