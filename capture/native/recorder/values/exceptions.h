/* Exception types as small numbers, which raises are worth an event, and what an exception says. */
#ifndef SCOPE_RECORDER_EXCEPTIONS_H
#define SCOPE_RECORDER_EXCEPTIONS_H

#include "python_api.h"
#include "writer.h"

/* Where an exception is raised, in code that is recorded, or has come to. All is borrowed. */
struct scope_raise {
    const PyObject *code;
    PyFrameObject *frame; /* NULL = the thread's innermost one */
    uint32_t site, offset;
};

int scope_exceptions_open(void);
void scope_exceptions_close(void);
size_t scope_exceptions_bytes(void);
uint32_t scope_exception_id(PyObject *exception);
uint32_t scope_exception_type_id(PyObject *type);
void scope_exception_raised(struct scope_writer *w, const struct scope_raise *where, PyObject *exception,
                            PyObject *traceback);
PyObject *scope_exception_text(PyObject *exception);
void scope_exception_passes(struct scope_writer *w, PyObject *exception);
uint32_t scope_exception_leaves(struct scope_writer *w, PyObject *exception, bool has_traceback);

#endif
