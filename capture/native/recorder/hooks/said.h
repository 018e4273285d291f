/* What is logged and warned of: told as `logging` hands a record on, and `warnings` a message. */
#ifndef SCOPE_RECORDER_SAID_H
#define SCOPE_RECORDER_SAID_H

#include "python_api.h"

void scope_said(PyObject *frame, uint32_t code_flags);

#endif
