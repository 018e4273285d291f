/* Kinds of exceptions, and how often the frames of each are told.
 *
 * What is read of the frames of an exception takes microseconds, and a program may raise a million of a kind in a minute.
 * The first few of a kind are told always; then each kind has its rate, and all of them together have one, so that a storm
 * of many kinds costs no more than one of a single kind. The raise itself is told of every one.
 *
 * Source of the rates: 20 frames with 10 locals are to take 50 us at most (5 measured), 100 a second of them half a
 * percent. */
#include "values/exception_kinds.h"

#include "clock.h"
#include "values/written.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 8
#define MOST_KINDS 50000u /* later ones have no place of their own, and count as one that was told often */
#define BETWEEN_NS 100000000u
#define SECOND_NS 1000000000u
#define MOST_A_SECOND 100u

static struct scope_exception_kind *table; /* open addressing, at most half full */
static uint32_t bits, count;
static struct scope_exception_kind others;
static uint64_t second_ns; /* when the present one began */
static uint32_t in_second;

/* GIL held; does not allocate. Where a kind is, or the free place where it belongs. */
static struct scope_exception_kind *place_of(uint64_t hash) {
    const uint32_t mask = (1u << bits) - 1;
    uint32_t at = (uint32_t)(hash >> 32) & mask;
    while (table[at].hash && table[at].hash != hash)
        at = (at + 1) & mask;
    return &table[at];
}

/* GIL held; allocates plain memory; false when there is none. */
static bool make_room(void) {
    if (table && count * 2 < 1u << bits)
        return true;
    struct scope_exception_kind *old = table, *bigger;
    const uint32_t old_size = old ? 1u << bits : 0;
    if (count >= MOST_KINDS || !(bigger = calloc(old ? 2 * (size_t)old_size : 1u << FIRST_BITS, sizeof *bigger)))
        return false;
    table = bigger;
    bits = old ? bits + 1 : FIRST_BITS;
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].hash)
            *place_of(old[i].hash) = old[i];
    free(old);
    return true;
}

/* GIL held; allocates plain memory; borrowed until the next one. `code` raises it at `offset`. */
struct scope_exception_kind *scope_exception_kind_of(const PyObject *code, uint32_t offset, uint32_t type,
                                                     bool *is_new) {
    const uint64_t hash = scope_mix((uint64_t)(uintptr_t)code, (uint64_t)offset << 32 | type) | 1;
    struct scope_exception_kind *kind = table ? place_of(hash) : NULL;
    *is_new = !kind || !kind->hash;
    if (!*is_new)
        return kind;
    if (!make_room()) {
        others = (struct scope_exception_kind){.told = SCOPE_ALWAYS_TOLD, .told_ns = others.told_ns};
        return &others;
    }
    kind = place_of(hash);
    *kind = (struct scope_exception_kind){.hash = hash};
    count += 1;
    return kind;
}

/* GIL held; does not allocate. Whether the frames of this one are told, which then counts. */
bool scope_exception_kind_is_due(struct scope_exception_kind *kind, bool all) {
    if (all)
        return true;
    if (kind->told < SCOPE_ALWAYS_TOLD) {
        kind->told += 1;
        return true;
    }
    const uint64_t now_ns = scope_coarse_ns();
    if (now_ns - kind->told_ns < BETWEEN_NS)
        return false;
    if (now_ns - second_ns >= SECOND_NS) {
        second_ns = now_ns;
        in_second = 0;
    }
    if (in_second >= MOST_A_SECOND)
        return false;
    in_second += 1;
    kind->told_ns = now_ns;
    return true;
}

/* GIL held; frees plain memory. */
void scope_exception_kinds_close(void) {
    free(table);
    table = NULL;
    bits = count = 0;
    others = (struct scope_exception_kind){0};
}

/* GIL held; does not allocate. What the table takes of the target's memory. */
size_t scope_exception_kinds_bytes(void) {
    return table ? sizeof *table << bits : 0;
}
