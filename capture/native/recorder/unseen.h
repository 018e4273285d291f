/* What this recording cannot see, said by whoever notices it. */
#ifndef SCOPE_RECORDER_UNSEEN_H
#define SCOPE_RECORDER_UNSEEN_H

#include "python_api.h"

void scope_unseen_open(void);
void scope_unseen(const char *code, const char *detail);
PyObject *scope_unseen_from_python(PyObject *module, PyObject *args);

#endif
