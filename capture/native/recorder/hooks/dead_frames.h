/* The frames of exceptions: whether they can be told here. The hooks that tell of exceptions tell of them as well. */
#ifndef SCOPE_RECORDER_HOOKS_DEAD_FRAMES_H
#define SCOPE_RECORDER_HOOKS_DEAD_FRAMES_H

#include "python_api.h"

bool scope_dead_frames_prove(void);
int scope_dead_frames_put(void);
void scope_dead_frames_sweep(PyObject *frames);
void scope_dead_frames_undo(void);

#endif
