/* What happens when a thread's chunk is full: the next chunk, a gap, or a wait.
 *
 * Every event that a track produces has a sequence number, dropped ones included; `base` counts them, and a claimed
 * chunk states where it begins. A gap ends with a GAP event and the thread's stack written anew, because the calls and
 * returns that were dropped are what a reader would need to know where the thread is. */
#include "writer.h"

#include "samples.h"
#include "track_list.h"
#include "upward.h"

#include <unistd.h>

#define WAIT_STEP_US 100
#define WAIT_LIMIT_NS 10000000000u
#define RECHECK_DROPS 256u
#define BUSY_NS 250000000u /* who fills a small chunk in less gets a large one */
#define MOST_PARTS_WANTED (4 * SCOPE_SMALL_PER_BLOCK)

uint32_t scope_waiting;

static uint32_t last_chunk_number;
static bool waiting_is_hopeless; /* a wait ran into its limit; set back by the next successful claim */

/* GIL not needed; does not allocate. Counts one event that was produced and cannot be recorded. */
void scope_drop(struct scope_writer *w, uint32_t reason) {
    if (!scope_pool.header)
        return; /* the recording ended while the thread waited for space */
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

/* GIL not needed; does not allocate. Nothing that `w` writes may refer to what it has written before. */
static void begin_anew(struct scope_writer *w) {
    w->chunk_number = __atomic_add_fetch(&last_chunk_number, 1, __ATOMIC_RELAXED);
}

/* GIL held unless `w` says otherwise; may find file space. True when `w` has a fresh chunk: a free one or, since others cannot write
 * while we have the GIL, one that another thread does not need. `filled`: it has just filled the one before. */
static bool claim(struct scope_writer *w, bool filled) {
    const uint64_t now_ns = scope_coarse_ns();
    const bool large = filled && now_ns - w->claimed_ns < BUSY_NS;
    struct scope_chunk *chunk = scope_pool_claim(w->serial, w->base, w->dropped, large);
    if (!chunk && !w->without_gil) {
        chunk = scope_tracks_idle_chunk(w, large);
        if (chunk)
            scope_pool_take_over(chunk, w->serial, w->base, w->dropped);
    }
    if (!chunk)
        return false;
    w->chunk = chunk;
    begin_anew(w);
    w->claimed_ns = now_ns;
    w->records = (struct scope_record *)((unsigned char *)chunk + SCOPE_CHUNK_HEADER_BYTES);
    w->next = w->continuation = 0;
    scope_sample_from_here(w);
    w->capacity = chunk->capacity;
    w->limit = scope_limit(w);
    waiting_is_hopeless = false;
    return true;
}

/* GIL held; does not allocate. True when a track that is dropping may go on: resuming at the first free chunk would cut a
 * burst into a gap and a full stack snapshot every few records. */
static bool has_breathing_space(void) {
    const uint32_t all = scope_pool.header->block_count * SCOPE_SMALL_PER_BLOCK;
    const uint32_t wanted = all / 4 < MOST_PARTS_WANTED ? all / 4 : MOST_PARTS_WANTED;
    const uint32_t parts = scope_pool_free_parts(wanted);
    return parts >= wanted || parts + scope_tracks_idle_parts() >= wanted;
}

/* GIL held, given up while asleep; does not allocate. Waits for a free chunk when the user chose to rather wait than
 * lose events; true when `w` has got one.
 *
 * The GIL is given up so that the agent can still answer "stop" and other threads go on until they need a chunk too.
 * That is safe here: a function's entry and exit are places where a thread switch may happen anyway. The switch to
 * drop, the end of the recording and ten seconds without a free chunk all end the wait; the header is only read with
 * the GIL, since the end of the recording unmaps it. */
static bool wait_for_chunk(struct scope_writer *w, bool filled) {
    const uint64_t began_ns = scope_mono_ns();
    const uint32_t session = w->session; /* the thread may find its writer in the next recording */
    while (!waiting_is_hopeless && scope_active && session == scope_session &&
           __atomic_load_n(&scope_pool.header->when_full, __ATOMIC_RELAXED) == 1) {
        if (has_breathing_space() && claim(w, filled))
            return true;
        if (scope_mono_ns() - began_ns > WAIT_LIMIT_NS)
            waiting_is_hopeless = true;
        scope_waiting += 1;
        PyThreadState *state = PyEval_SaveThread();
        usleep(WAIT_STEP_US);
        PyEval_RestoreThread(state);
        scope_waiting -= 1;
    }
    return false;
}

/* GIL held; does not allocate. Whether a thread that drops may try to go on: free chunks are counted only every few
 * milliseconds or a few hundred drops, because counting takes time. */
static bool gap_may_end(struct scope_writer *w) {
    uint64_t now_ns = scope_coarse_ns();
    if (now_ns == w->full_checked_ns && w->gap_events % RECHECK_DROPS != 0)
        return false;
    w->full_checked_ns = now_ns;
    return has_breathing_space();
}

/* GIL not needed; does not allocate; room for one record must exist. */
static void write_gap(struct scope_writer *w) {
    uint32_t reason = w->gap_reason;
    scope_fill(&w->records[w->next], w->gap_ticks, w->gap_events, scope_head(SCOPE_GAP, 0, reason));
    w->gap_events = 0;
    w->gaps += 1;
    scope_publish(w, 1);
}

/* GIL held; does not allocate. Counts an event of a function that found no place in the site table. Every event of such a
 * function is left out, its returns as well as its calls, so the stack stays true; the gap is told once a second. */
void scope_drop_unknown_site(void) {
    struct scope_writer *w = scope_active ? scope_upward.writer_of_this_thread(NULL) : NULL;
    if (!w || w->quiet || w->ended)
        return;
    scope_drop(w, SCOPE_GAP_SITE_TABLE_FULL);
    uint64_t now_ns = scope_coarse_ns();
    if (w->gap_reason == SCOPE_GAP_SITE_TABLE_FULL && w->chunk && w->next < w->limit &&
        now_ns - w->site_gap_ns > 1000000000u) {
        w->site_gap_ns = now_ns;
        write_gap(w);
    }
}

/* GIL held when `resume`, else not needed; may find file space. Where the next `slots` records of `w` go, or NULL:
 * then the event must be counted with scope_drop().
 * `resume`: the caller is the thread itself, or replaces its stack by a snapshot next: only then may a gap end. */
struct scope_record *scope_reserve(struct scope_writer *w, uint32_t slots, PyObject *entering, bool resume) {
    const bool self = w == scope_tls;
    if (!w->slot || (w->gap_events && w->gap_reason == SCOPE_GAP_POOL_FULL && (!resume || !gap_may_end(w))))
        return NULL;
    if (w->next + slots <= w->capacity)
        return &w->records[w->next];
    const bool filled = w->chunk;
    scope_close_chunk(w);
    if (!claim(w, filled) && (!resume || !self || !wait_for_chunk(w, filled)))
        return NULL;
    if (w->gap_events) {
        bool lost_its_place = w->gap_reason != SCOPE_GAP_SITE_TABLE_FULL;
        write_gap(w);
        if (lost_its_place && self)
            scope_upward.write_own_stack(w, SCOPE_SNAPSHOT_GAP, entering);
        return scope_reserve(w, slots, entering, resume);
    }
    return &w->records[w->next];
}

/* GIL held; allocates a frame object with the collector off. The first event of a thread since another one has written its
 * stack: whether the event is the beginning of a frame that is on that stack already. From 3.13 on, and under the profile
 * function of 3.11, a thread lets another one run just before its hook is called for a frame that has begun. */
static bool is_on_stack(struct scope_writer *w, PyObject *entering) {
    int collecting = PyGC_Disable();
    const bool is_told = entering && (const void *)PyEval_GetFrame() == w->stands;
    if (collecting)
        PyGC_Enable();
    w->stands = NULL;
    w->limit = scope_limit(w);
    return is_told;
}

/* An event without a payload. */
struct short_event {
    struct scope_long_event event; /* the first field */
    uint32_t a, head;
};

/* GIL held; does not allocate. */
static uint32_t fill_short(const struct scope_long_event *event, const struct scope_writer *w,
                           struct scope_record *record, uint32_t slots) {
    const struct short_event *self = (const struct short_event *)event;
    (void)w, (void)slots;
    scope_fill(record, scope_ticks(), self->a, self->head);
    return 1;
}

/* GIL held; may find file space and, after a gap, allocates frame objects. `left`: the event is the end of a function that
 * is no more on the thread's stack; where that has been written meanwhile, the end is in it. What is too long for the rest
 * of its chunk gets a fresh one. */
static void write_slowly(const struct scope_long_event *event, PyObject *code, bool left) {
    const struct scope_writer *before = scope_tls;
    const uint32_t told_before = before ? before->stacks_told : 0;
    struct scope_writer *w = scope_upward.writer_of_this_thread(code);
    if (!w || w->quiet || w->ended || (w->stands && is_on_stack(w, code)))
        return;
    scope_follow_greenlets(w, code, false);
    uint32_t slots = 0;
    for (uint32_t wanted = 1; !slots; wanted = SCOPE_MAX_EVENT_SLOTS) {
        struct scope_record *record = scope_reserve(w, wanted, code, true);
        if (!scope_active || w->session != scope_session)
            return; /* the recording ended while this thread waited for space */
        if (left && (w != before || w->stacks_told != told_before))
            return;
        if (!record) {
            scope_drop(w, SCOPE_GAP_POOL_FULL);
            return;
        }
        begin_anew(w); /* the event may have been begun before */
        slots = event->fill(event, w, record, scope_room(w));
    }
    scope_publish(w, slots);
}

/* GIL held; may find file space and, after a gap, allocates frame objects. Never leaves an exception. */
void scope_write_slowly(uint32_t a, uint32_t head, PyObject *code) {
    const struct short_event event = {{fill_short}, a, head};
    scope_write_long_slowly(&event.event, code, false);
}

/* GIL held; may find file space and, after a gap, allocates frame objects. Never leaves an exception. */
void scope_write_left_slowly(uint32_t a, uint32_t head) {
    const struct short_event event = {{fill_short}, a, head};
    scope_write_long_slowly(&event.event, NULL, true);
}

/* GIL held; may find file space and, after a gap, allocates frame objects; allocates as the event does. */
void scope_write_long_slowly(const struct scope_long_event *event, PyObject *code, bool left) {
    if (SCOPE_UNLIKELY(!scope_active))
        scope_upward.clean_up();
    else
        write_slowly(event, code, left);
}

/* GIL held, given up while a thread waits for space; may find file space. An event of a thread's life: also for threads
 * whose calls are filtered out. False when there was no room, and the caller counts it. */
bool scope_write_life(struct scope_writer *w, uint64_t ticks, uint32_t a, uint32_t head) {
    struct scope_record *record = w->ended ? NULL : scope_reserve(w, 1, NULL, w == scope_tls);
    if (!record)
        return w->ended; /* or the recording has ended meanwhile */
    scope_fill(record, ticks, a, head);
    scope_publish(w, 1);
    return true;
}

/* Writers' lock held; GIL held unless `w` says otherwise; may find file space. A thread's last event: a gap ends here without a stack, because none is left. Never waits. */
bool scope_write_end(struct scope_writer *w) {
    if (!w->slot)
        return false;
    if (w->next + 2 > w->capacity) {
        scope_close_chunk(w);
        if (!claim(w, false))
            return false;
    }
    if (w->gap_events)
        write_gap(w);
    scope_fill(&w->records[w->next], scope_ticks(), w->serial, scope_head(SCOPE_THREAD_END, 0, 0));
    scope_publish(w, 1);
    return true;
}

/* GIL held; may find file space. Tells a gap that is still open, before a snapshot by another thread; false = no room. */
bool scope_flush_gap(struct scope_writer *w) {
    w->full_checked_ns = 0;
    if (w->gap_events && scope_reserve(w, 1, NULL, true) && w->gap_events)
        write_gap(w);
    return w->gap_events == 0;
}

/* GIL held; may reserve file space. Says that the calls of `w` have not been seen since then; its stack is not known until
 * a snapshot comes. */
void scope_write_pause(struct scope_writer *w, uint32_t reason, uint64_t since_ticks) {
    struct scope_record *record = scope_reserve(w, 1, NULL, true);
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return;
    }
    w->gaps += 1;
    scope_fill(record, since_ticks, 0, scope_head(SCOPE_GAP, 0, reason));
    scope_publish(w, 1);
}
