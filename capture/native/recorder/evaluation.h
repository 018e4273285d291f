/* How code that is left out costs little on 3.10 and 3.11. */
#ifndef SCOPE_RECORDER_LEAVE_OUT_H
#define SCOPE_RECORDER_LEAVE_OUT_H

#include "python_api.h"

bool scope_leave_out_start(size_t hook_offset, scope_tracefunc hook);
bool scope_leave_out_works(void);
bool scope_leave_out_displaced(void);
void scope_leave_out_stop(void);

#endif
