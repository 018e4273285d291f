/* Per-track call stacks: calls push, leaves pop, snapshots replace. See pairing.h for who may call and what is trusted.
 *
 * The rules are those of docs in dags/code/dag.py, which a pure-Python reference in the tests repeats:
 * a leave of site X ends the nearest X on the track's stack; frames above it end there too, as raised;
 * without an X it is counted and otherwise passed over.
 */
#include "pairing.h"

#include "scope_kinds.h"

#include <stdlib.h>
#include <string.h>

#define UNTOLD (SCOPE_THREAD_BEGIN_WAS_RUNNING | SCOPE_THREAD_BEGIN_LEFT_OUT)

struct stack {
    struct scope_track head;
    uint32_t capacity;
    struct scope_frame *frames;
};

struct scope_stacks {
    struct stack *by_track; /* [0, track_slots), index = track id; head.track_id 0 = unused */
    uint32_t track_slots;
    struct scope_frame *imported; /* one block for all: copies of ten thousand stacks are made at every step back */
    struct scope_frame *imported_end;
    struct scope_counts counts;
};

/* Whether the frames are a part of the imported block, which is freed as one. */
static int is_imported(const struct scope_stacks *stacks, const struct stack *stack) {
    return stack->frames && stack->frames >= stacks->imported && stack->frames < stacks->imported_end;
}

SCOPE_EXPORT void scope_stacks_free(struct scope_stacks *stacks) {
    if (!stacks)
        return;
    for (uint32_t i = 0; i < stacks->track_slots; i++)
        if (!is_imported(stacks, &stacks->by_track[i]))
            free(stacks->by_track[i].frames);
    free(stacks->by_track);
    free(stacks->imported);
    free(stacks);
}

/* Allocates; the caller owns the result. NULL when memory is out. */
SCOPE_EXPORT struct scope_stacks *scope_stacks_new(void) {
    struct scope_stacks *stacks = calloc(1, sizeof *stacks);
    if (stacks)
        stacks->counts.next_call_id = 1;
    return stacks;
}

/* Whether an event has named that track. */
static int is_named(const struct scope_stacks *stacks, int64_t track_id) {
    return track_id > 0 && track_id < (int64_t)stacks->track_slots && stacks->by_track[track_id].head.track_id;
}

/* The track's stack, made at its first mention; NULL for an impossible id or when memory is out. */
static struct stack *stack_of(struct scope_stacks *stacks, int32_t track_id) {
    if (track_id <= 0 || (uint32_t)track_id > SCOPE_MAX_TRACKS)
        return NULL;
    uint32_t id = (uint32_t)track_id;
    if (id >= stacks->track_slots) {
        uint32_t slots = stacks->track_slots ? stacks->track_slots : 16;
        while (slots <= id)
            slots *= 2;
        if (slots > SCOPE_MAX_TRACKS + 1)
            slots = SCOPE_MAX_TRACKS + 1;
        struct stack *grown = realloc(stacks->by_track, (size_t)slots * sizeof *grown);
        if (!grown)
            return NULL;
        memset(grown + stacks->track_slots, 0, (size_t)(slots - stacks->track_slots) * sizeof *grown);
        stacks->by_track = grown;
        stacks->track_slots = slots;
    }
    struct stack *stack = &stacks->by_track[id];
    if (!stack->head.track_id) {
        stack->head.track_id = track_id;
        stack->head.unknown_since_ns = stacks->counts.doubted - 1;
        stack->head.snapshot_ns = -1;
        stacks->counts.tracks++;
    }
    return stack;
}

static int reserve(const struct scope_stacks *stacks, struct stack *stack, uint32_t depth) {
    if (depth <= stack->capacity)
        return 1;
    uint32_t capacity = stack->capacity > 16 ? stack->capacity : 16;
    while (capacity < depth)
        capacity *= 2;
    int imported = is_imported(stacks, stack);
    struct scope_frame *grown = realloc(imported ? NULL : stack->frames, (size_t)capacity * sizeof *grown);
    if (!grown)
        return 0;
    if (imported)
        memcpy(grown, stack->frames, (size_t)stack->head.depth * sizeof *grown);
    stack->frames = grown;
    stack->capacity = capacity;
    return 1;
}

/* Opens a call; 0 when a limit forbids it. A call beyond the limits still counts as one to be left. */
static int push(struct scope_stacks *stacks, struct stack *stack, int32_t site_id, int64_t time_ns, uint32_t line,
                uint32_t flags) {
    if (stack->head.overflow || stack->head.depth >= SCOPE_MAX_DEPTH || stacks->counts.frames >= SCOPE_MAX_FRAMES ||
        !reserve(stacks, stack, stack->head.depth + 1)) {
        stack->head.overflow += stack->head.overflow < UINT32_MAX;
        stacks->counts.ignored++;
        return 0;
    }
    stack->frames[stack->head.depth++] =
        (struct scope_frame){stacks->counts.next_call_id++, time_ns, site_id, line, flags, 0};
    stacks->counts.frames++;
    return 1;
}

/* Ends the innermost call. The caller has made sure that there is one. */
static void pop(struct scope_stacks *stacks, struct stack *stack, int64_t time_ns, uint8_t outcome,
                struct scope_calls *out) {
    uint32_t depth = --stack->head.depth;
    const struct scope_frame *frame = &stack->frames[depth];
    stacks->counts.frames--;
    if (!out || out->rows >= out->capacity)
        return;
    int64_t row = out->rows++;
    out->call_id[row] = frame->call_id;
    out->start_ns[row] = frame->start_ns;
    out->end_ns[row] = time_ns;
    out->parent_call_id[row] = depth ? frame[-1].call_id : 0;
    out->track_id[row] = stack->head.track_id;
    out->depth[row] = (int32_t)depth;
    out->site_id[row] = frame->site_id;
    out->call_line[row] = depth && frame[-1].line <= SCOPE_MAX_LINE ? (int32_t)frame[-1].line : 0;
    out->outcome[row] = outcome;
    out->end_event_id[row] = out->event_id;
}

static void truncate_to(struct scope_stacks *stacks, struct stack *stack, uint32_t depth, int64_t time_ns,
                        struct scope_calls *out) {
    stack->head.overflow = 0;
    while (stack->head.depth > depth)
        pop(stacks, stack, time_ns, SCOPE_OUTCOME_RAISE, out);
}

static void leave(struct scope_stacks *stacks, struct stack *stack, int32_t site_id, int64_t time_ns, uint8_t outcome,
                  struct scope_calls *out) {
    if (stack->head.overflow) {
        stack->head.overflow--;
        return;
    }
    uint32_t depth = stack->head.depth;
    uint32_t floor = depth > SCOPE_MAX_SKIP ? depth - SCOPE_MAX_SKIP : 0;
    while (depth > floor && stack->frames[depth - 1].site_id != site_id)
        depth--;
    if (depth == floor) {
        stacks->counts.unmatched++;
        return;
    }
    truncate_to(stacks, stack, depth, time_ns, out);
    pop(stacks, stack, time_ns, outcome, out);
}

static inline void forget_line(struct stack *stack) {
    if (stack->head.depth)
        stack->frames[stack->head.depth - 1].line = 0;
}

/* The innermost call stands at that line while another one is open above it. */
static inline void know_line(struct stack *stack, int64_t line) {
    if (stack->head.depth && line > 0 && line <= SCOPE_MAX_LINE)
        stack->frames[stack->head.depth - 1].line = (uint32_t)line;
}

/* The innermost call before an event that asks for it; NULL: of no stack. */
static inline void tell_caller(const struct stack *stack, struct scope_calls *out) {
    if (out && out->caller && out->callers < out->caller_capacity)
        out->caller[out->callers++] = stack && stack->head.depth ? stack->frames[stack->head.depth - 1].call_id : 0;
}

/* Folds the events [start, stop) in, snapshots excepted (scope_stacks_snapshot takes those). Allocates. `out` may be
 * NULL: then only the stacks move. It must have room for the open calls plus one row per event. */
SCOPE_EXPORT void scope_stacks_run(struct scope_stacks *stacks, const struct scope_events *events, int64_t start,
                                   int64_t stop, struct scope_calls *out) {
    for (int64_t i = start; i < stop; i++) {
        uint8_t kind = events->kind[i];
        struct stack *stack = stack_of(stacks, events->track_id[i]);
        int64_t time_ns = events->time_ns[i];
        if (out)
            out->event_id = events->first_event_id + i;
        if (!stack) {
            stacks->counts.ignored++;
            if (events->asks[kind])
                tell_caller(NULL, out);
            continue;
        }
        if (events->asks[kind])
            tell_caller(stack, out);
        forget_line(stack);
        switch (scope_depth(kind)) {
        case SCOPE_DEPTH_OPENS:
            know_line(stack, events->ref[i]);
            if (push(stacks, stack, events->site_id[i], time_ns, 0, 0) && events->opened)
                events->opened[i] = stacks->counts.next_call_id - 1;
            break;
        case SCOPE_DEPTH_RETURNS:
            leave(stacks, stack, events->site_id[i], time_ns, SCOPE_OUTCOME_RETURN, out);
            forget_line(stack);
            break;
        case SCOPE_DEPTH_YIELDS:
            leave(stacks, stack, events->site_id[i], time_ns, SCOPE_OUTCOME_YIELD, out);
            forget_line(stack);
            break;
        case SCOPE_DEPTH_RAISES:
            leave(stacks, stack, events->site_id[i], time_ns, SCOPE_OUTCOME_RAISE, out);
            forget_line(stack);
            break;
        case SCOPE_DEPTH_BEGINS: /* what ran before is on a stack that its first snapshot tells; what is left out has none */
            stack->head.unknown_since_ns = !(events->flags[i] & UNTOLD) ? -1 : time_ns < 0 ? 0 : time_ns;
            break;
        case SCOPE_DEPTH_ENDS:
            truncate_to(stacks, stack, 0, time_ns, out);
            break;
        case SCOPE_DEPTH_LOST:
            if (stack->head.unknown_since_ns < 0)
                stack->head.unknown_since_ns = time_ns < 0 ? 0 : time_ns;
            break;
        case SCOPE_DEPTH_TOLD:
        case SCOPE_DEPTH_STAYS:
            break;
        }
    }
}

/* One part of a snapshot: `count` frames, outermost first, that stand from the cursor on (the first part: from 0).
 * Frames that agree with the stack keep their calls; from the first that does not, calls are ended and opened anew.
 * The last part ends what lies deeper. `is_final`: the recorder looks no more; its last part's innermost frame stands.
 * `out` as for scope_stacks_run, with room for the open calls. */
SCOPE_EXPORT void scope_stacks_snapshot(struct scope_stacks *stacks, int32_t track_id, int64_t time_ns,
                                        const int32_t *site_id, const uint32_t *line, int64_t count, int32_t is_first,
                                        int32_t is_last, int32_t is_final, struct scope_calls *out) {
    struct stack *stack = stack_of(stacks, track_id);
    if (!stack) {
        stacks->counts.ignored++;
        return;
    }
    if (out)
        out->event_id = 0;
    struct scope_track *head = &stack->head;
    uint32_t depth = is_first ? 0 : head->cursor < head->depth ? head->cursor : head->depth;
    for (int64_t i = 0; i < count; i++, depth++) {
        if (depth < head->depth && stack->frames[depth].site_id == site_id[i]) {
            stack->frames[depth].line = line[i];
            stack->frames[depth].flags &= ~SCOPE_STANDS;
            continue;
        }
        truncate_to(stacks, stack, depth, time_ns, out);
        if (!push(stacks, stack, site_id[i], time_ns, line[i], SCOPE_ENTERED_EARLIER)) {
            head->overflow = 0; /* what a limit keeps out of a snapshot is not waited for */
            break;
        }
    }
    if (is_last)
        truncate_to(stacks, stack, depth, time_ns, out);
    if (is_last && is_final && depth > 0)
        stack->frames[depth - 1].flags |= SCOPE_STANDS;
    head->cursor = depth;
    head->unknown_since_ns = -1;
    head->snapshot_ns = time_ns;
}

/* Events are missing here, of nobody knows which track: every stack is unknown until a snapshot comes. */
SCOPE_EXPORT void scope_stacks_doubt(struct scope_stacks *stacks, int64_t time_ns) {
    stacks->counts.doubted = 1 + (time_ns < 0 ? 0 : time_ns);
    for (uint32_t id = 1; id < stacks->track_slots; id++)
        if (stacks->by_track[id].head.track_id && stacks->by_track[id].head.unknown_since_ns < 0)
            stacks->by_track[id].head.unknown_since_ns = time_ns < 0 ? 0 : time_ns;
}

SCOPE_EXPORT void scope_stacks_counts(const struct scope_stacks *stacks, struct scope_counts *out) {
    *out = stacks->counts;
}

/* Writes counts.tracks heads in ascending track id. */
SCOPE_EXPORT void scope_stacks_heads(const struct scope_stacks *stacks, struct scope_track *heads) {
    for (uint32_t id = 1; id < stacks->track_slots; id++)
        if (stacks->by_track[id].head.track_id)
            *heads++ = stacks->by_track[id].head;
}

/* Writes a head for each of those tracks; for one that no event has named an empty one with track_id 0, in doubt. */
SCOPE_EXPORT void scope_stacks_heads_of(const struct scope_stacks *stacks, const int64_t *track_id, int64_t n,
                                        struct scope_track *heads) {
    for (int64_t i = 0; i < n; i++) {
        if (is_named(stacks, track_id[i]))
            heads[i] = stacks->by_track[track_id[i]].head;
        else
            heads[i] = (struct scope_track){.snapshot_ns = -1};
    }
}

/* How many of those tracks have a stack that is not in doubt. */
SCOPE_EXPORT int64_t scope_stacks_told(const struct scope_stacks *stacks, const int64_t *track_id, int64_t n) {
    int64_t told = 0;
    for (int64_t i = 0; i < n; i++)
        told += is_named(stacks, track_id[i]) && stacks->by_track[track_id[i]].head.unknown_since_ns < 0;
    return told;
}

/* Takes back what those tracks did since `earlier`, which other stacks are a copy of and whose other tracks did nothing
 * since: then both are the same. 0 when memory is out, or when doubt came over all tracks in between: then it is not
 * done, or only in part. May allocate. */
SCOPE_EXPORT int32_t scope_stacks_take_back(struct scope_stacks *stacks, const struct scope_stacks *earlier,
                                            const int32_t *track_id, int64_t n) {
    if (stacks->counts.doubted != earlier->counts.doubted)
        return 0;
    for (int64_t i = 0; i < n; i++) {
        if (!is_named(stacks, track_id[i]))
            continue;
        struct stack *stack = &stacks->by_track[track_id[i]];
        if (!is_named(earlier, track_id[i])) {
            if (!is_imported(stacks, stack))
                free(stack->frames);
            *stack = (struct stack){0};
            continue;
        }
        const struct stack *before = &earlier->by_track[track_id[i]];
        if (!reserve(stacks, stack, before->head.depth))
            return 0;
        stack->head = before->head;
        if (before->head.depth)
            memcpy(stack->frames, before->frames, (size_t)before->head.depth * sizeof *before->frames);
    }
    stacks->counts = earlier->counts;
    return 1;
}

/* Writes the frames of the tracks of `n_heads` heads, each track's outermost first, as many as a head's depth says.
 * The heads are those that scope_stacks_heads has written, or some of them. */
SCOPE_EXPORT void scope_stacks_frames(const struct scope_stacks *stacks, const struct scope_track *heads,
                                      int64_t n_heads, struct scope_frame *frames) {
    for (int64_t i = 0; i < n_heads; i++) {
        if (heads[i].depth)
            memcpy(frames, stacks->by_track[heads[i].track_id].frames, (size_t)heads[i].depth * sizeof *frames);
        frames += heads[i].depth;
    }
}

/* Stacks as exported; NULL when the numbers contradict each other or memory is out. Allocates; the caller owns. */
SCOPE_EXPORT struct scope_stacks *scope_stacks_import(const struct scope_counts *counts,
                                                      const struct scope_track *tracks, int64_t n_tracks,
                                                      const struct scope_frame *frames, int64_t n_frames) {
    struct scope_stacks *stacks = scope_stacks_new();
    if (!stacks || n_frames > SCOPE_MAX_FRAMES || n_tracks > SCOPE_MAX_TRACKS || counts->next_call_id < 1 ||
        counts->next_call_id > SCOPE_MAX_CALL_ID)
        goto bad;
    if (n_frames > 0) {
        stacks->imported = malloc((size_t)n_frames * sizeof *frames);
        if (!stacks->imported)
            goto bad;
        memcpy(stacks->imported, frames, (size_t)n_frames * sizeof *frames);
        stacks->imported_end = stacks->imported + n_frames;
    }
    if (n_tracks > 0 && !stack_of(stacks, tracks[n_tracks - 1].track_id)) /* the largest id: the table grows once */
        goto bad;
    struct scope_frame *own = stacks->imported;
    for (int64_t i = 0; i < n_tracks; i++) {
        struct stack *stack = stack_of(stacks, tracks[i].track_id);
        if (!stack || stack->head.depth || (i && tracks[i].track_id <= tracks[i - 1].track_id))
            goto bad;
        if (tracks[i].depth > SCOPE_MAX_DEPTH || (int64_t)tracks[i].depth > n_frames)
            goto bad;
        stack->head = tracks[i];
        if (tracks[i].depth) {
            stack->frames = own;
            stack->capacity = tracks[i].depth;
            own += tracks[i].depth;
        }
        n_frames -= tracks[i].depth;
        stacks->counts.frames += tracks[i].depth;
    }
    if (n_frames)
        goto bad;
    stacks->counts.next_call_id = counts->next_call_id;
    stacks->counts.unmatched = counts->unmatched;
    stacks->counts.ignored = counts->ignored;
    stacks->counts.doubted = counts->doubted < 0 || counts->doubted > SCOPE_MAX_CALL_ID ? 0 : counts->doubted;
    return stacks;
bad:
    scope_stacks_free(stacks);
    return NULL;
}

/* First and last event of each track. last_event[t] is the id of track t's last event so far, 0 = none; it has
 * `slots` entries. Rows that are their track's first go to first_rows (returns how many, at most first_capacity).
 * query_rows ascend; query_out[q] = the last event of query_track[q] at or before row query_rows[q]. No allocation. */
SCOPE_EXPORT int64_t scope_track_events(const int32_t *track_id, int64_t rows, int64_t first_event_id,
                                        int64_t *last_event, int64_t slots, int64_t *first_rows, int64_t first_capacity,
                                        const int64_t *query_rows, const int64_t *query_track, int64_t queries,
                                        int64_t *query_out) {
    int64_t firsts = 0, q = 0;
    for (int64_t i = 0; i < rows; i++) {
        int64_t track = track_id[i];
        if (track > 0 && track < slots) {
            if (!last_event[track] && firsts < first_capacity)
                first_rows[firsts++] = i;
            last_event[track] = first_event_id + i;
        }
        for (; q < queries && query_rows[q] == i; q++)
            query_out[q] = query_track[q] > 0 && query_track[q] < slots ? last_event[query_track[q]] : 0;
    }
    return firsts;
}
