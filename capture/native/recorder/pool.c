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
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct scope_pool scope_pool;

static pthread_mutex_t claim_lock = PTHREAD_MUTEX_INITIALIZER;
static uint32_t next_slot;

/* GIL not needed; does not allocate. */
static struct scope_chunk *chunk_at(uint32_t index) {
    return (struct scope_chunk *)(scope_pool.chunks + (size_t)index * SCOPE_CHUNK_BYTES);
}

/* GIL not needed; maps memory. 0, or an errno. */
int scope_pool_create(const char *path, uint32_t chunk_count, uint32_t when_full, uint32_t hexversion) {
    const size_t tracks_offset = SCOPE_POOL_HEADER_BYTES;
    const size_t chunks_offset = tracks_offset + SCOPE_TRACK_SLOTS * sizeof(struct scope_track_slot);
    const size_t bytes = chunks_offset + (size_t)chunk_count * SCOPE_CHUNK_BYTES;
    void *base;
    int problem = scope_file_map(path, bytes, &base);
    if (problem)
        return problem;
    if (!scope_file_reserve(base, chunks_offset)) {
        munmap(base, bytes);
        unlink(path);
        return ENOSPC;
    }
    scope_pool = (struct scope_pool){
        .bytes = bytes,
        .header = base,
        .tracks = (void *)((unsigned char *)base + tracks_offset),
        .chunks = (unsigned char *)base + chunks_offset,
    };
    next_slot = 0;

    struct scope_pool_header *header = scope_pool.header;
    header->abi = SCOPE_POOL_ABI;
    header->header_bytes = SCOPE_POOL_HEADER_BYTES;
    header->chunk_bytes = SCOPE_CHUNK_BYTES;
    header->chunk_count = chunk_count;
    header->track_slots = SCOPE_TRACK_SLOTS;
    header->record_bytes = sizeof(struct scope_record);
    header->tracks_offset = tracks_offset;
    header->chunks_offset = chunks_offset;
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

/* GIL not needed, but no writer may be inside the pool; unmaps memory. The file stays for the recorder to drain. */
void scope_pool_close(void) {
    if (!scope_pool.header)
        return;
    munmap(scope_pool.header, scope_pool.bytes);
    scope_pool = (struct scope_pool){0};
}

/* Runs in a forked child, where the mapping does not exist (MADV_DONTFORK); async-signal-safe. */
void scope_pool_forget(void) {
    scope_pool = (struct scope_pool){0};
    pthread_mutex_init(&claim_lock, NULL);
}

/* claim_lock held; reserves file space. The next never used chunk, or NULL. */
static struct scope_chunk *grow(uint32_t used) {
    if (used >= scope_pool.header->chunk_count)
        return NULL;
    struct scope_chunk *chunk = chunk_at(used);
    scope_pool.no_more_space = !scope_file_reserve(chunk, SCOPE_CHUNK_BYTES);
    if (scope_pool.no_more_space)
        return NULL;
    __atomic_store_n(&scope_pool.header->chunks_claimed, used + 1, __ATOMIC_RELEASE);
    return chunk;
}

/* GIL not needed; may reserve file space. A chunk in state "writing" that belongs to the caller, or NULL: pool full.
 *
 * Claims are serialised, so the header fields are filled in while the chunk still reads as free: whoever sees state 1
 * sees the fields of this claim, never those of the one before. */
struct scope_chunk *scope_pool_claim(uint32_t track_serial, uint64_t seq_start, uint64_t dropped_before) {
    struct scope_chunk *chunk = NULL;
    pthread_mutex_lock(&claim_lock);
    uint32_t used = scope_pool.header->chunks_claimed;
    for (uint32_t i = 0; i < used && !chunk; i++)
        if (__atomic_load_n(&chunk_at(i)->state, __ATOMIC_ACQUIRE) == 0)
            chunk = chunk_at(i);
    if (!chunk)
        chunk = grow(used);
    if (chunk) {
        chunk->track_serial = track_serial;
        chunk->seq_start = seq_start;
        chunk->dropped_before = dropped_before;
        chunk->generation += 1;
        __atomic_store_n(&chunk->committed, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&chunk->state, 1, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&claim_lock);
    return chunk;
}

/* GIL not needed; does not allocate. True when a track that is dropping may go on: resuming at the first free chunk
 * would cut a burst into a gap and a full stack snapshot every 4 092 records. */
bool scope_pool_has_breathing_space(void) {
    uint32_t count = scope_pool.header->chunk_count;
    uint32_t wanted = count / 4 < 1 ? 1 : count / 4 > 4 ? 4 : count / 4;
    uint32_t used = __atomic_load_n(&scope_pool.header->chunks_claimed, __ATOMIC_ACQUIRE);
    uint32_t free_chunks = scope_pool.no_more_space ? 0 : count - used;
    for (uint32_t i = 0; i < used && free_chunks < wanted; i++)
        free_chunks += __atomic_load_n(&chunk_at(i)->state, __ATOMIC_ACQUIRE) == 0;
    return free_chunks >= wanted;
}

/* Writers' lock held; does not allocate. A zeroed slot that carries no serial yet, or NULL when 4 096 threads live.
 * The slot of an ended track is used again only after every other; its drops move to the header's total. */
struct scope_track_slot *scope_pool_take_slot(void) {
    for (uint32_t step = 0; step < SCOPE_TRACK_SLOTS; step++) {
        struct scope_track_slot *slot = &scope_pool.tracks[(next_slot + step) % SCOPE_TRACK_SLOTS];
        if (slot->serial != 0 && slot->state != 2)
            continue;
        next_slot = (next_slot + step + 1) % SCOPE_TRACK_SLOTS;
        __atomic_fetch_add(&scope_pool.header->ended_dropped, slot->dropped, __ATOMIC_RELAXED);
        __atomic_store_n(&slot->serial, 0, __ATOMIC_RELEASE);
        memset((unsigned char *)slot + sizeof slot->serial, 0, sizeof *slot - sizeof slot->serial);
        slot->start_ticks = scope_ticks();
        slot->state = 1;
        return slot;
    }
    return NULL;
}
