/* What is written to stdout and stderr, by functions of ours in Python's own streams and os.write. */
#ifndef SCOPE_RECORDER_OUTPUT_H
#define SCOPE_RECORDER_OUTPUT_H

#include "python_api.h"

bool scope_output_prove(void);
int scope_output_put(void);
void scope_output_begin(PyObject *frames);
void scope_output_sweep(PyObject *frames);
void scope_output_undo(void);

#endif
