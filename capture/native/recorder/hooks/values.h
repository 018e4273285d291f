/* Arguments and results: whether they can be told here. The hooks that tell of calls tell of them as well. */
#ifndef SCOPE_RECORDER_VALUES_H
#define SCOPE_RECORDER_VALUES_H

#include "python_api.h"

int scope_values_put(void);
void scope_values_sweep(PyObject *frames);
void scope_values_undo(void);

#endif
