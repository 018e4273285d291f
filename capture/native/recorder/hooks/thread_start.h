/* Seeing threads start and end: C wrappers around the functions that start them. */
#ifndef SCOPE_RECORDER_THREAD_START_H
#define SCOPE_RECORDER_THREAD_START_H

#include "python_api.h"

int scope_thread_start_put(void);
void scope_thread_start_look(void);
void scope_thread_start_undo(void);

#endif
