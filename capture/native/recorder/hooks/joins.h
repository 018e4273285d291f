/* Waiting for a thread: events around threading.Thread.join. */
#ifndef SCOPE_RECORDER_JOINS_H
#define SCOPE_RECORDER_JOINS_H

#include "python_api.h"

void scope_join_begins(PyObject *frame);
void scope_join_ends(PyObject *frame);

#endif
