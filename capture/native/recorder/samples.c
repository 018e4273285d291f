/* What a hook takes amid the program: which hooks are timed, and their sum. */
#include "samples.h"

#include "costs.h"

#define MOST_TICKS 8192u /* some microseconds: more is no hook, but a thread that had to wait for the processor */

static uint32_t samples_apart = SCOPE_SAMPLES_APART;

/* GIL not needed; does not allocate. Half the distance is chance: no loop of the program keeps step with it. */
static void choose(struct scope_writer *w, uint32_t least) {
    const uint64_t noise = scope_ticks() * 0x9E3779B97F4A7C15u;
    w->sample_at = w->next + least + (uint32_t)(noise >> 32) % samples_apart;
}

/* GIL not needed; does not allocate. `w` has a chunk with nothing in it. */
void scope_sample_from_here(struct scope_writer *w) {
    choose(w, 0);
}

/* GIL held; does not allocate. From here on, on all threads. */
void scope_sample_every(struct scope_writer *w, uint32_t apart) {
    samples_apart = apart;
    choose(w, 0);
}

/* GIL held; does not allocate. A hook that wrote no record, or not here, does not count; of one that wrote values counts what
 * came after the time in its record, for these, apart: what it took before is dearer than without being timed.
 * A reading of the clock is no part of it. */
void scope_sample_ends(uint64_t began) {
    struct scope_writer *w = scope_tls;
    if (!w)
        return;
    const uint32_t first = w->sample_at;
    if (first < w->next && w->records[first].ticks >= began) {
        const bool is_long = w->next > first + 1;
        const uint64_t at = w->records[first].ticks, now = scope_ticks(), reading = scope_ticks() - now;
        const uint64_t after = now - at > reading ? now - at - reading : 0, took = is_long ? after : at - began;
        if (took < MOST_TICKS) {
            scope_counts[is_long ? SCOPE_COST_LONG_TICKS : SCOPE_COST_SAMPLED_TICKS] += took;
            scope_counts[is_long ? SCOPE_COST_LONG_SAMPLES : SCOPE_COST_SAMPLES] += 1;
        }
    }
    choose(w, samples_apart / 2);
}
