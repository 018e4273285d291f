/* What happens when a thread's chunk is full: the next chunk, a gap, or a wait.
 *
 * Every event that a track produces has a sequence number, dropped ones included; `base` counts them, and a claimed
 * chunk states where it begins. A gap ends with a GAP event and the thread's stack written anew, because the calls and
 * returns that were dropped are what a reader would need to know where the thread is. */
#include "writer.h"

#include "fork.h"
#include "snapshot.h"
#include "tracks.h"

#include <unistd.h>

__thread struct scope_writer *scope_tls __attribute__((tls_model("initial-exec")));
struct scope_writer scope_muted;
uint32_t scope_active;
uint32_t scope_session;

#define WAIT_STEP_US 100
#define WAIT_LIMIT_NS 10000000000u
#define RECHECK_DROPS 256u

static bool waiting_is_hopeless; /* a wait ran into its limit; set back by the next successful claim */

/* GIL not needed; does not allocate. Hands the chunk to the recorder. */
void scope_close_chunk(struct scope_writer *w) {
    if (!w->chunk)
        return;
    w->base = scope_produced(w);
    __atomic_store_n(&w->chunk->state, 2, __ATOMIC_RELEASE);
    w->chunk = NULL;
    w->next = w->limit = w->continuation = 0;
}

/* GIL not needed; does not allocate. Counts one event that was produced and cannot be recorded. */
void scope_drop(struct scope_writer *w, uint32_t reason) {
    if (!w->slot) {
        __atomic_fetch_add(&scope_pool.header->dropped_unattributed, 1, __ATOMIC_RELAXED);
        return;
    }
    if (w->gap_events == 0) {
        w->gap_ticks = scope_ticks();
        w->gap_reason = reason;
    }
    if (reason == SCOPE_GAP_POOL_FULL)
        w->gap_reason = reason; /* the graver one: only it makes the stack unknown */
    if (w->gap_events < UINT32_MAX)
        w->gap_events += 1;
    w->base += 1;
    w->dropped += 1;
    __atomic_store_n(&w->slot->dropped, w->dropped, __ATOMIC_RELEASE);
}

/* GIL not needed; may reserve file space. True when `w` has a fresh chunk. */
static bool claim(struct scope_writer *w) {
    w->chunk = scope_pool_claim(w->serial, w->base, w->dropped);
    if (!w->chunk)
        return false;
    w->records = (struct scope_record *)((unsigned char *)w->chunk + SCOPE_CHUNK_HEADER_BYTES);
    w->next = w->continuation = 0;
    w->limit = w->quiet ? 0 : SCOPE_CHUNK_CAPACITY;
    waiting_is_hopeless = false;
    return true;
}

/* GIL held, given up while asleep; does not allocate. Waits for a free chunk when the user chose to rather wait than
 * lose events; true when there is one.
 *
 * The GIL is given up so that the agent can still answer "stop" and other threads go on until they need a chunk too.
 * That is safe here: a function's entry and exit are places where a thread switch may happen anyway. The switch to
 * drop, the end of the recording and ten seconds without a free chunk all end the wait; the header is only read with
 * the GIL, since the end of the recording unmaps it. */
static bool wait_for_chunk(const struct scope_writer *w) {
    const uint64_t began_ns = scope_mono_ns();
    while (!waiting_is_hopeless && scope_active && w->session == scope_session &&
           __atomic_load_n(&scope_pool.header->when_full, __ATOMIC_RELAXED) == 1) {
        if (scope_pool_has_breathing_space())
            return true;
        if (scope_mono_ns() - began_ns > WAIT_LIMIT_NS)
            waiting_is_hopeless = true;
        PyThreadState *state = PyEval_SaveThread();
        usleep(WAIT_STEP_US);
        PyEval_RestoreThread(state);
    }
    return false;
}

/* GIL not needed; does not allocate. Whether a thread that drops may try to go on: free chunks are counted only every
 * few milliseconds or a few hundred drops, because counting touches every chunk. */
static bool gap_may_end(struct scope_writer *w) {
    uint64_t now_ns = scope_coarse_ns();
    if (now_ns == w->full_checked_ns && w->gap_events % RECHECK_DROPS != 0)
        return false;
    w->full_checked_ns = now_ns;
    return scope_pool_has_breathing_space();
}

/* GIL not needed; does not allocate; room for one record must exist. */
static void write_gap(struct scope_writer *w) {
    uint32_t reason = w->gap_reason;
    scope_fill(&w->records[w->next], w->gap_ticks, w->gap_events, scope_head(SCOPE_GAP, 0, reason));
    w->gap_events = 0;
    scope_publish(w, 1);
}

/* GIL held; does not allocate. Counts an event of a function that found no place in the site table. Every event of such a
 * function is left out, its returns as well as its calls, so the stack stays true; the gap is told once a second. */
void scope_drop_unknown_site(void) {
    struct scope_writer *w = scope_active ? scope_writer_of_this_thread(NULL) : NULL;
    if (!w || w->quiet || w->ended)
        return;
    scope_drop(w, SCOPE_GAP_SITES_FULL);
    uint64_t now_ns = scope_coarse_ns();
    if (w->gap_reason == SCOPE_GAP_SITES_FULL && w->chunk && w->next < w->limit &&
        now_ns - w->site_gap_ns > 1000000000u) {
        w->site_gap_ns = now_ns;
        write_gap(w);
    }
}

/* GIL held when `resume`, else not needed; may reserve file space. Where the next `slots` records of `w` go, or NULL:
 * then the event must be counted with scope_drop().
 * `resume`: the caller is the thread itself, or replaces its stack by a snapshot next: only then may a gap end. */
struct scope_record *scope_reserve(struct scope_writer *w, uint32_t slots, PyObject *entering, bool resume) {
    const bool self = w == scope_tls;
    if (!w->slot || (w->gap_events && w->gap_reason == SCOPE_GAP_POOL_FULL && (!resume || !gap_may_end(w))))
        return NULL;
    if (w->chunk && w->next + slots <= SCOPE_CHUNK_CAPACITY)
        return &w->records[w->next];
    scope_close_chunk(w);
    if (!claim(w)) {
        const uint32_t session = w->session;
        if (!resume || !self || !wait_for_chunk(w) || session != scope_session || !scope_active || !claim(w))
            return NULL;
    }
    if (w->gap_events) {
        bool lost_its_place = w->gap_reason != SCOPE_GAP_SITES_FULL;
        write_gap(w);
        if (lost_its_place && self)
            scope_snapshot_own(w, SCOPE_SNAPSHOT_GAP, entering);
        return scope_reserve(w, slots, entering, resume);
    }
    return &w->records[w->next];
}

/* GIL not needed; does not allocate. Commits the event in the next `slots` records. */
void scope_publish(struct scope_writer *w, uint32_t slots) {
    w->next += slots;
    w->continuation += slots - 1;
    __atomic_store_n(&w->chunk->committed, w->next, __ATOMIC_RELEASE);
}

/* GIL held; may reserve file space and, after a gap, allocates frame objects. Never leaves an exception. */
void scope_write_slowly(uint32_t a, uint32_t head, PyObject *code) {
    if (SCOPE_UNLIKELY(!scope_active)) {
        scope_fork_clean_up();
        return;
    }
    struct scope_writer *w = scope_writer_of_this_thread(code);
    if (!w || w->quiet || w->ended)
        return;
    struct scope_record *record = scope_reserve(w, 1, code, true);
    if (!scope_active || w->session != scope_session)
        return; /* the recording ended while this thread waited for space */
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return;
    }
    scope_fill(record, scope_ticks(), a, head);
    scope_publish(w, 1);
}

/* GIL not needed when the writers' lock is held; may reserve file space. An event of a thread's life: also for threads
 * whose calls are filtered out. Returns false when it was dropped. */
bool scope_write_life(struct scope_writer *w, uint64_t ticks, uint32_t a, uint32_t head) {
    if (w->ended)
        return false;
    struct scope_record *record = scope_reserve(w, 1, NULL, false);
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return false;
    }
    scope_fill(record, ticks, a, head);
    scope_publish(w, 1);
    return true;
}

/* GIL held; may reserve file space. Tells a gap that is still open, before the last snapshot. */
void scope_flush_gap(struct scope_writer *w) {
    w->full_checked_ns = 0;
    if (w->gap_events && scope_reserve(w, 1, NULL, true) && w->gap_events)
        write_gap(w);
}

/* GIL held; may reserve file space. Says that `w` was not watched for a while (another profiler had the thread);
 * the caller writes the stack next. */
void scope_write_pause(struct scope_writer *w) {
    struct scope_record *record = scope_reserve(w, 1, NULL, true);
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return;
    }
    scope_fill(record, scope_ticks(), 0, scope_head(SCOPE_GAP, 0, SCOPE_GAP_PAUSED));
    scope_publish(w, 1);
}
