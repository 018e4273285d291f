/* What the hooks cost on this interpreter, on this machine. */
#ifndef SCOPE_RECORDER_CALIBRATION_H
#define SCOPE_RECORDER_CALIBRATION_H

#include "python_api.h"

PyObject *scope_calibrate(PyObject *module, PyObject *args);
void scope_look_at_speed(void);
void scope_calibration_forget(void);

#endif
