/* The recorder's side of the shared-memory pool: which chunks hold something new, and giving them back.
 *
 * The pool is written by another process, so every length is checked against the mapping before it is used; a
 * target that scribbles over its pool makes this return -1, never read out of range. No Python API here. */
#include "host.h"
#include "old_records.h"
#include "scope_pool.h"

#include <string.h>

/* Where things are in a pool. The target can change the header at any time, so it is read once a call, and what was
 * checked is what is used. */
struct layout {
    uint64_t table_offset;
    uint64_t blocks_offset;
    uint32_t block_count;
    uint32_t blocks_used;
    uint32_t abi;
};

/* False if this is no sound pool. */
static int read_layout(const unsigned char *base, uint64_t size, struct layout *l) {
    static const unsigned char inverted[8] = SCOPE_POOL_MAGIC_INVERTED;
    const volatile struct scope_pool_header *h = (const volatile struct scope_pool_header *)base;
    if (size < SCOPE_POOL_HEADER_BYTES)
        return 0;
    for (int i = 0; i < 8; i++)
        if ((h->magic[i] ^ inverted[i]) != 0xff)
            return 0;
    l->table_offset = h->table_offset;
    l->blocks_offset = h->blocks_offset;
    l->block_count = h->block_count;
    l->abi = h->abi;
    l->blocks_used = __atomic_load_n(&h->blocks_used, __ATOMIC_ACQUIRE);
    return l->abi >= SCOPE_OLD_POOL_ABI && l->abi <= SCOPE_POOL_ABI && h->block_bytes == SCOPE_CHUNK_BYTES &&
           h->small_bytes == SCOPE_SMALL_BYTES && h->record_bytes == sizeof(struct scope_record) &&
           l->blocks_offset <= size && l->blocks_offset % sizeof(struct scope_record) == 0 &&
           (uint64_t)l->block_count * SCOPE_CHUNK_BYTES <= size - l->blocks_offset &&
           l->table_offset % sizeof(uint32_t) == 0 && l->table_offset <= size &&
           (uint64_t)l->block_count * sizeof(uint32_t) <= size - l->table_offset && l->blocks_used <= l->block_count;
}

static uint32_t *word_of(const unsigned char *base, const struct layout *l, uint32_t block) {
    return (uint32_t *)(base + l->table_offset) + block;
}

/* A chunk's index counts small ones, so that it tells the place without the table. */
static uint64_t place_of(const struct layout *l, uint32_t index) {
    return l->blocks_offset + (uint64_t)index * SCOPE_SMALL_BYTES;
}

/* Slots that one event takes, head included; wide enough for what a damaged head may claim. */
static uint64_t event_slots(const struct scope_record *head, uint32_t abi) {
    return 1 + (abi == SCOPE_OLD_POOL_ABI ? scope_old_slots(head) : scope_payload_slots(head));
}

static uint32_t count_events(const struct scope_chunk *chunk, uint32_t from, uint32_t to, uint32_t abi) {
    const struct scope_record *records =
        (const struct scope_record *)((const unsigned char *)chunk + SCOPE_CHUNK_HEADER_BYTES);
    uint32_t events = 0;
    for (uint64_t i = from; i < to; i += event_slots(&records[i], abi))
        events++;
    return events;
}

/* The header as one owner wrote it. False when it changes hands just now: then the chunk holds nothing that is not
 * drained. What the table says is in use stays so until we free it, and a chunk with something to drain keeps its owner. */
static int read_header(const unsigned char *base, const struct layout *l, uint32_t index, struct scope_scan_entry *e) {
    const struct scope_chunk *c = (const struct scope_chunk *)(base + place_of(l, index));
    *e = (struct scope_scan_entry){
        .index = index, .place = place_of(l, index), .generation = __atomic_load_n(&c->generation, __ATOMIC_ACQUIRE)};
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
    struct layout l;
    if (!read_layout(base, size, &l))
        return -1;
    int32_t n = 0;
    for (uint32_t i = 0; i < l.blocks_used; i++) {
        const uint32_t word = __atomic_load_n(word_of(base, &l, i), __ATOMIC_ACQUIRE);
        const uint32_t large = word & SCOPE_BLOCK_LARGE;
        for (uint32_t parts = word & (large ? 1u : SCOPE_BLOCK_PARTS); parts && n < cap; parts &= parts - 1) {
            const uint32_t index = i * SCOPE_SMALL_PER_BLOCK + (uint32_t)__builtin_ctz(parts);
            if (!read_header(base, &l, index, &out[n]) || !is_due(&out[n]))
                continue;
            out[n++].capacity = large ? SCOPE_CHUNK_CAPACITY : SCOPE_SMALL_CAPACITY;
        }
    }
    int32_t kept = 0;
    for (int32_t k = 0; k < n; k++) {
        struct scope_scan_entry e;
        const uint32_t capacity = out[k].capacity;
        if (!read_header(base, &l, out[k].index, &e) || !is_due(&e))
            continue;
        if (e.committed > capacity || e.drained > e.committed)
            return -1;
        const struct scope_chunk *c = (const struct scope_chunk *)(base + e.place);
        e.capacity = capacity;
        /* Counted, not stored beside `drained`: two stores could be torn apart by a kill. */
        e.drained_events = count_events(c, 0, e.drained, l.abi);
        e.new_events = count_events(c, e.drained, e.committed, l.abi);
        out[kept++] = e;
    }
    return n == cap ? cap : kept;
}

/* Says that the entry's slots up to `committed` are in the journal; frees the chunk if it is closed and drained.
 * Returns 1 if freed, 0 if not, -1 if the pool is unsound. */
SCOPE_EXPORT int32_t scope_pool_advance(unsigned char *base, uint64_t size, const struct scope_scan_entry *entry) {
    const uint32_t block = entry->index / SCOPE_SMALL_PER_BLOCK;
    struct layout l;
    if (!read_layout(base, size, &l) || block >= l.block_count || entry->place != place_of(&l, entry->index))
        return -1;
    struct scope_chunk *chunk = (struct scope_chunk *)(base + entry->place);
    __atomic_store_n(&chunk->drained, entry->committed, __ATOMIC_RELEASE);
    if (entry->state != SCOPE_CHUNK_CLOSED)
        return 0;
    const uint32_t bits =
        entry->capacity == SCOPE_CHUNK_CAPACITY ? SCOPE_BLOCK_LARGE | 1u : 1u << entry->index % SCOPE_SMALL_PER_BLOCK;
    __atomic_fetch_and(word_of(base, &l, block), ~bits, __ATOMIC_ACQ_REL); /* from here on it is the target's */
    return 1;
}

/* Drops of the tracks that have a slot, unordered: (serial, dropped) pairs. Returns their number, which is `cap` when there
 * may be more, or -1 if this is no sound pool. */
SCOPE_EXPORT int32_t scope_pool_drops(const unsigned char *base, uint64_t size, uint64_t *out, int32_t cap) {
    struct layout l;
    if (!read_layout(base, size, &l))
        return -1;
    int32_t n = 0;
    for (uint32_t i = 0; i < l.blocks_used; i++) {
        const uint32_t word = __atomic_load_n(word_of(base, &l, i), __ATOMIC_ACQUIRE);
        for (uint32_t parts = word & SCOPE_BLOCK_LARGE ? 0 : word & SCOPE_BLOCK_PARTS; parts; parts &= parts - 1) {
            const uint32_t index = i * SCOPE_SMALL_PER_BLOCK + (uint32_t)__builtin_ctz(parts);
            const struct scope_chunk *c = (const struct scope_chunk *)(base + place_of(&l, index));
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
