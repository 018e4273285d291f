/* The hook of 3.10 and 3.11: a profile function on every thread. */
#ifndef SCOPE_RECORDER_PROFILE_H
#define SCOPE_RECORDER_PROFILE_H

#include "python_api.h"

int scope_profile_put(void);
void scope_profile_begin(PyObject *frames);
void scope_profile_change(void);
void scope_profile_sweep(PyObject *frames);
void scope_profile_undo(void);
void scope_profile_hook_this_thread(void);
void scope_profile_unhook_this_thread(void);
uint32_t scope_profile_foreign(void);

#endif
