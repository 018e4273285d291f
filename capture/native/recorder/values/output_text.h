/* What is printed, logged or warned of, as events: whole, in as many as it takes, without secrets. */
#ifndef SCOPE_RECORDER_OUTPUT_TEXT_H
#define SCOPE_RECORDER_OUTPUT_TEXT_H

#include "python_api.h"

void scope_output_open(void);
void scope_output_write(uint32_t flags, const char *heading, const unsigned char *text, size_t count);
void scope_output_write_str(uint32_t flags, const char *heading, PyObject *text, PyObject *errors);

#endif
