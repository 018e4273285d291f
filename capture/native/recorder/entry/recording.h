/* One recording from beginning to end: what is switched on and off, and in which order. */
#ifndef SCOPE_RECORDER_RECORDING_H
#define SCOPE_RECORDER_RECORDING_H

#include "python_api.h"

struct scope_features {
    bool calls;   /* calls, returns and stacks */
    bool raises;  /* exceptions where they are raised; 3.12+ */
    bool globals; /* module globals over time */
    bool attributes;
};

extern struct scope_features scope_features;

int scope_recording_begin(void);
int scope_recording_end(void);
void scope_recording_sweep(void);
void scope_recording_stop_state(void);
void scope_recording_unhook(void);

#endif
