/* The agent's line to the recorder process, without importing the target's socket module. */
#ifndef SCOPE_RECORDER_CONNECTION_H
#define SCOPE_RECORDER_CONNECTION_H

#include "python_api.h"

PyObject *scope_connect(PyObject *module, PyObject *path);
PyObject *scope_wait_readable(PyObject *module, PyObject *args);

#endif
