/* Attributes of instances over time, for the classes that the user names. */
#ifndef SCOPE_RECORDER_ATTRIBUTES_H
#define SCOPE_RECORDER_ATTRIBUTES_H

#include "python_api.h"

void scope_attributes_begin(PyObject *frames);
void scope_attributes_change(void);
void scope_attributes_sweep(PyObject *frames);
void scope_attributes_finish(void);
void scope_attributes_undo(void);

#endif
