/* Scope's own threads keep clear of the interpreter while another thread forks. */
#ifndef SCOPE_RECORDER_FORK_GATE_H
#define SCOPE_RECORDER_FORK_GATE_H

#include "python_api.h"

void scope_gate_open(void);
void scope_gate_enter(void);
bool scope_gate_leave(void);
void scope_gate_before_fork(void);
void scope_gate_after_fork(void);
void scope_gate_forget(void);

#endif
