/* A thread's stack as events, so that a reader knows functions that were entered before the recording began. */
#ifndef SCOPE_RECORDER_SNAPSHOT_H
#define SCOPE_RECORDER_SNAPSHOT_H

#include "writer.h"

void scope_snapshot(struct scope_writer *w, PyFrameObject *frame, uint32_t reason, PyObject *entering);
void scope_switch_stacks(struct scope_writer *w, PyFrameObject *from, PyFrameObject *to, PyObject *entering);
void scope_snapshot_own(struct scope_writer *w, uint32_t reason, PyObject *entering);

#endif
