/* Where a launched program stands: at the bottom of its thread's stack, as if the interpreter had called it. */
#ifndef SCOPE_BOTTOM_H
#define SCOPE_BOTTOM_H

#include "python_api.h"

PyObject *scope_run_at_bottom(PyObject *module, PyObject *args);

#endif
