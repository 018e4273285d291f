/* Calls with their arguments, and what they return and yield. */
#ifndef SCOPE_RECORDER_TOLD_H
#define SCOPE_RECORDER_TOLD_H

#include "sites.h"

#include "scope_kinds.h"

/* A call that begins. */
struct scope_begun_call {
    uint32_t site;
    uint32_t flags;       /* of its code */
    const PyObject *code; /* borrowed */
    const void *frame;    /* whose locals are its arguments */
    bool has_no_cells;    /* it has not run its first instruction, which puts parameters into cells: 3.11 */
};

void scope_tell_call(const struct scope_begun_call *call, PyObject *entering);
void scope_tell_value(uint32_t kind, uint32_t site, uint32_t flags, PyObject *value, bool left);

/* GIL not needed; does not allocate. Whether there are arguments to tell. */
static inline bool scope_has_arguments(uint32_t flags) {
    return flags & SCOPE_CODE_ARGUMENTS;
}

/* GIL not needed; does not allocate. Whether there is a value to tell. */
static inline bool scope_has_value(uint32_t kind, uint32_t flags) {
    return flags & SCOPE_CODE_RESULT && (kind == SCOPE_RETURN || kind == SCOPE_YIELD);
}

#endif
