/* Which lines of recorded functions run, and when each of them ran first. */
#ifndef SCOPE_RECORDER_LINES_H
#define SCOPE_RECORDER_LINES_H

#include "python_api.h"

bool scope_lines_prove(void);
int scope_lines_put(void);
void scope_lines_begin(PyObject *frames);
void scope_lines_sweep(PyObject *frames);
void scope_lines_undo(void);
bool scope_lines_meet(PyObject *code, uint32_t site);
bool scope_lines_runs(uint32_t site, long line);
size_t scope_lines_bytes(void);

#endif
