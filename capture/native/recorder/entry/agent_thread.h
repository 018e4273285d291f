/* The agent's thread: the same native one whichever way we got in. */
#ifndef SCOPE_RECORDER_AGENT_THREAD_H
#define SCOPE_RECORDER_AGENT_THREAD_H

#include "python_api.h"

/* Makes what the agent's code finds as `recorder`: GIL held; new reference or NULL with an exception. */
typedef PyObject *(*scope_recorder_maker)(void);

int scope_agent_start(const char *config, scope_recorder_maker make_recorder);
PyObject *scope_agent_start_from_python(PyObject *args, scope_recorder_maker make_recorder);
bool scope_agent_is_serving(void);

#endif
