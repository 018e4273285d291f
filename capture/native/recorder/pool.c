/* The shared-memory file: creating it, claiming chunks, handing out track slots.
 *
 * Space is reserved before it is touched: writing to a hole of a full tmpfs would kill the target with SIGBUS, while
 * a refused reservation is only a full pool. */
#define _GNU_SOURCE
#include "pool.h"

#include "clock.h"
#include "mapped_file.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct scope_pool scope_pool;

static pthread_mutex_t claim_lock = PTHREAD_MUTEX_INITIALIZER;

/* Slots that may be handed out, a ring of plain memory with room for all there are. The one that was returned longest ago
 * comes first: until then its track's drops are told apart from those of others. */
static struct scope_track_slot **free_slots;
static uint32_t slot_count, first_free, free_count;

/* GIL not needed; does not allocate. */
static struct scope_chunk *part_at(uint32_t block, uint32_t part) {
    return (struct scope_chunk *)(scope_pool.blocks + (size_t)block * SCOPE_CHUNK_BYTES + part * SCOPE_SMALL_BYTES);
}

/* GIL not needed; maps memory. 0, or an errno. */
int scope_pool_create(const char *path, uint32_t block_count, uint32_t when_full, uint32_t hexversion) {
    const size_t table_bytes = ((size_t)block_count * sizeof(uint32_t) + 4095) / 4096 * 4096;
    const size_t blocks_offset = SCOPE_POOL_HEADER_BYTES + table_bytes;
    const size_t bytes = blocks_offset + (size_t)block_count * SCOPE_CHUNK_BYTES;
    void *base;
    int problem = scope_file_map(path, bytes, &base);
    if (problem)
        return problem;
    if (!scope_file_reserve(base, blocks_offset)) {
        munmap(base, bytes);
        unlink(path);
        return ENOSPC;
    }
    scope_pool = (struct scope_pool){
        .bytes = bytes,
        .header = base,
        .table = (void *)((unsigned char *)base + SCOPE_POOL_HEADER_BYTES),
        .blocks = (unsigned char *)base + blocks_offset,
    };

    struct scope_pool_header *header = scope_pool.header;
    header->abi = SCOPE_POOL_ABI;
    header->header_bytes = SCOPE_POOL_HEADER_BYTES;
    header->block_bytes = SCOPE_CHUNK_BYTES;
    header->block_count = block_count;
    header->small_bytes = SCOPE_SMALL_BYTES;
    header->record_bytes = sizeof(struct scope_record);
    header->table_offset = SCOPE_POOL_HEADER_BYTES;
    header->blocks_offset = blocks_offset;
    header->pid = (uint32_t)getpid();
    header->clock_kind = scope_clock_choose();
    header->start_ticks = scope_ticks();
    header->start_mono_ns = scope_mono_ns();
    header->python_hexversion = hexversion;
    header->when_full = when_full;
    static const unsigned char inverted[8] = SCOPE_POOL_MAGIC_INVERTED;
    for (int i = 7; i >= 0; i--)
        __atomic_store_n(&header->magic[i], (unsigned char)~inverted[i], __ATOMIC_RELEASE);
    return 0;
}

/* GIL not needed, but no writer may be inside the pool; unmaps and frees memory. The file stays for the recorder to
 * drain. */
void scope_pool_close(void) {
    if (!scope_pool.header)
        return;
    munmap(scope_pool.header, scope_pool.bytes);
    scope_pool = (struct scope_pool){0};
    free(free_slots);
    free_slots = NULL;
    slot_count = first_free = free_count = 0;
}

/* Runs in a forked child, where the mapping does not exist (MADV_DONTFORK); async-signal-safe, so the ring is left where
 * it is: a child may not call free(). */
void scope_pool_forget(void) {
    scope_pool = (struct scope_pool){0};
    free_slots = NULL;
    slot_count = first_free = free_count = 0;
    pthread_mutex_init(&claim_lock, NULL);
}

/* claim_lock held; finds file space. The number of the next block never used; block_count when there is none. */
static uint32_t grow(void) {
    struct scope_pool_header *header = scope_pool.header;
    const uint32_t used = header->blocks_used;
    if (used >= header->block_count)
        return header->block_count;
    scope_pool.no_more_space = !scope_file_reserve(part_at(used, 0), SCOPE_CHUNK_BYTES);
    if (scope_pool.no_more_space)
        return header->block_count;
    __atomic_store_n(&header->blocks_used, used + 1, __ATOMIC_RELEASE);
    return used;
}

/* claim_lock held; may find file space. A block and its bits that the caller gets, 0 = nothing is free. The lowest that
 * fits, so that memory stays small; what is left of a block of small chunks is better than a new one for a small chunk,
 * and better than nothing for a large one. */
static uint32_t choose(bool large, uint32_t *block) {
    const uint32_t used = scope_pool.header->blocks_used, none = scope_pool.header->block_count;
    uint32_t empty = none, shared = none, shared_parts = 0;
    for (uint32_t i = 0; i < used && (large ? empty : shared) == none; i++) {
        const uint32_t word = __atomic_load_n(&scope_pool.table[i], __ATOMIC_ACQUIRE);
        if (word == 0 && empty == none)
            empty = i;
        else if (word && !(word & SCOPE_BLOCK_LARGE) && word != SCOPE_BLOCK_PARTS && shared == none)
            shared = i, shared_parts = word;
    }
    const bool share = shared != none;
    if (!(share && !large) && empty == none)
        empty = grow();
    if (empty != none && (large || !share)) {
        *block = empty;
        return large ? SCOPE_BLOCK_LARGE | 1u : 1u;
    }
    *block = shared;
    return share ? ~shared_parts & (shared_parts + 1) : 0;
}

/* GIL not needed; does not allocate. Gives the header to a new owner. `generation` is odd meanwhile: the recorder passes
 * over a chunk whose generation is odd or has changed while it read the header. */
static void set_out(struct scope_chunk *chunk, uint32_t state, uint32_t track_serial, uint64_t seq_start,
                    uint64_t dropped_before) {
    const uint32_t generation = chunk->generation | 1u;
    __atomic_store_n(&chunk->generation, generation, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    chunk->track_serial = track_serial;
    chunk->seq_start = seq_start;
    chunk->dropped_before = dropped_before;
    __atomic_store_n(&chunk->drained, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chunk->committed, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chunk->state, state, __ATOMIC_RELAXED);
    __atomic_store_n(&chunk->generation, generation + 1, __ATOMIC_RELEASE);
}

/* GIL not needed; may find file space. A chunk in state "writing" that belongs to the caller, NULL = the pool is full. A
 * large one only if it was asked for and there is one; whoever asks gets what there is. */
struct scope_chunk *scope_pool_claim(uint32_t track_serial, uint64_t seq_start, uint64_t dropped_before, bool large) {
    struct scope_chunk *chunk = NULL;
    uint32_t block;
    pthread_mutex_lock(&claim_lock);
    const uint32_t bits = choose(large, &block);
    if (bits) {
        const bool is_large = bits & SCOPE_BLOCK_LARGE;
        chunk = part_at(block, is_large ? 0 : (uint32_t)__builtin_ctz(bits));
        chunk->capacity = is_large ? SCOPE_CHUNK_CAPACITY : SCOPE_SMALL_CAPACITY;
        set_out(chunk, SCOPE_CHUNK_WRITING, track_serial, seq_start, dropped_before);
        __atomic_fetch_or(&scope_pool.table[block], bits, __ATOMIC_RELEASE); /* the recorder looks at it from here on */
    }
    pthread_mutex_unlock(&claim_lock);
    return chunk;
}

/* GIL held, so that its owner does not write; does not allocate. A chunk whose records have all been drained goes from one
 * track to another without the recorder's doing: it comes back to a chunk only for records that it has not drained. */
void scope_pool_take_over(struct scope_chunk *chunk, uint32_t track_serial, uint64_t seq_start,
                          uint64_t dropped_before) {
    set_out(chunk, SCOPE_CHUNK_WRITING, track_serial, seq_start, dropped_before);
}

/* GIL not needed; does not allocate. How many small chunks would find room, counted up to `enough`. */
uint32_t scope_pool_free_parts(uint32_t enough) {
    const uint32_t used = __atomic_load_n(&scope_pool.header->blocks_used, __ATOMIC_ACQUIRE);
    uint32_t parts = scope_pool.no_more_space ? 0 : (scope_pool.header->block_count - used) * SCOPE_SMALL_PER_BLOCK;
    for (uint32_t i = 0; i < used && parts < enough; i++) {
        const uint32_t word = __atomic_load_n(&scope_pool.table[i], __ATOMIC_RELAXED);
        if (!(word & SCOPE_BLOCK_LARGE))
            parts += (uint32_t)__builtin_popcount(~word & SCOPE_BLOCK_PARTS);
    }
    return parts;
}

/* Writers' lock held; allocates plain memory; false when there is none. `chunk`, which the caller owns, holds slots from
 * now on. */
bool scope_pool_add_slots(struct scope_chunk *chunk) {
    const uint32_t count = slot_count + SCOPE_SMALL_CAPACITY;
    struct scope_track_slot **bigger = malloc(count * sizeof *bigger);
    if (!bigger)
        return false;
    for (uint32_t i = 0; i < free_count; i++)
        bigger[i] = free_slots[(first_free + i) % slot_count];
    struct scope_track_slot *slots = (void *)((unsigned char *)chunk + SCOPE_CHUNK_HEADER_BYTES);
    memset(slots, 0, SCOPE_SMALL_CAPACITY * sizeof *slots);
    for (uint32_t i = 0; i < SCOPE_SMALL_CAPACITY; i++)
        bigger[free_count++] = &slots[i];
    free(free_slots);
    free_slots = bigger;
    slot_count = count;
    first_free = 0;
    __atomic_store_n(&chunk->state, SCOPE_CHUNK_SLOTS, __ATOMIC_RELEASE);
    return true;
}

/* Writers' lock held; may find file space and allocate plain memory. Whether that many tracks can begin, whatever is
 * written until then. */
bool scope_pool_reserve_slots(uint32_t count) {
    while (free_count < count) {
        struct scope_chunk *chunk = scope_pool_claim(0, 0, 0, false);
        if (!chunk)
            return false;
        if (!scope_pool_add_slots(chunk)) {
            __atomic_store_n(&chunk->state, SCOPE_CHUNK_CLOSED, __ATOMIC_RELEASE);
            return false;
        }
    }
    return true;
}

/* Writers' lock held; may find file space and allocate plain memory. A slot for a track, or NULL: the pool is full. The
 * drops of the ended track that had it move to the header's total. */
struct scope_track_slot *scope_pool_take_slot(uint32_t serial) {
    if (!scope_pool_reserve_slots(1))
        return NULL;
    struct scope_track_slot *slot = free_slots[first_free];
    first_free = (first_free + 1) % slot_count;
    free_count -= 1;
    __atomic_fetch_add(&scope_pool.header->ended_dropped, slot->dropped, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->serial, 0, __ATOMIC_RELEASE);
    slot->dropped = 0;
    slot->state = 1;
    __atomic_store_n(&slot->serial, serial, __ATOMIC_RELEASE);
    return slot;
}

/* Writers' lock held; does not allocate. The track has ended; what it dropped can still be read. */
void scope_pool_return_slot(struct scope_track_slot *slot) {
    __atomic_store_n(&slot->state, 2, __ATOMIC_RELEASE);
    free_slots[(first_free + free_count) % slot_count] = slot;
    free_count += 1;
}
