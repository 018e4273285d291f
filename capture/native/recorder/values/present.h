/* What an instance holds now, read without making its __dict__ and without running the target's code. */
#ifndef SCOPE_RECORDER_PRESENT_H
#define SCOPE_RECORDER_PRESENT_H

#include "python_api.h"

typedef void (*scope_present_each)(PyObject *object, PyObject *name, PyObject *value, void *context);

bool scope_present_prove(void);
PyObject *scope_present_value(PyObject *object, PyObject *name);
PyObject *scope_present_dict(PyObject *object);
void scope_present_values(PyObject *object, scope_present_each each, void *context);

#endif
