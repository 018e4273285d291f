/* What `threading` knows of the program's threads. */
#ifndef SCOPE_RECORDER_THREAD_NAMES_H
#define SCOPE_RECORDER_THREAD_NAMES_H

#include "python_api.h"

PyObject *scope_thread_news(void);
void scope_thread_names_close(void);

#endif
