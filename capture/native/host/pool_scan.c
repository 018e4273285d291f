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
    return h->abi == SCOPE_POOL_ABI && h->block_bytes == SCOPE_CHUNK_BYTES && h->small_bytes == SCOPE_SMALL_BYTES &&
           h->record_bytes == sizeof(struct scope_record) && h->blocks_offset <= size &&
           (uint64_t)h->block_count * SCOPE_CHUNK_BYTES <= size - h->blocks_offset &&
           h->table_offset % sizeof(uint32_t) == 0 && h->table_offset <= size &&
           (uint64_t)h->block_count * sizeof(uint32_t) <= size - h->table_offset && h->blocks_used <= h->block_count;
}

static uint32_t *word_of(const unsigned char *base, uint32_t block) {
    const struct scope_pool_header *h = (const struct scope_pool_header *)base;
    return (uint32_t *)(base + h->table_offset) + block;
}

/* A chunk's index counts small ones, so that it tells the place without the table. */
static struct scope_chunk *chunk_at(const unsigned char *base, uint32_t index) {
    const struct scope_pool_header *h = (const struct scope_pool_header *)base;
    return (struct scope_chunk *)(base + h->blocks_offset + (uint64_t)index * SCOPE_SMALL_BYTES);
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

/* The header as one owner wrote it. False when it changes hands just now: then the chunk holds nothing that is not
 * drained. What the table says is in use stays so until we free it, and a chunk with something to drain keeps its owner. */
static int read_header(const unsigned char *base, uint32_t index, struct scope_scan_entry *e) {
    const struct scope_chunk *c = chunk_at(base, index);
    *e = (struct scope_scan_entry){.index = index, .generation = __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE)};
    e->state = __atomic_load_n(&c->state, __ATOMIC_ACQUIRE);
    e->committed = __atomic_load_n(&c->committed, __ATOMIC_ACQUIRE);
    e->track_serial = c->track_serial;
    e->drained = c->drained;
    e->seq_start = c->seq_start;
    e->dropped_before = c->dropped_before;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return e->generation % 2 == 0 && e->generation == __atomic_load_n(&c->generation, __ATOMIC_RELAXED);
}

static int is_due(const struct scope_scan_entry *e) {
    return e->state == SCOPE_CHUNK_CLOSED || (e->state == SCOPE_CHUNK_WRITING && e->committed != e->drained);
}

/* Chunks with something to journal or to free, unordered. Returns their number, which is `cap` when there may be more, or
 * -1 if this is no sound pool.
 *
 * Two passes over `committed`: a successor chunk seen in the first pass proves that its predecessor was closed by
 * then, so the second read of the predecessor is final and a track's records never arrive out of order by a pass. */
SCOPE_EXPORT int32_t scope_pool_scan(const unsigned char *base, uint64_t size, struct scope_scan_entry *out,
                                     int32_t cap) {
    if (!pool_is_sound(base, size))
        return -1;
    const struct scope_pool_header *h = (const struct scope_pool_header *)base;
    const uint32_t used = __atomic_load_n(&h->blocks_used, __ATOMIC_ACQUIRE);
    int32_t n = 0;
    for (uint32_t i = 0; i < used && i < h->block_count; i++) {
        const uint32_t word = __atomic_load_n(word_of(base, i), __ATOMIC_ACQUIRE);
        const uint32_t large = word & SCOPE_BLOCK_LARGE;
        for (uint32_t parts = word & (large ? 1u : SCOPE_BLOCK_PARTS); parts && n < cap; parts &= parts - 1) {
            const uint32_t index = i * SCOPE_SMALL_PER_BLOCK + (uint32_t)__builtin_ctz(parts);
            if (!read_header(base, index, &out[n]) || !is_due(&out[n]))
                continue;
            out[n++].capacity = large ? SCOPE_CHUNK_CAPACITY : SCOPE_SMALL_CAPACITY;
        }
    }
    int32_t kept = 0;
    for (int32_t k = 0; k < n; k++) {
        struct scope_scan_entry e;
        const uint32_t capacity = out[k].capacity;
        if (!read_header(base, out[k].index, &e) || !is_due(&e))
            continue;
        if (e.committed > capacity || e.drained > e.committed)
            return -1;
        const struct scope_chunk *c = chunk_at(base, e.index);
        e.capacity = capacity;
        /* Counted, not stored beside `drained`: two stores could be torn apart by a kill. */
        e.drained_events = count_events(c, 0, e.drained);
        e.new_events = count_events(c, e.drained, e.committed);
        out[kept++] = e;
    }
    return n == cap ? cap : kept;
}

/* Says that the entry's slots up to `committed` are in the journal; frees the chunk if it is closed and drained.
 * Returns 1 if freed, 0 if not, -1 if the pool is unsound. */
SCOPE_EXPORT int32_t scope_pool_advance(unsigned char *base, uint64_t size, const struct scope_scan_entry *entry) {
    const uint32_t block = entry->index / SCOPE_SMALL_PER_BLOCK;
    if (!pool_is_sound(base, size) || block >= ((const struct scope_pool_header *)base)->block_count)
        return -1;
    __atomic_store_n(&chunk_at(base, entry->index)->drained, entry->committed, __ATOMIC_RELEASE);
    if (entry->state != SCOPE_CHUNK_CLOSED)
        return 0;
    const uint32_t bits =
        entry->capacity == SCOPE_CHUNK_CAPACITY ? SCOPE_BLOCK_LARGE | 1u : 1u << entry->index % SCOPE_SMALL_PER_BLOCK;
    __atomic_fetch_and(word_of(base, block), ~bits, __ATOMIC_ACQ_REL); /* from here on it is the target's */
    return 1;
}

/* Drops of the tracks that have a slot, unordered: (serial, dropped) pairs. Returns their number, which is `cap` when there
 * may be more, or -1 if this is no sound pool. */
SCOPE_EXPORT int32_t scope_pool_drops(const unsigned char *base, uint64_t size, uint64_t *out, int32_t cap) {
    if (!pool_is_sound(base, size))
        return -1;
    const struct scope_pool_header *h = (const struct scope_pool_header *)base;
    int32_t n = 0;
    for (uint32_t i = 0; i < h->blocks_used; i++) {
        const uint32_t word = __atomic_load_n(word_of(base, i), __ATOMIC_ACQUIRE);
        for (uint32_t parts = word & SCOPE_BLOCK_LARGE ? 0 : word & SCOPE_BLOCK_PARTS; parts; parts &= parts - 1) {
            const struct scope_chunk *c = chunk_at(base, i * SCOPE_SMALL_PER_BLOCK + (uint32_t)__builtin_ctz(parts));
            if (__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) != SCOPE_CHUNK_SLOTS)
                continue;
            const struct scope_track_slot *slots =
                (const struct scope_track_slot *)((const unsigned char *)c + SCOPE_CHUNK_HEADER_BYTES);
            for (uint32_t k = 0; k < SCOPE_SMALL_CAPACITY && n < cap; k++) {
                const uint32_t serial = __atomic_load_n(&slots[k].serial, __ATOMIC_ACQUIRE);
                if (!serial)
                    continue;
                out[2 * n] = serial;
                out[2 * n + 1] = slots[k].dropped;
                n++;
            }
        }
    }
    return n;
}
