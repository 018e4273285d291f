/* Tracks whose calls cannot be followed for a while. */
#ifndef SCOPE_RECORDER_BLINDNESS_H
#define SCOPE_RECORDER_BLINDNESS_H

#include "writer.h"

void scope_blind(struct scope_writer *w, uint32_t reason, uint64_t since_ticks);
void scope_blind_sweep(void);
void scope_see_again(struct scope_writer *w, uint32_t reason, uint64_t since_ticks);

void scope_blindness_open(void);
void scope_blind_newcomer(struct scope_writer *w);
void scope_blind_all(uint32_t reason, uint64_t since_ticks);
void scope_blind_no_more(uint32_t reason);
void scope_see_all_again(uint32_t reason, uint64_t since_ticks, PyObject *frames, bool calls);

#endif
