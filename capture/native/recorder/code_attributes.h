/* What a code object says of itself through its attributes; an interpreter that lacks one says nothing. */
#ifndef SCOPE_RECORDER_CODE_ATTRIBUTES_H
#define SCOPE_RECORDER_CODE_ATTRIBUTES_H

#include "python_api.h"

/* GIL held; allocates; no exception. The number, 0 when there is none. */
static inline long scope_code_number(PyObject *code, const char *attribute) {
    PyObject *value = PyObject_GetAttrString(code, attribute);
    const long number = value ? PyLong_AsLong(value) : 0;
    PyErr_Clear();
    if (value)
        Py_DecRef(value);
    return number;
}

/* GIL held; allocates; no exception. New reference to a tuple, or NULL. */
static inline PyObject *scope_code_tuple(PyObject *code, const char *attribute) {
    PyObject *value = PyObject_GetAttrString(code, attribute);
    PyErr_Clear();
    if (value && PyTuple_CheckExact(value))
        return value;
    if (value)
        Py_DecRef(value);
    return NULL;
}
#endif
