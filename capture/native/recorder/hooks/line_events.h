/* The LINE events of sys.monitoring: of which code we are told line by line. */
#ifndef SCOPE_RECORDER_LINE_EVENTS_H
#define SCOPE_RECORDER_LINE_EVENTS_H

#include "python_api.h"

void scope_line_events_begin(void);
void scope_line_events_sweep(void);
void scope_line_events_let_go(void);

#endif
