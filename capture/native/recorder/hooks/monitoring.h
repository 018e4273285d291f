/* The hooks of 3.12 and later: sys.monitoring with C callbacks. */
#ifndef SCOPE_RECORDER_MONITORING_H
#define SCOPE_RECORDER_MONITORING_H

#include "python_api.h"

int scope_monitoring_put(void);
void scope_monitoring_change(void);
void scope_monitoring_look(void);
void scope_monitoring_sweep(PyObject *frames);
void scope_monitoring_undo(void);

#endif
