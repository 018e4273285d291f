/* The agent's thread: the same native one whichever way we got in. */
#ifndef SCOPE_RECORDER_AGENT_THREAD_H
#define SCOPE_RECORDER_AGENT_THREAD_H

#include "python_api.h"

int scope_agent_start(const char *config, const char *claimed);
PyObject *scope_agent_start_from_python(PyObject *module, PyObject *args);
bool scope_agent_is_serving(void);
bool scope_agent_park(void);
void scope_agent_resume(void);
void scope_agent_forget(void);
void scope_agent_drop(void);

#endif
