/* One recording from beginning to end: what is switched on and off, and in which order. */
#ifndef SCOPE_RECORDER_RECORDING_H
#define SCOPE_RECORDER_RECORDING_H

#include "filter.h"
#include "python_api.h"

int scope_recording_begin(void);
int scope_recording_end(void);
void scope_recording_settle(void);
int scope_recording_change(struct scope_features features, uint32_t when_full);
void scope_recording_sweep(void);
void scope_recording_unhook(void);

#endif
