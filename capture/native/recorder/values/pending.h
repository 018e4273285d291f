/* The latest values of attributes that change too often to write each of them. */
#ifndef SCOPE_RECORDER_PENDING_H
#define SCOPE_RECORDER_PENDING_H

#include "values/attribute_keys.h"
#include "writer.h"

enum scope_noted {
    SCOPE_NOTED,        /* it will be written at the end of the slice */
    SCOPE_NOTED_FIRST,  /* write it now, as one that changes unseen from here on; the next ones are noted */
    SCOPE_NOTED_NOWHERE /* there is no room for one more attribute of an instance in this slice */
};

extern uint32_t scope_pending_count;

enum scope_noted scope_pending_note(struct scope_writer *w, const struct scope_attribute_key *key, uint64_t serial,
                                    PyObject *value);
void scope_pending_settle(struct scope_writer *w, const struct scope_attribute_key *key, uint64_t serial);
void scope_pending_look(struct scope_writer *w, bool everything);
size_t scope_pending_bytes(void);
void scope_pending_close(void);

#endif
