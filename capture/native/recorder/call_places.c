/* Where code calls from: the lines of calling instructions that were looked up before.
 *
 * To look one up means to go through a code object's table of lines, for up to a microsecond; a program calls from few
 * places, from each of them very often. Code objects are addresses here: what is known of one goes when it does. */
#include "call_places.h"

#include <string.h>

#define PLACES (1u << SCOPE_CALL_PLACE_BITS)
#define MARK_BITS 9

struct scope_call_place scope_call_places[PLACES];

static bool marked[1u << MARK_BITS]; /* by code object: there may be places of it */

/* GIL not needed; does not allocate. */
static bool *mark_of(const PyObject *code) {
    return &marked[((uint64_t)(uintptr_t)code >> 4) * 0x9E3779B97F4A7C15u >> (64 - MARK_BITS)];
}

/* GIL held; does not allocate. */
void scope_call_places_clear(void) {
    memset(scope_call_places, 0, sizeof scope_call_places);
    memset(marked, 0, sizeof marked);
}

/* GIL held; does not allocate. The code object goes. */
void scope_call_places_forget(const PyObject *code) {
    if (!*mark_of(code))
        return;
    for (uint32_t i = 0; i < PLACES; i++)
        if (scope_call_places[i].code == (uint32_t)((uintptr_t)code >> 4))
            scope_call_places[i] = (struct scope_call_place){0};
}

/* GIL held; does not allocate. In place of what was there. */
void scope_call_place_keep(const PyObject *code, uint64_t key, uint32_t line) {
    *mark_of(code) = true;
    *scope_call_place_of(key) = (struct scope_call_place){key, line, (uint32_t)((uintptr_t)code >> 4)};
}
