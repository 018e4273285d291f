/* How often the hooks were called, by what it costs: for saying how much of the program's time recording takes. */
#ifndef SCOPE_RECORDER_COSTS_H
#define SCOPE_RECORDER_COSTS_H

#include "scope_pool.h"

/* GIL held. In the pool's header while recording, where the recorder reads them; else memory that nobody reads. */
extern uint64_t *scope_counts;

void scope_costs_go_to(uint64_t *counts);

#endif
