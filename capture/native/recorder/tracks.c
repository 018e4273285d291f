/* Which threads are recorded: their serials, slots, names, and how they end.
 *
 * A thread finds its writer through its TLS. The agent makes writers for threads that already run; such a thread takes
 * its one over, by pthread id, at its first event. */
#define _GNU_SOURCE
#include "tracks.h"

#include "blindness.h"
#include "defs.h"
#include "ended_tracks.h"
#include "filter.h"
#include "snapshot.h"
#include "track_list.h"
#include "upward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint32_t last_serial;
static uint64_t ended_produced, ended_dropped;
static pthread_key_t end_key;
static bool end_key_made;

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
    if (!scope_track_is_live(w) || !scope_active)
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
        scope_track_free(w);
    else
        w->without_gil = false; /* the sweep tries again */
    scope_tracks_unlock();
}

/* GIL held; does not allocate. 0 or -1 without an exception. */
int scope_tracks_open(void) {
    if (!end_key_made && pthread_key_create(&end_key, thread_is_over) != 0)
        return -1;
    end_key_made = true;
    scope_track_list_open();
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
        if (scope_track_is_live(w))
            close_books(w);
        w->ended = true;
        w->limit = w->next = 0;
        if (!w->owned || w->over)
            scope_track_free(w);
    }
}

/* Runs in a forked child, where only the calling thread exists; async-signal-safe. It keeps its own writer. */
void scope_tracks_forget(void) {
    struct scope_writer *own = scope_tls && scope_tls != &scope_muted ? scope_tls : NULL;
    scope_track_list_forget();
    if (own) {
        own->chunk = NULL;
        own->slot = NULL;
        own->next = own->limit = own->capacity = 0;
        own->ended = true;
        scope_track_link(own);
    }
    scope_session += 1;
    scope_waiting = 0;
}

/* GIL held; does not allocate. */
uint32_t scope_track_next_serial(void) {
    return ++last_serial;
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
    struct scope_writer *stale = scope_track_find_locked(ident, true);
    if (stale && !end_locked(stale))
        close_books(stale);
    struct scope_writer *w = scope_track_find_locked(ident, false);
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
            scope_track_link(w);
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

/* GIL held; may find file space. A thread of this name may be left out from now on, or not any more: its stack is not known
 * then. */
void scope_track_judge(struct scope_writer *w, const char *name) {
    const bool was_quiet = w->quiet;
    w->quiet = !scope_filter_wants_thread(name);
    if (w->begun && w->quiet != was_quiet)
        scope_write_pause(w, SCOPE_GAP_PAUSED, scope_ticks());
    w->limit = scope_limit(w);
}

/* GIL held; may find file space. A later definition of the same thread replaces the earlier one. */
void scope_track_rename(struct scope_writer *w, const char *name, bool daemon, uint32_t os_tid) {
    if (!w->os_tid)
        w->os_tid = os_tid;
    char tid[16];
    snprintf(tid, sizeof tid, "%u", w->os_tid);
    scope_define(SCOPE_DEF_THREAD, w->serial, (const char *[]){name, tid, daemon ? "1" : "0"}, 3);
    scope_track_judge(w, name);
}

/* GIL held; may find file space. The thread's first event. Without a slot nothing is written or counted here: it is
 * begun by the sweep, when there is one. */
static void write_begin(struct scope_writer *w) {
    const uint32_t flags =
        (w->was_running ? SCOPE_THREAD_BEGIN_WAS_RUNNING : 0) | (w->quiet ? SCOPE_THREAD_BEGIN_LEFT_OUT : 0);
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
                scope_track_free(w);
        } else if (scope_track_is_live(w)) {
            PyObject *ident = w->owned ? NULL : PyLong_FromUnsignedLong((unsigned long)w->ident);
            if (ident && !PyDict_GetItemWithError(frames, ident))
                end_locked(w);
            if (ident)
                Py_DecRef(ident);
            PyErr_Clear();
            any_lost |= scope_track_is_live(w) && has_lost(w);
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
    scope_follow_greenlets(w, entering, true);
    return w;
}

/* GIL held; takes the lock; does not allocate. The serial of a thread that lives or has ended lately, 0 = unknown. */
uint32_t scope_track_serial_of(pthread_t ident, uint32_t os_tid, bool *ended) {
    scope_tracks_lock();
    const struct scope_writer *w = scope_track_find_locked(ident, true);
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
        if (scope_track_is_live(w)) {
            *produced += scope_produced(w);
            *dropped += w->dropped;
            *live += 1;
        }
    scope_tracks_unlock();
}
