/* The recorder's side of the shared-memory pool: which chunks hold something new, and giving them back.
 *
 * The pool is written by another process, so every length is checked against the mapping before it is used; a
 * target that scribbles over its pool makes this return -1, never read out of range. No Python API here. */
#include "host.h"
#include "scope_pool.h"

#include <string.h>

static int pool_is_sound(const unsigned char *base, uint64_t size) {
    static const unsigned char inverted[8] = SCOPE_POOL_MAGIC_INVERTED;
    const struct scope_pool_header *h = (const struct scope_pool_header *)base;
    if (size < SCOPE_POOL_HEADER_BYTES)
        return 0;
    for (int i = 0; i < 8; i++)
        if ((h->magic[i] ^ inverted[i]) != 0xff)
            return 0;
    return h->abi == SCOPE_POOL_ABI && h->chunk_bytes == SCOPE_CHUNK_BYTES &&
           h->record_bytes == sizeof(struct scope_record) && h->chunks_offset <= size &&
           (uint64_t)h->chunk_count * SCOPE_CHUNK_BYTES <= size - h->chunks_offset &&
           h->chunks_claimed <= h->chunk_count;
}

static struct scope_chunk *chunk_at(const unsigned char *base, uint32_t index) {
    const struct scope_pool_header *h = (const struct scope_pool_header *)base;
    return (struct scope_chunk *)(base + h->chunks_offset + (uint64_t)index * SCOPE_CHUNK_BYTES);
}

/* Slots that one event takes, head included; wide enough for what a damaged head may claim. */
static uint64_t event_slots(const struct scope_record *head) {
    if (head->kind == SCOPE_SNAPSHOT)
        return 1 + (uint64_t)head->a;
    if (head->kind == SCOPE_STATE)
        return 1 + (8 + (uint32_t)head->b + 15) / 16;
    return 1;
}

static uint32_t count_events(const struct scope_chunk *chunk, uint32_t from, uint32_t to) {
    const struct scope_record *records =
        (const struct scope_record *)((const unsigned char *)chunk + SCOPE_CHUNK_HEADER_BYTES);
    uint32_t events = 0;
    for (uint64_t i = from; i < to; i += event_slots(&records[i]))
        events++;
    return events;
}

/* Chunks with something to journal or to free, unordered. Returns their number, or -1 if this is no sound pool.
 *
 * Two passes over `committed`: a successor chunk seen in the first pass proves that its predecessor was closed by
 * then, so the second read of the predecessor is final and a track's records never arrive out of order by a pass. */
SCOPE_EXPORT int32_t scope_pool_scan(const unsigned char *base, uint64_t size, struct scope_scan_entry *out,
                                     int32_t cap) {
    if (!pool_is_sound(base, size))
        return -1;
    const struct scope_pool_header *h = (const struct scope_pool_header *)base;
    uint32_t claimed = __atomic_load_n(&h->chunks_claimed, __ATOMIC_ACQUIRE);
    int32_t n = 0;
    for (uint32_t i = 0; i < claimed && i < h->chunk_count && n < cap; i++) {
        const struct scope_chunk *c = chunk_at(base, i);
        uint32_t state = __atomic_load_n(&c->state, __ATOMIC_ACQUIRE);
        if (state == 0)
            continue;
        if (state == 1 && __atomic_load_n(&c->committed, __ATOMIC_ACQUIRE) == c->drained)
            continue;
        out[n++].index = i;
    }
    int32_t kept = 0;
    for (int32_t k = 0; k < n; k++) {
        const struct scope_chunk *c = chunk_at(base, out[k].index);
        struct scope_scan_entry e = {.index = out[k].index};
        e.state = __atomic_load_n(&c->state, __ATOMIC_ACQUIRE);
        e.committed = __atomic_load_n(&c->committed, __ATOMIC_ACQUIRE);
        e.track_serial = c->track_serial;
        e.generation = c->generation;
        e.drained = c->drained;
        e.seq_start = c->seq_start;
        e.dropped_before = c->dropped_before;
        if (e.committed > SCOPE_CHUNK_CAPACITY || e.drained > e.committed)
            return -1;
        if (e.state == 1 && e.committed == e.drained)
            continue;
        /* Counted, not stored beside `drained`: two stores could be torn apart by a kill. */
        e.drained_events = count_events(c, 0, e.drained);
        e.new_events = count_events(c, e.drained, e.committed);
        out[kept++] = e;
    }
    return kept;
}

/* Says that the entry's slots up to `committed` are in the journal; frees the chunk if it is closed and drained.
 * Returns 1 if freed, 0 if not, -1 if the pool is unsound. */
SCOPE_EXPORT int32_t scope_pool_advance(unsigned char *base, uint64_t size, const struct scope_scan_entry *entry) {
    if (!pool_is_sound(base, size) || entry->index >= ((const struct scope_pool_header *)base)->chunk_count)
        return -1;
    struct scope_chunk *c = chunk_at(base, entry->index);
    __atomic_store_n(&c->drained, entry->committed, __ATOMIC_RELEASE);
    if (entry->state != 2)
        return 0;
    c->drained = 0; /* before the state: a kill in between makes a later run journal the chunk twice, and sequence
                       numbers drop the copy; the other order would leave a position beyond a new owner's records */
    __atomic_store_n(&c->state, 0, __ATOMIC_RELEASE);
    return 1;
}
