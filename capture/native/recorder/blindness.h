/* Tracks whose calls cannot be followed for a while. */
#ifndef SCOPE_RECORDER_BLINDNESS_H
#define SCOPE_RECORDER_BLINDNESS_H

#include "writer.h"

void scope_blind(struct scope_writer *w, uint32_t reason, uint64_t since_ticks);
void scope_blind_sweep(void);
void scope_see_again(struct scope_writer *w, uint32_t reason, uint64_t since_ticks);

#endif
