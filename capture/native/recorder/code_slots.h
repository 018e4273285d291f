/* The locals of a function: their names, and which of them each of its lines may bind. */
#ifndef SCOPE_RECORDER_CODE_SLOTS_H
#define SCOPE_RECORDER_CODE_SLOTS_H

#include "python_api.h"

#define SCOPE_SLOT_BITS 64u /* of a word of a set of slots */

struct scope_slot {
    uint32_t name; /* number of its definition; 0 = none */
    bool is_cell;  /* an inner function has it too, or an outer one */
    bool is_hidden;
    bool is_told; /* it has a name that the program has given it */
};

/* What is known of one code object. A set of its slots is `width` words. */
struct scope_code_slots {
    uint64_t serial; /* of no other one, also where its address is used again */
    uint32_t count;  /* of slots, in the order in which a frame has them */
    uint32_t width;
    long first;      /* its first line */
    uint32_t lines;  /* for as many from there on it is known what they bind */
    uint64_t *bound; /* for each, the slots that it may bind, and all cells, which others bind too */
    bool *is_loud;   /* for each, whether what a local holds may change with it */
    uint64_t *all;   /* the slots that are told */
    struct scope_slot slot[];
};

void scope_code_slots_prove(void);
const struct scope_code_slots *scope_code_slots_learn(PyObject *code);
void scope_code_slots_forget(const PyObject *code);
void scope_code_slots_close(void);
void scope_code_slots_end(void);
size_t scope_code_slots_bytes(void);

struct scope_kept_slots {
    const PyObject *code; /* borrowed: sites.c has it forgotten when it goes; NULL = free */
    struct scope_code_slots *slots;
};

extern struct scope_kept_slots *scope_kept_slots; /* open addressing, at most half full; never NULL */
extern uint32_t scope_kept_slots_shift, scope_kept_slots_mask;

/* GIL held; does not allocate; borrowed until any code object goes; NULL = nothing is known. */
static inline const struct scope_code_slots *scope_code_slots_find(const PyObject *code) {
    uint32_t at = (uint32_t)(((uint64_t)(uintptr_t)code >> 4) * 0x9E3779B97F4A7C15u >> scope_kept_slots_shift);
    for (;; at = (at + 1) & scope_kept_slots_mask)
        if (SCOPE_LIKELY(scope_kept_slots[at].code == code) || !scope_kept_slots[at].code)
            return scope_kept_slots[at].slots;
}

/* GIL not needed; does not allocate. The slots that `line` may bind. */
static inline const uint64_t *scope_bound_by(const struct scope_code_slots *of, uint32_t line) {
    const uint64_t below = (uint64_t)line - (uint64_t)of->first;
    return below < of->lines ? of->bound + below * of->width : of->all;
}

/* GIL not needed; does not allocate. Whether what a local holds may change with `line`, even though no code of the program has
 * run. */
static inline bool scope_is_loud(const struct scope_code_slots *of, uint32_t line) {
    const uint64_t below = (uint64_t)line - (uint64_t)of->first;
    return below >= of->lines || of->is_loud[below];
}

#endif
