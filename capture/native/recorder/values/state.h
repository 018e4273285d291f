/* Values over time as events. What is watched: module globals (hooks/globals.c), attributes of instances
 * (hooks/attributes.c). */
#ifndef SCOPE_RECORDER_STATE_H
#define SCOPE_RECORDER_STATE_H

#include "values/render.h"
#include "writer.h"

void scope_state_open(void);
uint32_t scope_state_define(const char *owner, const char *key, const char *kind);
void scope_state_write(struct scope_writer *w, uint32_t key, uint64_t object, uint32_t flags,
                       const struct scope_text *text);
void scope_state_write_changes(struct scope_writer *w, uint32_t key, uint64_t object, uint32_t flags,
                               const struct scope_text *text, uint64_t changes);
bool scope_state_is_interesting(PyObject *value);

#endif
