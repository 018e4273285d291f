/* Exception types as small numbers, which raises are worth an event, and what an exception says. */
#ifndef SCOPE_RECORDER_EXCEPTIONS_H
#define SCOPE_RECORDER_EXCEPTIONS_H

#include "python_api.h"
#include "writer.h"

int scope_exceptions_open(void);
void scope_exceptions_close(void);
size_t scope_exceptions_bytes(void);
uint32_t scope_exception_id(PyObject *exception);
uint32_t scope_exception_type_id(PyObject *type);
void scope_exception_raised(struct scope_writer *w, uint32_t site, PyObject *exception, PyObject *traceback);
PyObject *scope_exception_text(PyObject *exception);
void scope_exception_passes(struct scope_writer *w, PyObject *exception);
uint32_t scope_exception_leaves(struct scope_writer *w, PyObject *exception, bool has_traceback);

#endif
