/* A thread's stack as events. No Python code runs while a stack is walked, so what several snapshots say is true of
 * one instant, and no frame object is kept afterwards. */
#include "snapshot.h"

#include "call_places.h"
#include "sites.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES_PER_PART (2 * (SCOPE_MAX_EVENT_SLOTS - 1))

struct frame_line { /* as a snapshot tells it */
    uint32_t site;
    uint32_t line;
};

struct stack {
    struct frame_line *frames; /* innermost first */
    size_t count, capacity;
};

/* GIL held; allocates plain memory; false when there is none. */
static bool push(struct stack *stack, uint32_t site, int line) {
    if (stack->count == stack->capacity) {
        size_t capacity = stack->capacity ? stack->capacity * 2 : 64;
        struct frame_line *frames = realloc(stack->frames, capacity * sizeof *frames);
        if (!frames)
            return false;
        stack->frames = frames;
        stack->capacity = capacity;
    }
    stack->frames[stack->count++] = (struct frame_line){site, line > 0 && line < 1 << 24 ? (uint32_t)line : 0};
    return true;
}

/* GIL held; allocates frame objects; borrows `frame`. Recorded functions only, innermost first. */
static void walk(struct stack *stack, PyFrameObject *frame, PyObject *entering) {
    Py_IncRef((PyObject *)frame);
    while (frame) {
        PyObject *code = (PyObject *)PyFrame_GetCode(frame);
        if (code != entering) {
            const struct scope_code *known = scope_code_of_frame(code, frame);
            if (known && known->site && !push(stack, known->site, PyFrame_GetLineNumber(frame)))
                PyErr_Clear();
        }
        entering = NULL; /* only the innermost frame can be the one being entered */
        Py_DecRef(code);
        PyFrameObject *back = scope_python.frame_back(frame);
        Py_DecRef((PyObject *)frame);
        frame = back;
    }
}

/* GIL held; may reserve file space. One event of at most FRAMES_PER_PART frames. */
static void write_part(struct scope_writer *w, const struct stack *stack, size_t from, uint32_t reason, bool resume) {
    size_t left = stack->count - from;
    uint32_t frames = (uint32_t)(left < FRAMES_PER_PART ? left : FRAMES_PER_PART);
    uint32_t flags =
        (from == 0 ? SCOPE_SNAPSHOT_FIRST_PART : 0) | (from + frames == stack->count ? SCOPE_SNAPSHOT_LAST_PART : 0);
    const uint32_t bytes = frames * 8, slots = 1 + (bytes + 15) / 16;
    struct scope_record *record = scope_reserve(w, slots, NULL, resume);
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return;
    }
    memset(record + slots - 1, 0, sizeof *record);
    struct frame_line *told = (struct frame_line *)(record + 1);
    for (uint32_t i = 0; i < frames; i++)
        told[i] = stack->frames[stack->count - 1 - (from + i)];
    scope_fill(record, scope_ticks(), reason, scope_head(SCOPE_SNAPSHOT, flags | SCOPE_PAYLOAD, bytes));
    scope_publish(w, slots);
}

/* GIL not needed; does not allocate. Whether events are missing, so that the stack will be written anew. */
static bool is_dropping(const struct scope_writer *w) {
    return w->gap_events && w->gap_reason != SCOPE_GAP_SITE_TABLE_FULL;
}

/* GIL held; allocates frame objects; borrows both frames, either may be NULL. The calling thread goes on in another stack:
 * what was running is suspended, innermost first, and what runs now is resumed, outermost first. `entering` as below.
 *
 * Where events are being dropped nothing is written: the gap ends with the whole stack. */
void scope_switch_stacks(struct scope_writer *w, PyFrameObject *from, PyFrameObject *to, PyObject *entering) {
    if (w->blind || is_dropping(w))
        return;
    int collecting = PyGC_Disable();
    struct stack old = {0}, new = {0};
    if (from)
        walk(&old, from, NULL);
    if (to)
        walk(&new, to, entering);
    for (size_t i = 0; i < old.count && !is_dropping(w); i++)
        scope_write(old.frames[i].site, scope_head(SCOPE_YIELD, 0, 0), NULL);
    for (size_t i = new.count; i > 0 && !is_dropping(w); i--) {
        const uint32_t line = i < new.count ? new.frames[i].line : 0;
        scope_write(new.frames[i - 1].site | scope_call_line_bits(line), scope_head(SCOPE_RESUME, 0, 0), NULL);
    }
    free(old.frames);
    free(new.frames);
    if (collecting)
        PyGC_Enable();
}

/* GIL held; allocates frame objects, so the caller keeps the garbage collector off; borrows `frame`, which may be NULL
 * for a thread without Python frames. `entering`: code whose innermost frame is not part of the stack yet, or NULL. */
void scope_snapshot(struct scope_writer *w, PyFrameObject *frame, uint32_t reason, PyObject *entering) {
    struct stack stack = {0};
    w->stacks_told += 1;
    if (frame)
        walk(&stack, frame, entering);
    size_t from = 0;
    do {
        write_part(w, &stack, from, reason, true);
        from += FRAMES_PER_PART;
    } while (from < stack.count);
    free(stack.frames);
}

/* GIL held; allocates frame objects with the garbage collector off. The calling thread's stack. */
void scope_snapshot_own(struct scope_writer *w, uint32_t reason, PyObject *entering) {
    int collecting = PyGC_Disable();
    scope_snapshot(w, PyEval_GetFrame(), reason, entering);
    if (collecting)
        PyGC_Enable();
}
