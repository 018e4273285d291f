/* Every thread's writer: the one of this thread, all of them by pthread id, and the chunks that idle ones hold.
 *
 * Writers change under the GIL, with one exception: a thread that ends does so without it, in a pthread key destructor.
 * Hence the lock, which is never held while waiting for the GIL; it is recursive, because a thread that ends may have to
 * take a chunk from another. */
#include "track_list.h"

#include <stdlib.h>
#include <string.h>

__thread struct scope_writer *scope_tls __attribute__((tls_model("initial-exec")));
struct scope_writer scope_muted;
uint32_t scope_active;
uint32_t scope_session;
bool scope_greenlets_loaded;

static pthread_mutex_t tracks_lock;
static bool lock_made;

/* Every writer, by pthread id. Buckets grow with the threads, so that finding one costs the same among thousands. */
#define FIRST_BUCKETS 64u
static struct scope_writer *first_buckets[FIRST_BUCKETS];
static struct scope_writer **buckets = first_buckets;
static uint32_t bucket_mask = FIRST_BUCKETS - 1, writer_count;

/* GIL state does not matter; async-signal-safe. */
static void make_lock(void) {
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&tracks_lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    lock_made = true;
}

/* GIL held; does not allocate. */
void scope_track_list_open(void) {
    if (!lock_made)
        make_lock();
}

/* Runs in a forked child, where only the calling thread exists; async-signal-safe. Writers are left where they are: a child
 * may not call free(). */
void scope_track_list_forget(void) {
    make_lock();
    memset(first_buckets, 0, sizeof first_buckets);
    buckets = first_buckets;
    bucket_mask = FIRST_BUCKETS - 1;
    writer_count = 0;
}

/* GIL not needed; does not allocate. */
void scope_tracks_lock(void) {
    pthread_mutex_lock(&tracks_lock);
}

/* GIL not needed; does not allocate. */
void scope_tracks_unlock(void) {
    pthread_mutex_unlock(&tracks_lock);
}

/* Lock held; does not allocate. */
static struct scope_writer **bucket_of(pthread_t ident) {
    return &buckets[(uint32_t)((uint64_t)ident * 0x9E3779B97F4A7C15u >> 32) & bucket_mask];
}

/* Lock held; does not allocate. The writer after `w`, in no order; NULL gives the first. */
struct scope_writer *scope_tracks_after(const struct scope_writer *w) {
    if (w && w->following)
        return w->following;
    for (uint32_t i = w ? (uint32_t)(bucket_of(w->ident) - buckets) + 1 : 0; i <= bucket_mask; i++)
        if (buckets[i])
            return buckets[i];
    return NULL;
}

/* Lock held; allocates plain memory; without any, buckets only get fuller. */
void scope_track_link(struct scope_writer *w) {
    if (writer_count > bucket_mask) {
        const uint32_t old_mask = bucket_mask;
        struct scope_writer **old = buckets, **bigger = calloc(2 * ((size_t)bucket_mask + 1), sizeof *bigger);
        if (bigger) {
            buckets = bigger;
            bucket_mask = 2 * bucket_mask + 1;
            for (uint32_t i = 0; i <= old_mask; i++)
                for (struct scope_writer *each = old[i], *next; each; each = next) {
                    next = each->following;
                    struct scope_writer **bucket = bucket_of(each->ident);
                    each->following = *bucket;
                    *bucket = each;
                }
            if (old != first_buckets)
                free(old);
        }
    }
    struct scope_writer **bucket = bucket_of(w->ident);
    w->following = *bucket;
    *bucket = w;
    writer_count += 1;
}

/* Lock held; frees plain memory. */
void scope_track_free(struct scope_writer *w) {
    struct scope_writer **at = bucket_of(w->ident);
    while (*at && *at != w)
        at = &(*at)->following;
    if (*at) {
        *at = w->following;
        writer_count -= 1;
    }
    free(w);
}

/* Lock held; does not allocate. The live track of a pthread id in this recording (`live`), or the writer that its thread
 * keeps from an earlier one; NULL when there is none. */
struct scope_writer *scope_track_find_locked(pthread_t ident, bool live) {
    struct scope_writer *w = *bucket_of(ident);
    while (w && !(pthread_equal(w->ident, ident) &&
                  (live ? scope_track_is_live(w) && !w->over : w->owned && !scope_track_is_live(w))))
        w = w->following;
    return w;
}

/* GIL held; takes the lock; does not allocate. The live track of a pthread id in this recording, or NULL. */
struct scope_writer *scope_track_find(pthread_t ident) {
    scope_tracks_lock();
    struct scope_writer *w = scope_track_find_locked(ident, true);
    scope_tracks_unlock();
    return w;
}

/* GIL held; takes the lock; does not allocate. The main thread's live track: where events of no thread in particular
 * go; NULL when it is gone. */
struct scope_writer *scope_tracks_main(void) {
    struct scope_writer *lowest = NULL;
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w))
        if (scope_track_is_live(w) && (!lowest || w->serial < lowest->serial))
            lowest = w;
    scope_tracks_unlock();
    return lowest;
}

/* GIL and lock held; does not allocate. Whether the recorder has read all that `w` has in its chunk. */
static bool is_idle(const struct scope_writer *w) {
    return w->chunk && scope_track_is_live(w) && __atomic_load_n(&w->chunk->drained, __ATOMIC_ACQUIRE) == w->next;
}

/* GIL held; takes the lock; does not allocate. A chunk that its thread does not write to at the moment and that the
 * recorder has read, taken from it for `taker`; NULL when there is none, which is looked into once per tick of the coarse
 * clock. Large ones that are met on the way go back to the recorder, unless one is wanted or all that can be had. */
struct scope_chunk *scope_tracks_idle_chunk(const struct scope_writer *taker, bool large) {
    static uint64_t in_vain_ns;
    static uint32_t hand; /* the bucket that was looked into last: everybody's turn comes */
    struct scope_writer *found = NULL;
    if (in_vain_ns == scope_coarse_ns())
        return NULL;
    scope_tracks_lock();
    for (uint32_t step = 0; step <= bucket_mask; step++) {
        hand = (hand + 1) & bucket_mask;
        for (struct scope_writer *w = buckets[hand]; w; w = w->following) {
            if (w == taker || w == found || !is_idle(w))
                continue;
            const bool fits = (w->capacity > SCOPE_SMALL_CAPACITY) == large;
            if (!found || fits) {
                if (found && !large)
                    scope_close_chunk(found);
                found = w;
            } else if (!large) {
                scope_close_chunk(w);
            }
            if (fits)
                goto done;
        }
    }
done:
    if (!found)
        in_vain_ns = scope_coarse_ns();
    struct scope_chunk *chunk = found ? scope_give_chunk_away(found) : NULL;
    scope_tracks_unlock();
    return chunk;
}

/* GIL held; takes the lock; does not allocate. How many small chunks' worth is idle, as of this tick of the coarse clock:
 * when thousands of threads drop, each asks. */
uint32_t scope_tracks_idle_parts(void) {
    static uint64_t counted_ns;
    static uint32_t parts;
    const uint64_t now_ns = scope_coarse_ns();
    if (counted_ns == now_ns)
        return parts;
    counted_ns = now_ns;
    parts = 0;
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w))
        if (is_idle(w))
            parts += w->capacity > SCOPE_SMALL_CAPACITY ? SCOPE_SMALL_PER_BLOCK : 1;
    scope_tracks_unlock();
    return parts;
}
