/* One recording from beginning to end: what is switched on and off, and in which order. */
#ifndef SCOPE_RECORDER_RECORDING_H
#define SCOPE_RECORDER_RECORDING_H

#include "python_api.h"

int scope_recording_begin(void);
int scope_recording_end(void);
void scope_recording_sweep(void);
void scope_recording_unhook(void);

#endif
