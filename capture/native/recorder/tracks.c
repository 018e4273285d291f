/* Which threads are recorded: their serials, slots, names, and how they end.
 *
 * A thread finds its writer through its TLS. The agent makes writers for threads that already run; such a thread takes
 * its one over, by pthread id, at its first event. Writers change under the GIL, with one exception: a thread that
 * ends does so without it, in a pthread key destructor. Hence the lock, which is never held while waiting for the
 * GIL. */
#define _GNU_SOURCE
#include "tracks.h"

#include "defs.h"
#include "filter.h"
#include "snapshot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REMEMBERED 4096u /* threads that a later join() can still be told about */

struct remembered {
    pthread_t ident;
    uint32_t os_tid, serial;
    bool ended;
};

static pthread_mutex_t tracks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct scope_writer *writers;
static struct remembered remembered[REMEMBERED]; /* by serial */
static uint32_t last_serial;
static uint64_t ended_produced, ended_dropped;
static pthread_key_t end_key;
static bool end_key_made;

/* GIL not needed; does not allocate. */
void scope_tracks_lock(void) {
    pthread_mutex_lock(&tracks_lock);
}

/* GIL not needed; does not allocate. */
void scope_tracks_unlock(void) {
    pthread_mutex_unlock(&tracks_lock);
}

/* Lock held; does not allocate. */
static void unlink_writer(struct scope_writer *w) {
    struct scope_writer **at = &writers;
    while (*at && *at != w)
        at = &(*at)->following;
    if (*at)
        *at = w->following;
}

/* Lock held; GIL not needed; may reserve file space. The thread of `w` is over. */
static void end_locked(struct scope_writer *w) {
    if (w->ended || w->session != scope_session || !scope_active)
        return;
    w->quiet = false;
    scope_write_life(w, scope_ticks(), w->serial, scope_head(SCOPE_THREAD_END, 0, 0));
    scope_close_chunk(w);
    w->ended = true;
    ended_produced += scope_produced(w);
    ended_dropped += w->dropped;
    remembered[w->serial % REMEMBERED].ended = remembered[w->serial % REMEMBERED].serial == w->serial;
    if (w->slot)
        __atomic_store_n(&w->slot->state, 2, __ATOMIC_RELEASE);
    w->slot = NULL;
}

/* Runs at the end of a native thread, without the GIL; frees plain memory. */
static void thread_is_over(void *value) {
    struct scope_writer *w = value;
    scope_tracks_lock();
    end_locked(w);
    unlink_writer(w);
    scope_tracks_unlock();
    scope_tls = &scope_muted;
    free(w);
}

/* GIL held; does not allocate. 0 or -1 without an exception. */
int scope_tracks_open(void) {
    if (!end_key_made && pthread_key_create(&end_key, thread_is_over) != 0)
        return -1;
    end_key_made = true;
    last_serial = 0;
    ended_produced = ended_dropped = 0;
    memset(remembered, 0, sizeof remembered);
    scope_session += 1;
    return 0;
}

/* GIL and lock held; frees plain memory. Closes every chunk; writers that their thread knows stay, for the thread to
 * free or to use again in the next recording. */
void scope_tracks_close(void) {
    struct scope_writer **at = &writers;
    while (*at) {
        struct scope_writer *w = *at;
        if (w->session == scope_session && !w->ended) {
            scope_close_chunk(w);
            ended_produced += scope_produced(w);
            ended_dropped += w->dropped;
        }
        w->ended = true;
        w->slot = NULL;
        w->limit = w->next = 0;
        if (w->owned) {
            at = &w->following;
        } else {
            *at = w->following;
            free(w);
        }
    }
}

/* Runs in a forked child, where only the calling thread exists; async-signal-safe. The writers of the other threads are
 * left where they are: a child may not call free(). */
void scope_tracks_forget(void) {
    pthread_mutex_init(&tracks_lock, NULL);
    struct scope_writer *own = scope_tls && scope_tls != &scope_muted ? scope_tls : NULL;
    writers = own;
    if (own) {
        own->following = NULL;
        own->chunk = NULL;
        own->slot = NULL;
        own->next = own->limit = 0;
        own->ended = true;
    }
    scope_session += 1;
}

/* Lock held; does not allocate. First of the list, in no order. */
struct scope_writer *scope_tracks_first(void) {
    return writers;
}

/* GIL held; does not allocate. */
uint32_t scope_track_next_serial(void) {
    return ++last_serial;
}

/* Lock held; does not allocate. The writer that a living thread keeps from an earlier recording, or NULL. */
static struct scope_writer *kept_by_thread(pthread_t ident) {
    struct scope_writer *w = writers;
    while (w && !(w->owned && w->session != scope_session && pthread_equal(w->ident, ident)))
        w = w->following;
    return w;
}

/* GIL held; takes the lock; allocates plain memory; NULL without memory. A writer, listed and with a slot where one is
 * free, for the calling thread or for one that takes it over at its first event. `serial` 0 = the next one.
 * A live track with the same id belonged to a thread that is gone. */
struct scope_writer *scope_track_new(pthread_t ident, uint32_t os_tid, uint32_t serial, uint32_t parent) {
    const bool own = pthread_equal(ident, pthread_self());
    struct scope_writer *fresh = calloc(1, sizeof *fresh);
    if (!fresh)
        return NULL;
    struct scope_writer *stale = scope_track_find(ident);
    scope_tracks_lock();
    if (stale)
        end_locked(stale);
    struct scope_writer *w = kept_by_thread(ident);
    const bool owned = own || w;
    if (w) {
        free(fresh);
    } else {
        w = fresh;
        w->following = writers;
        writers = w;
    }
    serial = serial ? serial : ++last_serial;
    *w = (struct scope_writer){.serial = serial,
                               .ident = ident,
                               .os_tid = os_tid,
                               .session = scope_session,
                               .owned = owned,
                               .following = w->following,
                               .slot = scope_pool_take_slot()};
    if (w->slot) {
        w->slot->os_tid = os_tid;
        w->slot->ident = (uint64_t)ident;
        w->slot->parent_serial = parent;
        __atomic_store_n(&w->slot->serial, serial, __ATOMIC_RELEASE);
    }
    remembered[serial % REMEMBERED] = (struct remembered){ident, os_tid, serial, false};
    scope_tracks_unlock();
    if (own) {
        scope_tls = w;
        pthread_setspecific(end_key, w);
    }
    return w;
}

/* GIL held; takes the lock; does not allocate. The live track of a pthread id in this recording, or NULL. */
struct scope_writer *scope_track_find(pthread_t ident) {
    scope_tracks_lock();
    struct scope_writer *w = writers;
    while (w && !(w->session == scope_session && !w->ended && pthread_equal(w->ident, ident)))
        w = w->following;
    scope_tracks_unlock();
    return w;
}

/* GIL held; takes the lock; does not allocate. The main thread's live track: where events of no thread in particular
 * go; NULL when it is gone. */
struct scope_writer *scope_tracks_main(void) {
    struct scope_writer *lowest = NULL;
    scope_tracks_lock();
    for (struct scope_writer *w = writers; w; w = w->following)
        if (w->session == scope_session && !w->ended && (!lowest || w->serial < lowest->serial))
            lowest = w;
    scope_tracks_unlock();
    return lowest;
}

/* GIL held; does not allocate. A later definition of the same thread replaces the earlier one. */
void scope_track_rename(struct scope_writer *w, const char *name, bool daemon, uint32_t os_tid) {
    if (os_tid && !w->os_tid) {
        w->os_tid = os_tid;
        remembered[w->serial % REMEMBERED].os_tid = os_tid;
        if (w->slot)
            w->slot->os_tid = os_tid;
    }
    char tid[16];
    snprintf(tid, sizeof tid, "%u", w->os_tid);
    scope_define(SCOPE_DEF_THREAD, w->serial, (const char *[]){name, tid, daemon ? "1" : "0"}, 3);
    w->quiet = !scope_filter_wants_thread(name);
    w->limit = w->quiet || !w->chunk ? 0 : SCOPE_CHUNK_CAPACITY;
}

/* GIL held; may reserve file space. The thread's first event and its name. */
void scope_track_begin(struct scope_writer *w, const char *name, bool daemon, bool was_running) {
    scope_track_rename(w, name, daemon, w->os_tid);
    scope_write_life(w, scope_ticks(), w->serial, scope_head(SCOPE_THREAD_BEGIN, was_running, 0));
}

/* GIL not needed; takes the lock; may reserve file space. Writes THREAD_END once. */
void scope_track_end(struct scope_writer *w) {
    scope_tracks_lock();
    end_locked(w);
    scope_tracks_unlock();
}

/* GIL held; takes the lock. Ends tracks whose threads are gone without a trace: they had no event since the recording
 * began, so no destructor was armed. `idents`: dict with the id of every thread that runs Python code now. */
void scope_track_end_missing(PyObject *idents) {
    scope_tracks_lock();
    for (struct scope_writer *w = writers; w; w = w->following) {
        if (w->owned || w->ended || w->session != scope_session)
            continue;
        PyObject *ident = PyLong_FromUnsignedLong((unsigned long)w->ident);
        if (ident && !PyDict_GetItemWithError(idents, ident))
            end_locked(w);
        if (ident)
            Py_DecRef(ident);
        PyErr_Clear();
    }
    scope_tracks_unlock();
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
    w = scope_track_new(self, os_tid, 0, 0);
    if (!w)
        return NULL;
    snprintf(name, sizeof name, os_tid == (uint32_t)getpid() ? "MainThread" : "native-%u", os_tid);
    scope_track_begin(w, name, true, false);
    scope_snapshot_own(w, SCOPE_SNAPSHOT_BEGIN, entering);
    return w;
}

/* GIL held; takes no lock; does not allocate. The serial of a thread that lives or has ended lately, 0 = unknown. */
uint32_t scope_track_serial_of(pthread_t ident, uint32_t os_tid, bool *ended) {
    uint32_t oldest = last_serial > REMEMBERED ? last_serial - REMEMBERED : 0;
    for (uint32_t serial = last_serial; serial > oldest; serial--) {
        const struct remembered *track = &remembered[serial % REMEMBERED];
        if (track->serial == serial && pthread_equal(track->ident, ident) &&
            (!os_tid || !track->os_tid || track->os_tid == os_tid)) {
            *ended = track->ended;
            return serial;
        }
    }
    *ended = false;
    return 0;
}

/* GIL held; takes the lock; does not allocate. */
void scope_tracks_totals(uint64_t *produced, uint64_t *dropped, uint32_t *live) {
    scope_tracks_lock();
    *produced = ended_produced;
    *dropped = ended_dropped;
    *live = 0;
    for (struct scope_writer *w = writers; w; w = w->following)
        if (w->session == scope_session && !w->ended) {
            *produced += scope_produced(w);
            *dropped += w->dropped;
            *live += 1;
        }
    scope_tracks_unlock();
}
