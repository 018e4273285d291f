/* One thread's way into the pool: the hot path of an event, and what happens when a chunk is full. */
#ifndef SCOPE_RECORDER_WRITER_H
#define SCOPE_RECORDER_WRITER_H

#include "clock.h"
#include "pool.h"
#include "python_api.h"

#include <pthread.h>

#define SCOPE_TOLD 8u
#define SCOPE_RAISED 32u /* a power of two; an unwind has 5 bits to say which */

struct scope_writer {
    /* the hot line: next record and the number of records that may be written without a second look */
    struct scope_record *records;
    struct scope_chunk *chunk; /* NULL = none claimed */
    uint32_t next;
    uint32_t limit;        /* 0 sends every event to the slow path: muted, quiet, ended, stopped, forked */
    uint32_t sample_at;    /* the hook of this record is timed; samples.h */
    uint32_t continuation; /* slots of this chunk that are not events by themselves */
    uint32_t capacity;     /* of this chunk */
    uint32_t
        chunk_number; /* another one for each chunk, and where an event was begun in vain: what it wrote is not there */

    uint32_t serial;
    uint64_t base;                 /* events produced before this chunk, dropped ones included */
    uint64_t dropped;              /* of them, dropped */
    struct scope_track_slot *slot; /* where its drops are counted; NULL = none was free, and it writes nothing */
    uint64_t claimed_ns;

    uint64_t gap_ticks;  /* when the current gap began */
    uint32_t gap_events; /* 0 = no gap */
    uint32_t gap_reason;
    uint64_t full_checked_ns;
    uint64_t site_gap_ns;

    uint32_t gaps;                          /* how often it has been told that events are missing */
    uint32_t stacks_told;                   /* how often its whole stack has been written */
    void *told[SCOPE_TOLD], *cut_exception; /* values/exceptions.c; compared, never used */
    bool told_left[SCOPE_TOLD];             /* it has left the function where it was told */
    uint32_t told_next, raised_next;
    void *raised[SCOPE_RAISED]; /* the latest exceptions whose raise is written; compared, never used */
    pthread_t ident;
    uint32_t os_tid;
    uint32_t session; /* which recording it belongs to; others ignore it */
    bool owned;       /* its thread has it in its TLS */
    bool quiet;       /* a thread filter keeps its calls out; its life is recorded all the same */
    bool begun;       /* its first event has been told */
    bool ended;
    bool was_running;       /* before the recording began */
    bool over;              /* its thread is gone, and had no room left to say so */
    bool without_gil;       /* it is being ended without the GIL: nothing of another thread may be touched */
    bool follows_greenlets; /* our switch callback is on this thread; hooks/greenlets.c */
    bool switching;
    uint64_t greenlets_ticks; /* when that function was last known to be in place */
    uint32_t blind;           /* why its calls cannot be followed now, one of SCOPE_GAP_*; 0 = they can; blindness.c */
    uint64_t blind_told_ticks, blind_told_ns, blind_told_events;
    PyObject *changing_object, *changing_name; /* hooks/attributes.c; compared, never used */
    const void *stands;                        /* the innermost frame of a stack that another thread has written,
                                                  until the next event here; compared, never used */
    struct scope_writer *following;            /* in its bucket, track_list.c */
};

extern __thread struct scope_writer *scope_tls __attribute__((tls_model("initial-exec")));
extern struct scope_writer scope_muted; /* what the TLS of a thread that must not be recorded points to */
extern uint32_t scope_active;           /* 1 while recording */
extern uint32_t scope_session;          /* counts recordings of this process */
extern bool scope_greenlets_loaded;     /* or about to be; hooks/greenlets.c says so */
extern uint32_t scope_waiting;          /* threads that wait for space, in the middle of an event */

/* An event that is longer than its record. `fill` writes all of it, from the record on, into at most `slots`, and returns how
 * many it has used; 0: it needs more, and there would be SCOPE_MAX_EVENT_SLOTS of them in an empty chunk. GIL held; `fill`
 * may allocate, and leaves exceptions as they are. */
struct scope_long_event {
    uint32_t (*fill)(const struct scope_long_event *event, const struct scope_writer *w, struct scope_record *record,
                     uint32_t slots);
};

void scope_write_slowly(uint32_t a, uint32_t head, PyObject *code);
void scope_write_left_slowly(uint32_t a, uint32_t head);
void scope_write_long_slowly(const struct scope_long_event *event, PyObject *code, bool left);
struct scope_record *scope_reserve(struct scope_writer *w, uint32_t slots, PyObject *entering, bool resume);
bool scope_write_life(struct scope_writer *w, uint64_t ticks, uint32_t a, uint32_t head);
bool scope_write_end(struct scope_writer *w);
bool scope_flush_gap(struct scope_writer *w);
void scope_drop_unknown_site(void);
void scope_write_pause(struct scope_writer *w, uint32_t reason, uint64_t since_ticks);
void scope_drop(struct scope_writer *w, uint32_t reason);

/* GIL not needed; does not allocate. */
static inline uint64_t scope_produced(const struct scope_writer *w) {
    return w->base + w->next - w->continuation;
}

/* GIL held unless it is the caller's own; does not allocate. `w` has no chunk any more; the one that it had, or NULL. */
static inline struct scope_chunk *scope_give_chunk_away(struct scope_writer *w) {
    struct scope_chunk *chunk = w->chunk;
    if (!chunk)
        return NULL;
    w->base = scope_produced(w);
    w->chunk = NULL;
    w->next = w->limit = w->capacity = w->continuation = 0;
    return chunk;
}

/* GIL held unless it is the caller's own; does not allocate. Hands the chunk to the recorder. */
static inline void scope_close_chunk(struct scope_writer *w) {
    struct scope_chunk *chunk = scope_give_chunk_away(w);
    if (chunk)
        __atomic_store_n(&chunk->state, SCOPE_CHUNK_CLOSED, __ATOMIC_RELEASE);
}

/* GIL not needed; does not allocate. */
static inline uint32_t scope_head(uint32_t kind, uint32_t flags, uint32_t b) {
    return kind | flags << 8 | b << 16;
}

/* GIL not needed; does not allocate. How far the hot path may write in the chunk that `w` has. */
static inline uint32_t scope_limit(const struct scope_writer *w) {
    const bool slow = w->quiet || w->stands || (scope_greenlets_loaded && !w->follows_greenlets);
    return slow ? 0 : w->capacity;
}

/* Chunks go back and forth between the target's core and the recorder's, so each line of a chunk that is used again
 * still belongs to the other core. Asking for it 512 bytes ahead hides the wait. */
#define SCOPE_RECORDS_AHEAD 32

/* GIL not needed; does not allocate. A hint: any address will do, also one past the chunk. */
static inline void scope_own_soon(const void *address) {
#if defined(__x86_64__)
    __asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
    __builtin_prefetch(address, 1);
#endif
}

/* GIL not needed; does not allocate. Fills one record. */
static inline void scope_fill(struct scope_record *record, uint64_t ticks, uint32_t a, uint32_t head) {
    uint64_t second = (uint64_t)a | (uint64_t)head << 32;
    record->ticks = ticks;
    __builtin_memcpy(&record->a, &second, 8);
}

/* GIL not needed; does not allocate. Commits the event in the next `slots` records. */
static inline void scope_publish(struct scope_writer *w, uint32_t slots) {
    w->next += slots;
    w->continuation += slots - 1;
    __atomic_store_n(&w->chunk->committed, w->next, __ATOMIC_RELEASE);
}

/* GIL not needed; does not allocate. How many slots an event may take here. */
static inline uint32_t scope_room(const struct scope_writer *w) {
    const uint32_t left = w->capacity - w->next;
    return left < SCOPE_MAX_EVENT_SLOTS ? left : SCOPE_MAX_EVENT_SLOTS;
}

/* GIL not needed; does not allocate. Writes one event where there is room for it. */
static inline void scope_write_here(struct scope_writer *w, uint32_t a, uint32_t head) {
    struct scope_record *record = &w->records[w->next];
    scope_own_soon(record + SCOPE_RECORDS_AHEAD);
    scope_fill(record, scope_ticks(), a, head);
    w->next += 1;
    __atomic_store_n(&w->chunk->committed, w->next, __ATOMIC_RELEASE);
}

/* GIL held; does not allocate unless a chunk is full. The hot path: every recorded call and return goes through here.
 * `code` is the code object being entered, NULL for every other event: after a gap the stack is written again, and a
 * function that is just being entered is not on it yet. */
static inline void scope_write(uint32_t a, uint32_t head, PyObject *code) {
    struct scope_writer *w = scope_tls;
    if (SCOPE_UNLIKELY(!w || w->next >= w->limit)) {
        scope_write_slowly(a, head, code);
        return;
    }
    scope_write_here(w, a, head);
}

/* GIL held; does not allocate unless a chunk is full. As scope_write(), of a function whose frame is gone from the stack. */
static inline void scope_write_left(uint32_t a, uint32_t head) {
    struct scope_writer *w = scope_tls;
    if (SCOPE_UNLIKELY(!w || w->next >= w->limit))
        scope_write_left_slowly(a, head);
    else
        scope_write_here(w, a, head);
}

#endif
