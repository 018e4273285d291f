/* Our Python files, run without the target's import machinery, and what the target's interpreter says of itself. */
#ifndef SCOPE_RECORDER_AGENT_SOURCE_H
#define SCOPE_RECORDER_AGENT_SOURCE_H

#include "python_api.h"

PyObject *scope_load_source(PyObject *module, PyObject *name);
PyObject *scope_read_file(PyObject *module, PyObject *path);
PyObject *scope_real_path(PyObject *module, PyObject *path);
PyObject *scope_system(PyObject *module, PyObject *name);
PyObject *scope_namespace(PyObject *module, PyObject *name);
PyObject *scope_native_id(PyObject *module, PyObject *unused);

#endif
