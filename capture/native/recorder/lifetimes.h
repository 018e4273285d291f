/* Hearing of the end of a code object, without keeping it. */
#ifndef SCOPE_RECORDER_LIFETIMES_H
#define SCOPE_RECORDER_LIFETIMES_H

#include "python_api.h"

typedef void (*scope_code_death)(const PyObject *code);

int scope_lifetimes_watch(scope_code_death died);
void scope_lifetimes_unwatch(void);
bool scope_lifetime_watch(PyObject *code, PyObject *instructions);
void scope_lifetime_unwatch(PyObject *code);
const unsigned char *scope_lifetime_instructions(PyObject *code, Py_ssize_t *size);

#endif
