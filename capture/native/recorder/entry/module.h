/* The Python face of the recorder: what the agent calls. */
#ifndef SCOPE_RECORDER_MODULE_H
#define SCOPE_RECORDER_MODULE_H

#include "python_api.h"

PyObject *scope_module_for_agent(void);

#endif
