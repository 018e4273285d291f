/* What has been written of values already.
 *
 * One table for all threads: who has the GIL uses it, and a key holds the number of the chunk, so that nobody finds what
 * stands in another one. A chunk can be read by itself, and one that is lost or overwritten takes only itself along. */
#include "values/written.h"

#include "clock.h"
#include "pool.h"

#include <stdlib.h>

#define HALF_A_SECOND_NS 500000000u
#define FEWEST_TICKS 100000000u /* of half a second, until that is known: as if there were 200 million a second */

static struct scope_written nothing[2]; /* so that who looks without a table finds nothing instead of faulting */
static uint64_t last_id;

struct scope_written *scope_written = nothing;
uint32_t scope_written_shift = 63;
uint64_t scope_fresh_ticks;

/* GIL held; allocates plain memory; false when there is none. Ids go on: no two recordings of a process share one. */
bool scope_written_open(void) {
    struct scope_written *table =
        scope_written == nothing ? calloc((size_t)1 << SCOPE_WRITTEN_BITS, sizeof *table) : scope_written;
    if (!table)
        return false;
    scope_written = table;
    scope_written_shift = 64 - SCOPE_WRITTEN_BITS;
    scope_fresh_ticks = scope_clock_kind == SCOPE_CLOCK_MONOTONIC ? HALF_A_SECOND_NS : FEWEST_TICKS;
    return true;
}

/* GIL held; frees plain memory. */
void scope_written_close(void) {
    scope_fresh_ticks = 0;
    if (scope_written != nothing)
        free(scope_written);
    scope_written = nothing;
    scope_written_shift = 63;
}

/* GIL held; does not allocate. Four times a second: how many ticks half a second has. */
void scope_written_sweep(void) {
    const struct scope_pool_header *header = scope_pool.header;
    const uint64_t ns = scope_mono_ns() - header->start_mono_ns, ticks = scope_ticks() - header->start_ticks;
    if (scope_clock_kind != SCOPE_CLOCK_MONOTONIC && ns > HALF_A_SECOND_NS / 10)
        scope_fresh_ticks = (uint64_t)((double)ticks / (double)ns * HALF_A_SECOND_NS);
}

/* GIL held; does not allocate. What the table takes of the target's memory. */
size_t scope_written_bytes(void) {
    return scope_written == nothing ? 0 : sizeof *scope_written << SCOPE_WRITTEN_BITS;
}

/* GIL held; does not allocate. */
uint64_t scope_written_next_id(void) {
    return ++last_id;
}

/* GIL not needed; does not allocate. In two lanes, for the multiplications of one to go on beside those of the other. */
uint64_t scope_key_of_bytes(const unsigned char *bytes, size_t count) {
    uint64_t lanes[2] = {count, ~count}, words[4];
    for (; count >= 32; bytes += 32, count -= 32) {
        memcpy(words, bytes, 32);
        lanes[0] = scope_mix(lanes[0] ^ words[0], words[1]);
        lanes[1] = scope_mix(lanes[1] ^ words[2], words[3]);
    }
    memset(words, 0, sizeof words);
    memcpy(words, bytes, count);
    return scope_mix(scope_mix(lanes[0] ^ words[0], words[1]), scope_mix(lanes[1] ^ words[2], words[3]));
}
