/* The frames of an exception and their locals, as they are where it is raised. */
#ifndef SCOPE_RECORDER_DEAD_FRAMES_H
#define SCOPE_RECORDER_DEAD_FRAMES_H

#include "python_api.h"
#include "writer.h"

int scope_dead_frames_open(void);
void scope_dead_frames_tell(struct scope_writer *w, PyObject *traceback, PyFrameObject *frame, uint64_t ticks);
long scope_number_in(PyObject *object, PyObject *name);

#endif
