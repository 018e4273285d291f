/* How code that is left out costs little on 3.10 and 3.11. */
#ifndef SCOPE_RECORDER_EVALUATION_H
#define SCOPE_RECORDER_EVALUATION_H

#include "python_api.h"

bool scope_evaluation_start(size_t hook_offset, scope_tracefunc hook, bool (*meet_this_thread)(void));
bool scope_evaluation_step_aside(void);
void scope_evaluation_step_back(void);
void scope_evaluation_call_begins(void);
void scope_evaluation_change(void);
bool scope_evaluation_displaced(void);
void scope_evaluation_stop(void);

#endif
