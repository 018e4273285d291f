/* The frames of an exception and their locals, as they are where it is raised.
 *
 * They are those of its traceback, which are gone or about to go, and all that called them. Each recorded function among
 * them makes an event of its own, innermost first, behind the raise and of the same instant. Locals are read at their
 * places, so that no code of the program runs, and what stands in a frame stays as it is. */
#include "values/dead_frames.h"

#include "code_slots.h"
#include "sites.h"
#include "values/frame_locals.h"
#include "values/payload.h"

#include "scope_kinds.h"

#define FRAME_OF_OBJECT 24 /* in a PyFrameObject of 3.11 and later */
#define MOST_FRAMES 256u   /* the innermost ones */

static PyObject *next_name, *frame_name, *line_name;

struct told_frame {
    PyFrameObject *frame; /* strong */
    uint32_t line;
};

struct dead_frame {
    struct scope_long_event event; /* the first field */
    PyObject *code;                /* borrowed from the frame */
    const void *frame;             /* the interpreter's own */
    uint32_t site, line, flags;
    uint64_t ticks;
};

/* GIL held; allocates three names once, for good; 0 or -1 with an exception. */
int scope_dead_frames_open(void) {
    if (!next_name)
        next_name = PyUnicode_InternFromString("tb_next");
    if (!frame_name)
        frame_name = PyUnicode_InternFromString("tb_frame");
    if (!line_name)
        line_name = PyUnicode_InternFromString("tb_lineno");
    return next_name && frame_name && line_name ? 0 : -1;
}

/* GIL held; allocates a number; 0 without an exception where there is none. An attribute of an object of the interpreter's. */
long scope_number_in(PyObject *object, PyObject *name) {
    PyObject *value = PyObject_GetAttr(object, name);
    const long number = value && PyLong_CheckExact(value) ? PyLong_AsLong(value) : 0;
    PyErr_Clear();
    if (value)
        Py_DecRef(value);
    return number;
}

/* GIL held; does not allocate; borrowed; NULL = not bound. A cell may not be there yet, or be put away for a comprehension. */
static PyObject *local_of(const struct dead_frame *of, const struct scope_code_slots *slots, uint32_t slot) {
    PyObject *value = scope_frame_local(of->frame, slot);
    if (value && slots->slot[slot].is_cell && Py_TYPE(value) == scope_python.cell)
        return scope_cell_content(value);
    return value;
}

/* GIL held; does not allocate; NULL = its locals cannot be read. */
static const struct scope_code_slots *slots_of(const struct dead_frame *of) {
    const bool is_known = of->frame && scope_frame_code(of->frame) == of->code;
    return is_known ? scope_code_slots_find(of->code) : NULL;
}

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. How many slots it takes, as fill(). Of a
 * function with more locals than fit into an event, the last ones are left out. */
static uint32_t put(const struct dead_frame *of, const struct scope_writer *w, struct scope_record *record,
                    uint32_t room) {
    const struct scope_code_slots *slots = slots_of(of);
    uint32_t bound = 0, flags = of->flags;
    for (uint32_t i = 0; slots && i < slots->count; i++)
        bound += slots->slot[i].is_told && local_of(of, slots, i);
    const uint32_t words_there = 2 * (room - 1), fitting = words_there ? (words_there - 1) / 2 : 0;
    if (!words_there || (bound > fitting && room < SCOPE_MAX_EVENT_SLOTS))
        return 0;
    if (bound > fitting) {
        bound = fitting;
        flags |= SCOPE_DEAD_FRAME_CUT;
    }
    struct scope_words words = scope_words_from(w, record, room);
    words.ticks = of->ticks;
    words.end -= 2 * bound;
    *words.next++ = of->line;
    for (uint32_t i = 0; bound; i++) {
        PyObject *value = slots->slot[i].is_told ? local_of(of, slots, i) : NULL;
        if (!value)
            continue;
        bound -= 1;
        words.end += 2;
        *words.next++ = (uint64_t)SCOPE_CHANGE_BOUND << 32 | slots->slot[i].name;
        if (slots->slot[i].is_hidden)
            scope_words_put_special(&words, SCOPE_SPECIAL_REDACTED);
        else
            scope_words_put(&words, value);
    }
    if (words.has_cut && room < SCOPE_MAX_EVENT_SLOTS)
        return 0;
    return scope_words_finish(&words, record, of->site, SCOPE_DEAD_FRAME, flags);
}

/* GIL held; allocates as scope_words_put() does; leaves exceptions as they are. */
static uint32_t fill(const struct scope_long_event *event, const struct scope_writer *w, struct scope_record *record,
                     uint32_t slots) {
    return put((const struct dead_frame *)event, w, record, slots);
}

/* GIL held; may find file space; allocates as scope_words_put() does; leaves exceptions as they are. */
static void tell(const struct dead_frame *of) {
    struct scope_writer *w = scope_tls;
    uint32_t slots = 0;
    if (SCOPE_LIKELY(w && w->next < w->limit))
        slots = put(of, w, &w->records[w->next], scope_room(w));
    if (SCOPE_LIKELY(slots))
        scope_publish(w, slots);
    else
        scope_write_long_slowly(&of->event, NULL, false);
}

/* GIL held, the collector off; allocates; no exception. One frame, if it is that of a recorded function. */
static void tell_frame(const struct told_frame *told, uint32_t flags, uint64_t ticks) {
    PyObject *code = (PyObject *)PyFrame_GetCode(told->frame);
    const struct scope_code *known = scope_code_of_frame(code, told->frame);
    if (known && known->site) {
        const uint32_t site = known->site; /* the entry may move */
        scope_code_slots_learn(code);
        const void *frame = scope_python.version == 0x030a
                                ? (const void *)told->frame
                                : (const void *)(uintptr_t)scope_word_at(told->frame, FRAME_OF_OBJECT);
        const struct dead_frame of = {{fill}, code, frame, site, told->line, flags, ticks};
        tell(&of);
    }
    Py_DecRef(code);
}

/* GIL held; may allocate; no exception. The entries of a traceback, outermost first, as a ring of MOST_FRAMES; how many there
 * were. Borrows the traceback, NULL = none. */
static uint32_t take_traceback(struct told_frame *ring, PyObject *entry) {
    uint32_t count = 0;
    if (entry)
        Py_IncRef(entry);
    while (entry && entry != Py_None) {
        PyObject *frame = PyObject_GetAttr(entry, frame_name);
        if (frame) {
            struct told_frame *place = &ring[count++ % MOST_FRAMES];
            if (count > MOST_FRAMES)
                Py_DecRef((PyObject *)place->frame);
            const long line = scope_number_in(entry, line_name);
            *place = (struct told_frame){(PyFrameObject *)frame, line > 0 ? (uint32_t)line : 0};
        }
        PyObject *next = PyObject_GetAttr(entry, next_name);
        PyErr_Clear();
        Py_DecRef(entry);
        entry = next;
    }
    if (entry)
        Py_DecRef(entry);
    return count;
}

/* GIL not needed; does not allocate. Whether the thread has gone on as if nothing had happened in between: neither has the
 * recording ended nor was anything lost while it waited for space. */
static bool goes_on(const struct scope_writer *w, uint64_t dropped, uint32_t stacks_told) {
    return scope_active && scope_tls == w && w->session == scope_session && w->dropped == dropped &&
           w->stacks_told == stacks_told;
}

/* GIL held, given up while the thread waits for space; allocates frame objects with the collector off; no exception. The
 * frames of the traceback (NULL = none), and those that `frame`, which raises, was called by. */
void scope_dead_frames_tell(struct scope_writer *w, PyObject *traceback, PyFrameObject *frame, uint64_t ticks) {
    struct told_frame ring[MOST_FRAMES];
    const int collecting = PyGC_Disable();
    const uint64_t dropped = w->dropped;
    const uint32_t stacks_told = w->stacks_told;
    uint32_t told = 0;
    bool is_among = false;
    const uint32_t all = take_traceback(ring, traceback), kept = all < MOST_FRAMES ? all : MOST_FRAMES;
    for (; told < kept; told++) {
        struct told_frame *one = &ring[(all - 1 - told) % MOST_FRAMES];
        is_among |= one->frame == frame;
        if (goes_on(w, dropped, stacks_told))
            tell_frame(one, SCOPE_DEAD_FRAME_PASSED, ticks);
        Py_DecRef((PyObject *)one->frame);
    }
    PyFrameObject *caller = is_among ? scope_python.frame_back(frame) : frame;
    if (!is_among)
        Py_IncRef((PyObject *)frame);
    for (; caller && told < MOST_FRAMES && goes_on(w, dropped, stacks_told); told++) {
        const int line = PyFrame_GetLineNumber(caller);
        const struct told_frame one = {caller, line > 0 ? (uint32_t)line : 0};
        tell_frame(&one, 0, ticks);
        PyFrameObject *back = scope_python.frame_back(caller);
        Py_DecRef((PyObject *)caller);
        caller = back;
    }
    if (caller)
        Py_DecRef((PyObject *)caller);
    PyErr_Clear();
    if (collecting)
        PyGC_Enable();
}
