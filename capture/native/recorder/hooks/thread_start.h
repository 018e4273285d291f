/* Seeing threads start and end: C wrappers around the functions that start them. */
#ifndef SCOPE_RECORDER_THREAD_START_H
#define SCOPE_RECORDER_THREAD_START_H

#include "python_api.h"

void scope_thread_start_wrap(void);
void scope_thread_start_restore(void);

#endif
