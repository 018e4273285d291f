/* Lines with what they did to the locals of their frame. */
#ifndef SCOPE_RECORDER_STEPS_H
#define SCOPE_RECORDER_STEPS_H

#include "python_api.h"

void scope_step_line(const PyObject *code, const void *frame, uint32_t line);
void scope_step_begins(const PyObject *code, const void *frame);
void scope_step_goes_on(const PyObject *code, const void *frame);
void scope_step_leaves(const PyObject *code, const void *frame, uint32_t kind);

#endif
