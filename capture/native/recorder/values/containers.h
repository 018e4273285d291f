/* Containers that watched instances hold, which change without a write to the attribute: looked at again. */
#ifndef SCOPE_RECORDER_CONTAINERS_H
#define SCOPE_RECORDER_CONTAINERS_H

#include "values/render.h"
#include "writer.h"

void scope_containers_note(PyObject *object, PyObject *name, uint32_t key, uint64_t serial,
                           const struct scope_text *text);
void scope_containers_told(uint32_t key, uint64_t serial, const struct scope_text *text);
void scope_containers_look(struct scope_writer *w, uint64_t patience_ns);
size_t scope_containers_bytes(void);
void scope_containers_close(void);

#endif
