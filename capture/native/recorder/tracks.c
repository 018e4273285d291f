/* Which threads are recorded: their serials, slots, names, and how they end.
 *
 * A thread finds its writer through its TLS. The agent makes writers for threads that already run; such a thread takes
 * its one over, by pthread id, at its first event. Writers change under the GIL, with one exception: a thread that
 * ends does so without it, in a pthread key destructor. Hence the lock, which is never held while waiting for the
 * GIL; it is recursive, because a thread that ends may have to take a chunk from another. */
#define _GNU_SOURCE
#include "tracks.h"

#include "blindness.h"
#include "defs.h"
#include "ended_tracks.h"
#include "filter.h"
#include "hooks/greenlets.h"
#include "entry/recording.h"
#include "snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t tracks_lock;
static bool lock_made;

/* Every writer, by pthread id. Buckets grow with the threads, so that finding one costs the same among thousands. */
#define FIRST_BUCKETS 64u
static struct scope_writer *first_buckets[FIRST_BUCKETS];
static struct scope_writer **buckets = first_buckets;
static uint32_t bucket_mask = FIRST_BUCKETS - 1, writer_count;

static uint32_t last_serial;
static uint64_t ended_produced, ended_dropped;
static pthread_key_t end_key;
static bool end_key_made;

/* GIL state does not matter; async-signal-safe. */
static void make_lock(void) {
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&tracks_lock, &recursive);
    pthread_mutexattr_destroy(&recursive);
    lock_made = true;
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
static void link_writer(struct scope_writer *w) {
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
static void free_writer(struct scope_writer *w) {
    struct scope_writer **at = bucket_of(w->ident);
    while (*at && *at != w)
        at = &(*at)->following;
    if (*at) {
        *at = w->following;
        writer_count -= 1;
    }
    free(w);
}

/* Lock held; does not allocate. */
static bool is_live(const struct scope_writer *w) {
    return w->session == scope_session && !w->ended;
}

/* GIL held; does not allocate. Whether its stack is unknown for want of space. */
static bool has_lost(const struct scope_writer *w) {
    return !w->slot || (w->gap_events && w->gap_reason == SCOPE_GAP_POOL_FULL);
}

/* Lock held; does not allocate. */
static void close_books(struct scope_writer *w) {
    scope_close_chunk(w);
    w->ended = true;
    ended_produced += scope_produced(w);
    ended_dropped += w->dropped;
    scope_ended_track_add(w->ident, w->os_tid, w->serial);
    if (w->slot)
        scope_pool_return_slot(w->slot);
    w->slot = NULL;
}

/* Lock held; GIL held unless `w` says otherwise; may find file space. The thread of `w` ends. Without room for that event
 * it is still to end: false, and tried again later. */
static bool end_locked(struct scope_writer *w) {
    if (!is_live(w) || !scope_active)
        return true;
    if (!scope_write_end(w))
        return false;
    close_books(w);
    return true;
}

/* Runs at the end of a native thread, without the GIL; frees plain memory. */
static void thread_is_over(void *value) {
    struct scope_writer *w = value;
    scope_tls = &scope_muted;
    scope_tracks_lock();
    w->over = w->without_gil = true;
    if (end_locked(w))
        free_writer(w);
    else
        w->without_gil = false; /* the sweep tries again */
    scope_tracks_unlock();
}

/* GIL held; does not allocate. 0 or -1 without an exception. */
int scope_tracks_open(void) {
    if (!end_key_made && pthread_key_create(&end_key, thread_is_over) != 0)
        return -1;
    end_key_made = true;
    if (!lock_made)
        make_lock();
    last_serial = 0;
    ended_produced = ended_dropped = 0;
    scope_ended_tracks_clear();
    scope_session += 1;
    return 0;
}

/* GIL and lock held; frees plain memory. Closes every chunk; writers that their thread knows stay, for the thread to
 * free or to use again in the next recording. */
void scope_tracks_close(void) {
    for (struct scope_writer *w = scope_tracks_after(NULL), *next; w; w = next) {
        next = scope_tracks_after(w);
        if (is_live(w))
            close_books(w);
        w->ended = true;
        w->limit = w->next = 0;
        if (!w->owned || w->over)
            free_writer(w);
    }
}

/* Runs in a forked child, where only the calling thread exists; async-signal-safe. The writers of the other threads are
 * left where they are: a child may not call free(). */
void scope_tracks_forget(void) {
    make_lock();
    struct scope_writer *own = scope_tls && scope_tls != &scope_muted ? scope_tls : NULL;
    memset(first_buckets, 0, sizeof first_buckets);
    buckets = first_buckets;
    bucket_mask = FIRST_BUCKETS - 1;
    writer_count = 0;
    if (own) {
        own->chunk = NULL;
        own->slot = NULL;
        own->next = own->limit = own->capacity = 0;
        own->ended = true;
        link_writer(own);
    }
    scope_session += 1;
}

/* GIL held; does not allocate. */
uint32_t scope_track_next_serial(void) {
    return ++last_serial;
}

/* Lock held; does not allocate. The live track of a pthread id in this recording (`live`), or the writer that its thread
 * keeps from an earlier one; NULL when there is none. */
static struct scope_writer *find_locked(pthread_t ident, bool live) {
    struct scope_writer *w = *bucket_of(ident);
    while (w && !(pthread_equal(w->ident, ident) && (live ? is_live(w) && !w->over : w->owned && !is_live(w))))
        w = w->following;
    return w;
}

/* Lock held, GIL held; may find file space and allocate plain memory. False when there is no slot to be had. */
static bool take_slot(struct scope_writer *w) {
    w->slot = scope_pool_take_slot(w->serial);
    if (!w->slot) {
        struct scope_chunk *chunk = scope_tracks_idle_chunk(w, false);
        if (chunk)
            scope_pool_take_over(chunk, 0, 0, 0);
        if (chunk && scope_pool_add_slots(chunk))
            w->slot = scope_pool_take_slot(w->serial);
        else if (chunk)
            __atomic_store_n(&chunk->state, SCOPE_CHUNK_CLOSED, __ATOMIC_RELEASE);
    }
    return w->slot != NULL;
}

/* GIL held; takes the lock; allocates plain memory; NULL without memory, which counts as
 * one event lost. A writer, listed and with a slot where one is
 * free, for the calling thread or for one that takes it over at its first event. `serial` 0 = the next one.
 * A live track with the same id belonged to a thread that is gone. */
struct scope_writer *scope_track_new(pthread_t ident, uint32_t os_tid, uint32_t serial) {
    const bool own = pthread_equal(ident, pthread_self());
    scope_tracks_lock();
    struct scope_writer *stale = find_locked(ident, true);
    if (stale && !end_locked(stale))
        close_books(stale);
    struct scope_writer *w = find_locked(ident, false);
    const bool owned = own || w, known = w;
    if (!known)
        w = calloc(1, sizeof *w);
    if (w) {
        *w = (struct scope_writer){.serial = serial ? serial : ++last_serial,
                                   .ident = ident,
                                   .os_tid = os_tid,
                                   .session = scope_session,
                                   .owned = owned,
                                   .following = w->following};
        if (!known)
            link_writer(w);
        take_slot(w);
    }
    scope_tracks_unlock();
    if (!w && scope_pool.header)
        __atomic_fetch_add(&scope_pool.header->dropped_unattributed, 1, __ATOMIC_RELAXED);
    if (w && own) {
        scope_tls = w;
        pthread_setspecific(end_key, w);
    }
    return w;
}

/* GIL held; takes the lock; does not allocate. The live track of a pthread id in this recording, or NULL. */
struct scope_writer *scope_track_find(pthread_t ident) {
    scope_tracks_lock();
    struct scope_writer *w = find_locked(ident, true);
    scope_tracks_unlock();
    return w;
}

/* GIL held; takes the lock; does not allocate. The main thread's live track: where events of no thread in particular
 * go; NULL when it is gone. */
struct scope_writer *scope_tracks_main(void) {
    struct scope_writer *lowest = NULL;
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w))
        if (is_live(w) && (!lowest || w->serial < lowest->serial))
            lowest = w;
    scope_tracks_unlock();
    return lowest;
}

/* GIL and lock held; does not allocate. Whether the recorder has read all that `w` has in its chunk. */
static bool is_idle(const struct scope_writer *w) {
    return w->chunk && is_live(w) && __atomic_load_n(&w->chunk->drained, __ATOMIC_ACQUIRE) == w->next;
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

/* GIL held; may find file space. A later definition of the same thread replaces the earlier one. With another name a thread
 * may be left out from now on, or not any more: its stack is not known then. */
void scope_track_rename(struct scope_writer *w, const char *name, bool daemon, uint32_t os_tid) {
    if (!w->os_tid)
        w->os_tid = os_tid;
    char tid[16];
    snprintf(tid, sizeof tid, "%u", w->os_tid);
    scope_define(SCOPE_DEF_THREAD, w->serial, (const char *[]){name, tid, daemon ? "1" : "0"}, 3);
    const bool was_quiet = w->quiet;
    w->quiet = !scope_filter_wants_thread(name);
    if (w->begun && w->quiet != was_quiet)
        scope_write_pause(w, SCOPE_GAP_PAUSED, scope_ticks());
    w->limit = scope_limit(w);
}

/* GIL held; may find file space. The thread's first event. Without a slot nothing is written or counted here: it is
 * begun by the sweep, when there is one. */
static void write_begin(struct scope_writer *w) {
    const uint32_t flags = (w->was_running ? 1u : 0u) | (w->quiet ? 2u : 0u);
    if (w->slot && !scope_write_life(w, scope_ticks(), w->serial, scope_head(SCOPE_THREAD_BEGIN, flags, 0)))
        scope_drop(w, SCOPE_GAP_POOL_FULL);
    w->begun = true;
}

/* GIL held; may find file space. The thread's name and its first event. */
void scope_track_begin(struct scope_writer *w, const char *name, bool daemon, bool was_running) {
    w->was_running = was_running;
    scope_track_rename(w, name, daemon, w->os_tid);
    write_begin(w);
    scope_blind_newcomer(w);
}

/* GIL held; takes the lock; may find file space. Writes THREAD_END once. */
void scope_track_end(struct scope_writer *w) {
    scope_tracks_lock();
    end_locked(w);
    scope_tracks_unlock();
}

/* GIL held; takes the lock; may find file space. Ends tracks whose threads are gone: without a trace, since they had no
 * event in this recording and no destructor was armed, or without room for the last event. `frames`: dict with the id of
 * every thread that runs Python code now. True when a track that lives has lost something. */
static bool end_missing(PyObject *frames) {
    bool any_lost = false;
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL), *next; w; w = next) {
        next = scope_tracks_after(w);
        if (w->over) {
            if (end_locked(w))
                free_writer(w);
        } else if (is_live(w)) {
            PyObject *ident = w->owned ? NULL : PyLong_FromUnsignedLong((unsigned long)w->ident);
            if (ident && !PyDict_GetItemWithError(frames, ident))
                end_locked(w);
            if (ident)
                Py_DecRef(ident);
            PyErr_Clear();
            any_lost |= is_live(w) && has_lost(w);
        }
    }
    scope_tracks_unlock();
    return any_lost;
}

/* GIL held; allocates frame objects, the collector is off; may find file space. Makes good what did not fit: the thread may
 * be asleep for long. False when there is still no room. */
static bool retell(struct scope_writer *w, PyFrameObject *frame) {
    const uint32_t reason = w->slot ? SCOPE_SNAPSHOT_GAP : SCOPE_SNAPSHOT_BEGIN;
    if (!w->slot) {
        scope_tracks_lock();
        const bool taken = take_slot(w);
        scope_tracks_unlock();
        if (!taken)
            return false;
        write_begin(w);
    }
    if (!scope_flush_gap(w))
        return false;
    if (!w->quiet && scope_features.calls)
        scope_snapshot(w, frame, reason, NULL);
    return true;
}

/* GIL held; takes the lock, but not while Python's objects are freed; allocates with the collector off. What threads could
 * not do or say themselves. `frames`: the stacks of all threads, of this instant. */
void scope_tracks_sweep(PyObject *frames) {
    if (!end_missing(frames))
        return;
    Py_ssize_t at = 0;
    PyObject *ident, *frame;
    while (PyDict_Next(frames, &at, &ident, &frame)) {
        struct scope_writer *w = scope_track_find((pthread_t)PyLong_AsUnsignedLong(ident));
        if (w && has_lost(w) && !retell(w, (PyFrameObject *)frame))
            break;
    }
    PyErr_Clear();
}

/* GIL held; allocates plain memory at a thread's first event. The calling thread's writer in this recording; NULL when
 * it must not be recorded. `entering`: code whose frame is not part of the thread's stack yet, or NULL. */
struct scope_writer *scope_writer_of_this_thread(PyObject *entering) {
    struct scope_writer *w = scope_tls;
    if (SCOPE_LIKELY(w && w->session == scope_session))
        return w;
    if (w == &scope_muted)
        return NULL;
    const uint32_t os_tid = (uint32_t)syscall(SYS_gettid);
    const pthread_t self = pthread_self();
    char name[32];
    struct scope_writer *waiting = scope_track_find(self);
    if (waiting) { /* the agent made it when the recording began */
        waiting->owned = true;
        scope_tls = waiting;
        pthread_setspecific(end_key, waiting);
        if (!waiting->os_tid) { /* threading does not know it, so nobody could tell more than this */
            snprintf(name, sizeof name, "native-%u", os_tid);
            scope_track_rename(waiting, name, true, os_tid);
        }
        return waiting;
    }
    w = scope_track_new(self, os_tid, 0);
    if (!w)
        return NULL;
    snprintf(name, sizeof name, os_tid == (uint32_t)getpid() ? "MainThread" : "native-%u", os_tid);
    scope_track_begin(w, name, true, false);
    scope_snapshot_own(w, SCOPE_SNAPSHOT_BEGIN, entering);
    scope_greenlets_follow(w, entering, true);
    return w;
}

/* GIL held; takes the lock; does not allocate. The serial of a thread that lives or has ended lately, 0 = unknown. */
uint32_t scope_track_serial_of(pthread_t ident, uint32_t os_tid, bool *ended) {
    scope_tracks_lock();
    const struct scope_writer *w = find_locked(ident, true);
    const bool lives = w && (!os_tid || !w->os_tid || w->os_tid == os_tid);
    const uint32_t serial = lives ? w->serial : scope_ended_track_find(ident, os_tid);
    scope_tracks_unlock();
    *ended = !lives && serial;
    return serial;
}

/* GIL held; takes the lock; does not allocate. */
void scope_tracks_totals(uint64_t *produced, uint64_t *dropped, uint32_t *live) {
    scope_tracks_lock();
    *produced = ended_produced;
    *dropped = ended_dropped;
    *live = 0;
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w))
        if (is_live(w)) {
            *produced += scope_produced(w);
            *dropped += w->dropped;
            *live += 1;
        }
    scope_tracks_unlock();
}
