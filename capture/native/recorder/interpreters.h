/* The interpreter that is recorded, its threads, and others in the same process. */
#ifndef SCOPE_RECORDER_INTERPRETERS_H
#define SCOPE_RECORDER_INTERPRETERS_H

#include "python_api.h"

bool scope_in_another_interpreter(void);
PyObject *scope_current_frames(void);
void scope_look_for_interpreters(void);

#endif
