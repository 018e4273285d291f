/* Module globals over time. */
#ifndef SCOPE_RECORDER_GLOBALS_H
#define SCOPE_RECORDER_GLOBALS_H

#include "python_api.h"

void scope_globals_begin(PyObject *frames);
void scope_globals_change(void);
void scope_globals_sweep(PyObject *frames);
void scope_globals_finish(void);
void scope_globals_undo(void);

#endif
