/* Where code calls from: the lines of calling instructions that were looked up before. */
#ifndef SCOPE_RECORDER_CALL_PLACES_H
#define SCOPE_RECORDER_CALL_PLACES_H

#include "python_api.h"

#include "scope_pool.h"

#define SCOPE_CALL_PLACE_BITS 12
#define SCOPE_MOST_CALL_LINE ((1u << (32 - SCOPE_SITE_BITS)) - 1)
#define SCOPE_NOT_RECORDED_PLACE (SCOPE_MOST_CALL_LINE + 1) /* in place of a line: its caller counts */

struct scope_call_place {
    uint64_t key;  /* of the instruction; 0 = free */
    uint32_t line; /* 0 = not known */
    uint32_t code; /* bits 4..35 of the address of its code object */
};

extern struct scope_call_place scope_call_places[1u << SCOPE_CALL_PLACE_BITS]; /* direct-mapped */

void scope_call_places_clear(void);
void scope_call_places_forget(const PyObject *code);
void scope_call_place_keep(const PyObject *code, uint64_t key, uint32_t line);

/* GIL not needed; does not allocate. A line as the upper bits of an event's `a`. */
static inline uint32_t scope_call_line_bits(uint32_t line) {
    return line <= SCOPE_MOST_CALL_LINE ? line << SCOPE_SITE_BITS : 0;
}

/* GIL held; does not allocate; borrowed. The only place where the instruction with this key can be. */
static inline struct scope_call_place *scope_call_place_of(uint64_t key) {
    return &scope_call_places[(key >> 1 ^ key >> 20) % (1u << SCOPE_CALL_PLACE_BITS)];
}

#endif
