/* Exception types as small numbers, which raises are worth an event, and what an exception says.
 *
 * No code of the program runs for it: its message is what its `args` hold, read by BaseException's own descriptor. One
 * argument that is a str is the message; others are shown as values are. */
#include "values/exceptions.h"

#include "filter.h"
#include "sites.h"
#include "tracks.h"
#include "values/dead_frames.h"
#include "values/exception_kinds.h"
#include "values/render.h"
#include "values/types.h"

#include <string.h>

#define TYPE_LIMIT 2047u /* names; an event has 11 bits for them */
#define WHICH_SHIFT 11

static struct scope_types types = {
    .kind = SCOPE_DEF_EXCEPTION, .full = "exceptions-full", .names = {.limit = TYPE_LIMIT}};
static PyObject *next_name, *frame_name, *args_descriptor;
static descrgetfunc get_args;

/* GIL held; allocates two names once, for good; 0 or -1 with an exception. */
int scope_exceptions_open(void) {
    if (!next_name)
        next_name = PyUnicode_InternFromString("tb_next");
    if (!frame_name)
        frame_name = PyUnicode_InternFromString("tb_frame");
    if (!args_descriptor && (args_descriptor = PyObject_GetAttrString(PyExc_BaseException, "args")))
        *(void **)&get_args = PyType_GetSlot(Py_TYPE(args_descriptor), Py_tp_descr_get);
    return next_name && frame_name && args_descriptor ? scope_dead_frames_open() : -1;
}

/* GIL held; releases weak references: hooks must be inactive. */
void scope_exceptions_close(void) {
    scope_types_close(&types);
    scope_exception_kinds_close();
}

/* GIL held; does not allocate. What the tables take of the target's memory. */
size_t scope_exceptions_bytes(void) {
    return scope_types_bytes(&types) + scope_exception_kinds_bytes();
}

/* GIL held; allocates at the first sight of a type; leaves exceptions as they are. 0 = no number. */
uint32_t scope_exception_type_id(PyObject *type) {
    return scope_type_number(&types, type);
}

/* GIL held; allocates at the first sight of a type; never leaves an exception. 0 = no number. */
uint32_t scope_exception_id(PyObject *exception) {
    return exception ? scope_exception_type_id((PyObject *)Py_TYPE(exception)) : 0;
}

/* GIL held; does not allocate. How loops end, not something that went wrong. */
static bool ends_a_loop(PyObject *exception) {
    PyTypeObject *type = Py_TYPE(exception);
    return PyType_IsSubtype(type, (PyTypeObject *)PyExc_StopIteration) ||
           PyType_IsSubtype(type, (PyTypeObject *)PyExc_StopAsyncIteration) ||
           PyType_IsSubtype(type, (PyTypeObject *)PyExc_GeneratorExit);
}

/* GIL held; does not allocate; new reference or NULL without an exception: the entry before `entry`, which is stolen. */
static PyObject *before(PyObject *entry) {
    PyObject *next = entry ? PyObject_GetAttr(entry, next_name) : NULL;
    PyErr_Clear();
    if (entry)
        Py_DecRef(entry);
    if (next != Py_None)
        return next;
    Py_DecRef(next);
    return NULL;
}

/* GIL held; may allocate frame objects; whether the frame of a traceback entry is recorded. */
static bool is_recorded(PyObject *entry) {
    PyObject *frame = PyObject_GetAttr(entry, frame_name);
    PyObject *code = frame ? (PyObject *)PyFrame_GetCode((PyFrameObject *)frame) : NULL;
    const struct scope_code *known = code ? scope_code_find(code) : NULL;
    const bool recorded = known && known->site;
    PyErr_Clear();
    if (code)
        Py_DecRef(code);
    if (frame)
        Py_DecRef(frame);
    return recorded;
}

/* GIL held; does not allocate. Which entry it has; SCOPE_TOLD = none. */
static uint32_t told_at(const struct scope_writer *w, const void *exception) {
    uint32_t at = 0;
    while (at < SCOPE_TOLD && w->told[at] != exception)
        at++;
    return at;
}

/* GIL held; does not allocate. */
static void forget(struct scope_writer *w, const void *exception) {
    for (uint32_t i = 0; i < SCOPE_TOLD; i++)
        if (w->told[i] == exception)
            w->told[i] = NULL;
}

/* GIL held; does not allocate. Whether an exception that has come out of a library has done so before, and been told. Before
 * 3.12 frames that are left out tell of none, so that an address may be another exception's by now: there it is the same
 * only while it is on its way from the function that it was told in. */
static bool told_before(struct scope_writer *w, PyObject *exception) {
    const uint32_t at = told_at(w, exception);
    if (at == SCOPE_TOLD) {
        w->told_left[w->told_next % SCOPE_TOLD] = false;
        w->told[w->told_next++ % SCOPE_TOLD] = exception;
        return false;
    }
    const bool is_same = w->told_left[at] || scope_python.version >= 0x030c;
    w->told_left[at] = false;
    return is_same;
}

/* GIL held; does not allocate; never leaves an exception. Whether this raise, in a frame that is recorded, is the first
 * that is to be told of this exception. The interpreter tells of it again in every frame that it passes.
 *
 * The rule: one event for each exception object, in the first recorded frame that it is raised in or reaches. Its
 * traceback is its memory, whatever is raised and caught on its way: with one entry it has only just been raised; with
 * a recorded frame further down it has been told there. So an object that was kept and is raised again counts again only
 * when its traceback was taken off, which starts it anew.
 *
 * A traceback can be cut short on the way: contextlib puts the one back that an exception came with, after the generator
 * has seen it, so what has come out of a library may come out of it again. The last few such exceptions are compared as
 * addresses: keeping the objects would keep all their frames alive. scope_exception_passes() forgets an address that was
 * reused. Steals `traceback`, which before 3.12 an exception does not have yet while it is raised. */
static bool is_new(struct scope_writer *w, PyObject *exception, PyObject *traceback) {
    const bool cut = w->cut_exception == exception;
    w->cut_exception = NULL;
    PyObject *entry = before(traceback);
    bool told = false;
    if (!PyExceptionInstance_Check(exception) || ends_a_loop(exception)) {
        if (entry)
            Py_DecRef(entry);
        return false;
    }
    if (!entry)
        return !cut;
    while (entry && !(told = is_recorded(entry)))
        entry = before(entry);
    if (entry)
        Py_DecRef(entry);
    if (told && scope_python.version < 0x030c)
        forget(w, exception);
    return !told && !told_before(w, exception);
}

/* GIL held; allocates; never leaves an exception. What its arguments say; empty where there are none. */
static void message_of(struct scope_text *text, PyObject *exception) {
    text->length = 0;
    PyObject *args = get_args ? get_args(args_descriptor, exception, (PyObject *)Py_TYPE(exception)) : NULL;
    if (args && PyTuple_CheckExact(args) && PyTuple_Size(args) > 0)
        scope_render_message(text, PyTuple_Size(args) == 1 ? PyTuple_GetItem(args, 0) : args);
    PyErr_Clear();
    if (args)
        Py_DecRef(args);
}

/* GIL held; allocates; new reference or NULL without an exception. What an exception says, as a str: the whole of its one
 * argument that is one. */
PyObject *scope_exception_text(PyObject *exception) {
    struct scope_text text;
    PyObject *args = get_args ? get_args(args_descriptor, exception, (PyObject *)Py_TYPE(exception)) : NULL;
    PyObject *said = args && PyTuple_CheckExact(args) && PyTuple_Size(args) == 1 ? PyTuple_GetItem(args, 0) : NULL;
    if (said && PyUnicode_CheckExact(said)) {
        Py_IncRef(said);
    } else {
        message_of(&text, exception);
        said = PyUnicode_DecodeUTF8(text.bytes, text.length, "replace");
    }
    PyErr_Clear();
    if (args)
        Py_DecRef(args);
    return said;
}

/* GIL held; may reserve file space; whether it is written, and when. `number`: its type, and the line << 32. */
static bool write_raise(struct scope_writer *w, uint32_t site, uint64_t number, const struct scope_text *text,
                        uint64_t *ticks) {
    const uint32_t bytes = 8 + text->length, slots = 1 + (bytes + 15) / 16;
    if (w->quiet || w->ended)
        return false;
    const bool fits = w->next + slots <= w->limit;
    struct scope_record *record = fits ? &w->records[w->next] : scope_reserve(w, slots, NULL, true);
    if (!scope_active || w->session != scope_session)
        return false; /* the recording ended while this thread waited for space */
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return false;
    }
    memset(record + 1, 0, (slots - 1) * sizeof *record);
    memcpy(record + 1, &number, 8);
    memcpy((unsigned char *)(record + 1) + 8, text->bytes, text->length);
    const uint32_t flags = (text->truncated ? SCOPE_RAISE_TRUNCATED : 0) | (text->redacted ? SCOPE_RAISE_REDACTED : 0);
    *ticks = scope_ticks();
    scope_fill(record, *ticks, site, scope_head(SCOPE_RAISE, flags | SCOPE_PAYLOAD, bytes));
    scope_publish(w, slots);
    return true;
}

/* GIL held; allocates at the first sight of a kind; never leaves an exception; borrowed until the next one. */
static struct scope_exception_kind *kind_at(const struct scope_raise *where, uint32_t type) {
    bool is_first;
    struct scope_exception_kind *kind = scope_exception_kind_of(where->code, where->offset, type, &is_first);
    if (is_first) {
        PyFrameObject *frame = where->frame ? where->frame : PyEval_GetFrame();
        const int line = frame ? PyFrame_GetLineNumber(frame) : 0;
        kind->line = line > 0 ? (uint32_t)line : 0;
    }
    return kind;
}

/* GIL held, given up while the thread waits for space; allocates; never leaves an exception. One that is new. Borrows
 * `traceback`, NULL = none. */
static void tell_new(struct scope_writer *w, const struct scope_raise *where, PyObject *exception,
                     PyObject *traceback) {
    struct scope_text text;
    uint64_t ticks;
    const uint32_t type = scope_exception_id(exception);
    struct scope_exception_kind *kind = kind_at(where, type);
    const uint64_t number = (uint64_t)kind->line << 32 | type;
    const bool is_due = scope_features.autopsies && scope_exception_kind_is_due(kind, scope_features.all_autopsies);
    message_of(&text, exception);
    if (!write_raise(w, where->site, number, &text, &ticks))
        return;
    w->raised[w->raised_next++ % SCOPE_RAISED] = exception;
    PyFrameObject *frame = where->frame ? where->frame : is_due ? PyEval_GetFrame() : NULL;
    if (is_due && frame && w->slot) /* not while prices are measured */
        scope_dead_frames_tell(w, traceback, frame, ticks);
}

/* GIL held, given up while the thread waits for space; allocates; never leaves an exception. A raise in a frame that is
 * recorded. Steals `traceback`, NULL = none. */
void scope_exception_raised(struct scope_writer *w, const struct scope_raise *where, PyObject *exception,
                            PyObject *traceback) {
    PyObject *kept = traceback;
    if (kept)
        Py_IncRef(kept);
    if (is_new(w, exception, traceback))
        tell_new(w, where, exception, kept);
    if (kept)
        Py_DecRef(kept);
}

/* GIL held; does not allocate. Which of the thread's exceptions it is: 1 = the one whose raise was written last; 0 = none of
 * the latest. */
static uint32_t which(const struct scope_writer *w, PyObject *exception) {
    for (uint32_t back = 1; back < SCOPE_RAISED && !ends_a_loop(exception); back++)
        if (w->raised[(w->raised_next - back) % SCOPE_RAISED] == exception)
            return back;
    return 0;
}

/* GIL held; does not allocate; never leaves an exception. A raise in a frame that is left out. */
void scope_exception_passes(struct scope_writer *w, PyObject *exception) {
    const bool cut = w->cut_exception == exception;
    w->cut_exception = NULL;
    if (SCOPE_LIKELY(told_at(w, exception) == SCOPE_TOLD) || cut)
        return;
    PyObject *entry = before(PyException_GetTraceback(exception));
    if (entry) {
        Py_DecRef(entry);
        return;
    }
    forget(w, exception);
}

/* GIL held; does not allocate. Whether the interpreter has made it of a StopIteration that left a generator: such a
 * RuntimeError has no traceback yet. */
static bool is_made_of_a_stop(PyObject *exception) {
    PyObject *cause = PyException_GetCause(exception);
    const bool is_made = cause && ends_a_loop(cause);
    if (cause)
        Py_DecRef(cause);
    return is_made;
}

/* GIL held; allocates at the first sight of a type. A recorded frame is left by an exception: what its event says of it.
 * Without a traceback there, somebody has taken it off, and the frame that it reaches next is not where it is raised. */
uint32_t scope_exception_leaves(struct scope_writer *w, PyObject *exception, bool has_traceback) {
    const uint32_t at = told_at(w, exception);
    w->cut_exception = has_traceback || is_made_of_a_stop(exception) ? NULL : exception;
    if (at < SCOPE_TOLD)
        w->told_left[at] = true;
    return scope_exception_id(exception) | which(w, exception) << WHICH_SHIFT;
}
