/* The program's garbage is found on the program's threads, and its collector is on or off as the program has set it. */
#ifndef SCOPE_RECORDER_COLLECTOR_H
#define SCOPE_RECORDER_COLLECTOR_H

#include "python_api.h"

void scope_collector_wrap(void);
void scope_collector_restore(void);
void scope_collector_hold(void);
bool scope_collector_let_go(void);
void scope_collector_forget(void);
void scope_collector_end(void);
PyObject *scope_collector_objects(void);

#endif
