/* The agent's lines to recorder processes, without importing the target's socket module. */
#ifndef SCOPE_RECORDER_CONNECTION_H
#define SCOPE_RECORDER_CONNECTION_H

#include "entry/descriptor.h"
#include "python_api.h"

PyObject *scope_connect(PyObject *module, PyObject *path);
PyObject *scope_send(PyObject *module, PyObject *args);
PyObject *scope_receive(PyObject *module, PyObject *args);
PyObject *scope_is_connected(PyObject *module, PyObject *line);
PyObject *scope_hang_up(PyObject *module, PyObject *line);
const struct scope_descriptor *scope_connection_of(long line);
void scope_connections_close(void);

#endif
