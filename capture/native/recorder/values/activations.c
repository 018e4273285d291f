/* What was told last of the locals of each frame whose lines are recorded: a table by the address of the frame.
 *
 * A frame is known from its beginning to its end. One whose end nobody has told of, as that of a generator that is dropped,
 * stays until another one has its address, which begins anew; when there are too many of these, all are forgotten, and what
 * is bound in those that still run is told again. */
#include "values/activations.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 6
#define MOST_BITS 17 /* 64 Ki frames at a time */
#define SPARES 64u   /* sizes of which some are kept for the next frame */

static struct scope_activation **table; /* open addressing, at most half full; NULL = none yet */
static uint32_t bits, count;
static size_t bytes;
static struct scope_activation *spare[SPARES]; /* by slots; `changeable` is the next one */

/* GIL not needed; does not allocate. */
static inline uint32_t slot_of(const void *frame) {
    return (uint32_t)(((uint64_t)(uintptr_t)frame >> 3) * 0x9E3779B97F4A7C15u >> (64 - bits));
}

/* GIL held; does not allocate. Where the frame's is, or belongs. */
static inline uint32_t place_of(const void *frame) {
    uint32_t at = slot_of(frame);
    while (table[at] && table[at]->frame != frame)
        at = (at + 1) & ((1u << bits) - 1);
    return at;
}

/* GIL not needed; does not allocate. */
static size_t size_of(uint32_t slots, uint32_t width) {
    return sizeof(struct scope_activation) + slots * sizeof(struct scope_seen) + 3 * width * sizeof(uint64_t);
}

/* GIL held; allocates plain memory; NULL when there is none. */
static struct scope_activation *take(const struct scope_code_slots *slots) {
    struct scope_activation *of = slots->count < SPARES ? spare[slots->count] : NULL;
    if (of) {
        spare[slots->count] = (struct scope_activation *)of->changeable;
    } else {
        of = malloc(size_of(slots->count, slots->width));
        bytes += of ? size_of(slots->count, slots->width) : 0;
    }
    return of;
}

/* GIL held; frees plain memory. */
static void give(struct scope_activation *of) {
    if (of->count < SPARES) {
        of->changeable = (uint64_t *)spare[of->count];
        spare[of->count] = of;
    } else {
        bytes -= size_of(of->count, of->width);
        free(of);
    }
}

/* GIL held; frees plain memory. */
static void forget_all(void) {
    for (uint32_t i = 0; table && i < 1u << bits; i++) {
        if (table[i])
            give(table[i]);
        table[i] = NULL;
    }
    count = 0;
}

/* GIL held; allocates plain memory; false when there is none. */
static bool make_room(void) {
    if (table && count * 2 < 1u << bits)
        return true;
    if (bits == MOST_BITS) {
        forget_all();
        return true;
    }
    struct scope_activation **old = table;
    const uint32_t old_size = old ? 1u << bits : 0, new_bits = old ? bits + 1 : FIRST_BITS;
    struct scope_activation **bigger = calloc((size_t)1 << new_bits, sizeof *bigger);
    if (!bigger)
        return false;
    table = bigger;
    bits = new_bits;
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i])
            table[place_of(old[i]->frame)] = old[i];
    free(old);
    return true;
}

/* GIL held; does not allocate. Those that had to step aside for this one move up. */
static void take_out(uint32_t hole) {
    const uint32_t mask = (1u << bits) - 1;
    for (uint32_t at = (hole + 1) & mask; table[at]; at = (at + 1) & mask) {
        if (((at - slot_of(table[at]->frame)) & mask) < ((at - hole) & mask))
            continue;
        table[hole] = table[at];
        hole = at;
    }
    table[hole] = NULL;
    count -= 1;
}

/* GIL held; does not allocate; borrowed until another one begins or ends; NULL = not known. */
struct scope_activation *scope_activation_of(const void *frame, const struct scope_code_slots *slots) {
    struct scope_activation *of = table ? table[place_of(frame)] : NULL;
    return of && of->slots_serial == slots->serial ? of : NULL;
}

/* GIL held; allocates plain memory; borrowed until another one begins or ends; NULL = no memory. A frame of which nothing has
 * been told. */
struct scope_activation *scope_activation_begin(const void *frame, const struct scope_code_slots *slots) {
    if (!make_room())
        return NULL;
    uint32_t at = place_of(frame);
    if (table[at] && table[at]->count != slots->count) {
        give(table[at]);
        take_out(at);
        at = place_of(frame);
    }
    struct scope_activation *of = table[at] ? table[at] : take(slots);
    if (!of)
        return NULL;
    count += table[at] == NULL;
    table[at] = of;
    *of = (struct scope_activation){
        .frame = frame, .slots_serial = slots->serial, .count = slots->count, .width = slots->width};
    of->changeable = (uint64_t *)(of->seen + of->count);
    of->changed = of->changeable + of->width;
    of->in_place = of->changed + of->width;
    memset(of->seen, 0, of->count * sizeof *of->seen + 3 * of->width * sizeof *of->changed);
    return of;
}

/* GIL held; frees plain memory. Nobody asks for it any more. */
void scope_activation_end(const void *frame) {
    const uint32_t at = table ? place_of(frame) : 0;
    if (!table || !table[at])
        return;
    give(table[at]);
    take_out(at);
}

/* GIL held; frees plain memory. Nothing is known of any frame. */
void scope_activations_close(void) {
    forget_all();
    for (uint32_t i = 0; i < SPARES; i++)
        while (spare[i]) {
            struct scope_activation *of = spare[i];
            spare[i] = (struct scope_activation *)of->changeable;
            free(of);
        }
    free(table);
    table = NULL;
    bits = 0;
    bytes = 0;
}

/* GIL held; does not allocate. What it takes of the target's memory. */
size_t scope_activations_bytes(void) {
    return bytes + (table ? sizeof *table << bits : 0);
}
