/* A target without a Python: the recorder's own writer and pool, driven event by event, and the machine they ask.
 *
 * pool.c, writer.c, defs.c, mapped_file.c and samples.c are the recorder's, pool_scan.c and clock.c the host's. Here is
 * only what they ask of others: which threads there are, which one runs, its stack, the GIL.
 * One actor of the simulator runs at a time, so there is nothing to lock. */
#define _GNU_SOURCE
#include "clock.h"
#include "defs.h"
#include "track_list.h"
#include "upward.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#undef madvise
#undef clock_gettime

struct scope_scan_entry; /* host.h has a scope_ticks() of its own */

#define SCOPE_EXPORT __attribute__((visibility("default")))
#define THREADS 64
#define DEEPEST 200
#define KILLED (-77)
#define REFUSED 1

SCOPE_EXPORT int64_t sim_countdown = 1;
SCOPE_EXPORT int64_t sim_now_ns;
SCOPE_EXPORT uint32_t sim_pid;
SCOPE_EXPORT int32_t sim_room = 1000; /* how often the file system of the pool gives space */
SCOPE_EXPORT int32_t (*sim_scheduler)(int64_t slept_ns);

uint32_t scope_clock_kind = SCOPE_CLOCK_MONOTONIC;
__thread struct scope_writer *scope_tls __attribute__((tls_model("initial-exec")));
struct scope_writer scope_muted;
uint32_t scope_active, scope_session;
bool scope_greenlets_loaded;

static __thread jmp_buf killed;
static struct scope_writer writers[THREADS];
static uint32_t stacks[THREADS][DEEPEST], depths[THREADS];
static uint32_t last_serial;

/* -- what was published: the oracle's truth, (serial, slots) and the slots themselves */

static unsigned char *published;
static size_t published_bytes, published_room;
static uint64_t dropped_by_serial[THREADS + 1];

/* At the store that publishes. */
void sim_commits(uint32_t *committed, uint64_t slots) {
    const struct scope_chunk *chunk =
        (const void *)((unsigned char *)committed - offsetof(struct scope_chunk, committed));
    const uint32_t head[2] = {chunk->track_serial, (uint32_t)(slots - *committed)};
    if (slots <= *committed)
        return;
    const size_t bytes = head[1] * sizeof(struct scope_record), wanted = published_bytes + sizeof head + bytes;
    if (wanted > published_room)
        published = realloc(published, published_room = 2 * wanted);
    memcpy(published + published_bytes, head, sizeof head);
    memcpy(published + published_bytes + sizeof head,
           (const unsigned char *)chunk + SCOPE_CHUNK_HEADER_BYTES + *committed * sizeof(struct scope_record), bytes);
    published_bytes = wanted;
}

/* At the store that tells of a drop. */
void sim_drops(uint64_t *dropped, uint64_t count) {
    const struct scope_track_slot *slot =
        (const void *)((unsigned char *)dropped - offsetof(struct scope_track_slot, dropped));
    if (slot->serial <= THREADS)
        dropped_by_serial[slot->serial] = count;
}

SCOPE_EXPORT const unsigned char *sim_published(uint64_t *bytes) {
    *bytes = published_bytes;
    return published;
}

SCOPE_EXPORT uint64_t sim_dropped(void) {
    uint64_t sum = 0;
    for (int i = 0; i <= THREADS; i++)
        sum += dropped_by_serial[i];
    return sum;
}

/* -- the machine */

static void ask(int64_t slept_ns) {
    if (sim_scheduler(slept_ns))
        longjmp(killed, 1);
}

void sim_ask(void) {
    ask(0);
}

int sim_clock_gettime(clockid_t clock, struct timespec *now) {
    sim_now_ns += 30;
    const int64_t ns = sim_now_ns + (clock == CLOCK_REALTIME ? 1700000000000000000 : 0);
    *now = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return 0;
}

pid_t sim_getpid(void) {
    return (pid_t)sim_pid;
}

int sim_madvise(void *at, size_t bytes, int advice) {
    if (advice != 23 /* MADV_POPULATE_WRITE */)
        return 0;
    (void)at, (void)bytes;
    if (sim_room-- > 0)
        return 0; /* the real file system has room */
    sim_room = 0;
    errno = ENOMEM;
    return -1;
}

int sim_usleep(useconds_t us) {
    ask((int64_t)us * 1000);
    return 0;
}

PyThreadState *sim_save_thread(void) {
    return NULL;
}

void sim_restore_thread(PyThreadState *state) {
    (void)state;
}

/* -- what the writer asks of others */

uint32_t scope_clock_choose(void) {
    return scope_clock_kind;
}

static void clean_up(void) {}

static struct scope_writer *writer_of_this_thread(PyObject *entering) {
    (void)entering;
    return scope_tls;
}

static bool is_idle(const struct scope_writer *w) {
    return w->chunk && !w->ended && __atomic_load_n(&w->chunk->drained, __ATOMIC_ACQUIRE) == w->next;
}

struct scope_chunk *scope_tracks_idle_chunk(const struct scope_writer *taker, bool large) {
    for (struct scope_writer *w = writers; w < writers + THREADS; w++)
        if (w != taker && w->serial && is_idle(w) && (w->capacity > SCOPE_SMALL_CAPACITY) == large)
            return scope_give_chunk_away(w);
    return NULL;
}

uint32_t scope_tracks_idle_parts(void) {
    uint32_t parts = 0;
    for (struct scope_writer *w = writers; w < writers + THREADS; w++)
        if (w->serial && is_idle(w))
            parts += w->capacity > SCOPE_SMALL_CAPACITY ? SCOPE_SMALL_PER_BLOCK : 1;
    return parts;
}

static void write_own_stack(struct scope_writer *w, uint32_t reason, PyObject *entering) {
    (void)entering;
    const uint32_t at = (uint32_t)(w - writers), frames = depths[at];
    w->stacks_told += 1;
    const uint32_t bytes = 8 * frames, slots = 1 + (bytes + 15) / 16;
    struct scope_record *record = scope_reserve(w, slots, NULL, true);
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return;
    }
    const uint32_t flags = SCOPE_SNAPSHOT_FIRST_PART | SCOPE_SNAPSHOT_LAST_PART | SCOPE_PAYLOAD;
    memset(record + slots - 1, 0, sizeof *record);
    for (uint32_t i = 0; i < frames; i++) {
        const uint32_t frame[2] = {stacks[at][i], 7};
        memcpy((unsigned char *)(record + 1) + 8 * i, frame, sizeof frame);
    }
    scope_fill(record, scope_ticks(), reason, scope_head(SCOPE_SNAPSHOT, flags, bytes));
    scope_publish(w, slots);
}

struct scope_upward scope_upward = {
    .writer_of_this_thread = writer_of_this_thread,
    .write_own_stack = write_own_stack,
    .clean_up = clean_up,
};

/* -- the target's moves; each may end in the middle */

#define MAY_BE_KILLED                                                                                                  \
    do {                                                                                                               \
        if (setjmp(killed))                                                                                            \
            return KILLED;                                                                                             \
    } while (0)

/* The memory of a target that is gone, and what is known of it. Its pool stays in the file as it was. */
SCOPE_EXPORT void sim_forget(void) {
    scope_pool_close();
    scope_pool_forget();
    scope_defs_close();
    memset(writers, 0, sizeof writers);
    memset(dropped_by_serial, 0, sizeof dropped_by_serial);
    memset(depths, 0, sizeof depths);
    published_bytes = 0;
    last_serial = 0;
    scope_tls = NULL;
    scope_active = 0;
}

SCOPE_EXPORT int32_t sim_begin(const char *pool, const char *definitions, uint32_t blocks, uint32_t when_full) {
    MAY_BE_KILLED;
    int problem = scope_pool_create(pool, blocks, when_full, 0x030c0000);
    if (!problem)
        problem = scope_defs_open(definitions);
    if (problem)
        return problem;
    scope_session += 1;
    scope_active = 1;
    __atomic_store_n(&scope_pool.header->state, 1, __ATOMIC_RELEASE);
    return 0;
}

SCOPE_EXPORT int32_t sim_define(uint32_t kind, uint32_t id, const char *first, const char *second, const char *third,
                                const char *fourth, const char *fifth) {
    MAY_BE_KILLED;
    const char *fields[] = {first, second, third, fourth, fifth};
    int count = 0;
    while (count < 5 && fields[count])
        count++;
    return scope_define(kind, id, fields, count) ? 0 : REFUSED;
}

SCOPE_EXPORT int32_t sim_thread_begins(uint32_t at, const char *name) {
    MAY_BE_KILLED;
    struct scope_writer *w = &writers[at];
    *w = (struct scope_writer){.serial = ++last_serial, .session = scope_session, .owned = true};
    scope_tls = w;
    w->slot = scope_pool_take_slot(w->serial);
    if (!w->slot) {
        w->ended = true;
        return REFUSED;
    }
    scope_define(SCOPE_DEF_THREAD, w->serial, (const char *[]){name, "7", "0"}, 3);
    if (!scope_write_life(w, scope_ticks(), w->serial, scope_head(SCOPE_THREAD_BEGIN, 0, 0)))
        scope_drop(w, SCOPE_GAP_POOL_FULL);
    w->begun = true;
    return 0;
}

SCOPE_EXPORT int32_t sim_thread_ends(uint32_t at) {
    MAY_BE_KILLED;
    struct scope_writer *w = scope_tls = &writers[at];
    w->without_gil = true;
    if (!scope_write_end(w)) {
        w->without_gil = false;
        return REFUSED;
    }
    scope_close_chunk(w);
    w->ended = true;
    scope_pool_return_slot(w->slot);
    w->slot = NULL;
    return 0;
}

SCOPE_EXPORT int32_t sim_enters(uint32_t at, uint32_t site) {
    MAY_BE_KILLED;
    scope_tls = &writers[at];
    scope_write(site, scope_head(SCOPE_CALL, 0, 0), NULL);
    stacks[at][depths[at]++] = site;
    return 0;
}

SCOPE_EXPORT int32_t sim_leaves(uint32_t at) {
    MAY_BE_KILLED;
    scope_tls = &writers[at];
    scope_write_left(stacks[at][--depths[at]], scope_head(SCOPE_RETURN, 0, 0));
    return 0;
}

SCOPE_EXPORT uint32_t sim_depth(uint32_t at) {
    return depths[at];
}

SCOPE_EXPORT int32_t sim_changes(uint32_t at, uint32_t key, const char *text, uint32_t bytes) {
    MAY_BE_KILLED;
    struct scope_writer *w = scope_tls = &writers[at];
    const uint32_t slots = 1 + (8 + bytes + 15) / 16;
    struct scope_record *record = scope_reserve(w, slots, NULL, true);
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return 0;
    }
    memset(record + 1, 0, (slots - 1) * sizeof *record);
    memcpy((unsigned char *)(record + 1) + 8, text, bytes);
    scope_fill(record, scope_ticks(), key, scope_head(SCOPE_STATE, SCOPE_PAYLOAD, 8 + bytes));
    scope_publish(w, slots);
    return 0;
}

/* The hooks are out: what is told last, then the chunks go back. */
SCOPE_EXPORT int32_t sim_stops(void) {
    MAY_BE_KILLED;
    for (struct scope_writer *w = writers; w < writers + THREADS; w++)
        if (w->serial && !w->ended) {
            scope_tls = w;
            scope_flush_gap(w);
            scope_close_chunk(w);
            w->ended = true;
        }
    scope_active = 0;
    __atomic_store_n(&scope_pool.header->state, 2, __ATOMIC_RELEASE);
    return 0;
}

/* -- the host's functions, in which a recorder may be killed as well */

int32_t scope_pool_scan(const unsigned char *base, uint64_t size, struct scope_scan_entry *out, int32_t cap);
int32_t scope_pool_advance(unsigned char *base, uint64_t size, const struct scope_scan_entry *entry);
int32_t scope_pool_drops(const unsigned char *base, uint64_t size, uint64_t *out, int32_t cap);

SCOPE_EXPORT int32_t sim_scan(const unsigned char *base, uint64_t size, struct scope_scan_entry *out, int32_t cap) {
    MAY_BE_KILLED;
    return scope_pool_scan(base, size, out, cap);
}

SCOPE_EXPORT int32_t sim_advance(unsigned char *base, uint64_t size, const struct scope_scan_entry *entry) {
    MAY_BE_KILLED;
    return scope_pool_advance(base, size, entry);
}

SCOPE_EXPORT int32_t sim_counters(const unsigned char *base, uint64_t size, uint64_t *out, int32_t cap) {
    MAY_BE_KILLED;
    return scope_pool_drops(base, size, out, cap);
}
