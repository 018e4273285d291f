/* Hearing of the interpreter's end, in the process that asked for it and in no other. */
#ifndef SCOPE_RECORDER_EXIT_HANDLER_H
#define SCOPE_RECORDER_EXIT_HANDLER_H

#include "python_api.h"

PyObject *scope_watch_exit(PyObject *module, PyObject *agent);
void scope_unwatch_exit(void);

#endif
