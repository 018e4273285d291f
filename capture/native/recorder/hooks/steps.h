/* The lines of chosen functions as they run, with what they do to locals. */
#ifndef SCOPE_RECORDER_HOOKS_STEPS_H
#define SCOPE_RECORDER_HOOKS_STEPS_H

#include "python_api.h"

bool scope_steps_prove(void);
int scope_steps_put(void);
void scope_steps_begin(PyObject *frames);
void scope_steps_sweep(PyObject *frames);
void scope_steps_undo(void);
void scope_steps_meet(PyObject *code);
size_t scope_steps_bytes(void);

#endif
