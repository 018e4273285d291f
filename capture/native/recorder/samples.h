/* What a hook takes amid the program: one in a thousand is timed, from its first instruction to the time in its record.
 *
 * Loops that measure prices have the processor's caches to themselves. A program that does other things between two
 * calls has not, and how much that matters shows in the same piece of code timed here and there. The timed hook does what
 * the others do; whether it is one costs them one comparison of what they read anyway. */
#ifndef SCOPE_RECORDER_SAMPLES_H
#define SCOPE_RECORDER_SAMPLES_H

#include "writer.h"

#define SCOPE_SAMPLES_APART 1024u /* records, on average; a power of two */
#define SCOPE_SAMPLES_IN_LOOPS 64u

void scope_sample_ends(uint64_t began);
void scope_sample_from_here(struct scope_writer *w);
void scope_sample_every(struct scope_writer *w, uint32_t apart);

/* GIL held; does not allocate. At the beginning of a hook: the time if it is one that is timed, else 0. `sample_at` is then
 * the record that it begins with. */
static inline uint64_t scope_sample_begins(void) {
    struct scope_writer *w = scope_tls;
    if (SCOPE_LIKELY(!w || w->next < w->sample_at))
        return 0;
    w->sample_at = w->next;
    return scope_ticks();
}

/* GIL held; does not allocate. Whether all that there is to do for the next event is to write it: there is room, it is not
 * timed, and a reading of the clock is no call. */
static inline bool scope_writes_at_once(const struct scope_writer *w) {
    return w->next < w->limit && w->next < w->sample_at && scope_clock_is_an_instruction();
}

#endif
