/* The hooks of 3.12 and later: sys.monitoring with C callbacks.
 *
 * Enter = start, resume, throw; leave = return, yield, unwind. Code that the filter leaves out answers DISABLE, after
 * which it costs nothing. There is no C API to register callbacks: they are C functions handed to sys.monitoring (tool.c).
 * A callback returns None without counting it: None is immortal from 3.12 on. It never leaves an exception. */
#include "hooks/monitoring.h"

#include "blindness.h"
#include "costs.h"
#include "filter.h"
#include "values/call_lines.h"
#include "values/exceptions.h"
#include "values/frame_locals.h"
#include "values/steps.h"
#include "values/told.h"
#include "hooks/greenlets.h"
#include "hooks/joins.h"
#include "hooks/lines.h"
#include "hooks/said.h"
#include "samples.h"
#include "sites.h"
#include "hooks/tool.h"
#include "tracks.h"

static PyObject *disable;
static bool recording_calls;
static enum scope_tool_standing standing; /* at the last look */
static uint64_t unproved_ticks;           /* nothing is known since, unless they were in place */

/* GIL held; does not allocate; new reference (immortal). */
static PyObject *answer_disable(void) {
    Py_IncRef(disable);
    return disable;
}

/* GIL held; allocates at first sight; borrowed or NULL. */
static const struct scope_code *learn(PyObject *code) {
    if (!scope_active || scope_tls == &scope_muted || (scope_python.finalizing && scope_python.finalizing()))
        return NULL;
    return scope_code_learn(code, PyEval_GetGlobals());
}

/* GIL not needed; does not allocate. */
static inline bool is_entry(uint32_t kind) {
    return scope_depth((unsigned char)kind) == SCOPE_DEPTH_OPENS;
}

/* GIL held; allocates as values do, and where a chunk is full; no exception. One event of code that is recorded; `args` are
 * the code object, an offset, and of a return or yield the value. */
static inline void tell(PyObject *const *args, uint32_t site, uint32_t flags, uint32_t kind) {
    const bool entering = is_entry(kind), has_steps = flags & SCOPE_CODE_STEPS;
    if (SCOPE_UNLIKELY(has_steps && !entering))
        scope_step_leaves(args[0], scope_frame_now(), kind);
    if (kind == SCOPE_CALL && scope_has_arguments(flags)) {
        const void *frame = scope_frame_now();
        const uint32_t from = SCOPE_LIKELY(scope_caller_layout.is_known) ? scope_frame_called_from(frame) : 0;
        const struct scope_begun_call call = {site | from, flags, args[0], frame, false};
        scope_tell_call(&call, args[0]);
    } else if (scope_has_value(kind, flags)) {
        scope_tell_value(kind, site, flags, args[2], false);
    } else {
        const uint32_t from = entering ? scope_called_now_from() : 0;
        scope_write(site | from, scope_head(kind, 0, 0), entering ? args[0] : NULL);
    }
    if (SCOPE_UNLIKELY(has_steps && kind == SCOPE_CALL))
        scope_step_begins(args[0], scope_frame_now());
    else if (SCOPE_UNLIKELY(has_steps && entering))
        scope_step_goes_on(args[0], scope_frame_now());
}

/* GIL held; may allocate; new reference. Every enter or leave that is not plain recorded code. */
static PyObject *unusual(PyObject *const *args, const struct scope_code *known, uint32_t kind) {
    const bool entering = is_entry(kind);
    if (SCOPE_UNLIKELY(!scope_active || scope_tls == &scope_muted)) {
        scope_tool_hears(kind);
        scope_write_slowly(0, 0, NULL); /* a forked child takes its hooks out here */
        return Py_None;
    }
    if (!known) {
        known = learn(args[0]);
        scope_greenlets_attend(entering ? args[0] : NULL);
    }
    if (!known)
        return Py_None;
    const uint32_t site = known->site, flags = known->flags; /* the entry moves when another code object dies */
    if ((flags & SCOPE_CODE_JOIN) && !entering)
        scope_join_ends((PyObject *)PyEval_GetFrame());
    if (site && recording_calls)
        tell(args, site, flags, kind);
    if ((flags & SCOPE_CODE_JOIN) && entering)
        scope_join_begins((PyObject *)PyEval_GetFrame());
    const bool says = (flags & SCOPE_CODE_SAYS) && kind == SCOPE_CALL && scope_features.output;
    if (says)
        scope_said((PyObject *)PyEval_GetFrame(), flags);
    if ((flags & SCOPE_CODE_JOIN) || says)
        return Py_None;
    if (flags & SCOPE_CODE_OVERFLOW) {
        scope_drop_unknown_site();
        return Py_None;
    }
    return site && recording_calls ? Py_None : answer_disable();
}

/* What of the flags of its code makes an event of this kind more than a record. */
#define MORE_OF_SCOPE_RESUME (SCOPE_CODE_SPECIAL | SCOPE_CODE_STEPS)
#define MORE_OF_SCOPE_CALL (MORE_OF_SCOPE_RESUME | SCOPE_CODE_ARGUMENTS)
#define MORE_OF_SCOPE_RETURN (MORE_OF_SCOPE_RESUME | SCOPE_CODE_RESULT)
#define MORE_OF_SCOPE_YIELD MORE_OF_SCOPE_RETURN

#define PLAIN(known, more) ((known)->site && !((known)->flags & (more)) && recording_calls)

/* GIL held; allocates only when a chunk is full or the code is new, and as values do; new reference. An event for which
 * there is more to do than to write it. Not part of its callers, which so need no stack and save no registers. */
static SCOPE_NOT_INLINE PyObject *second_look(PyObject *const *args, uint32_t kind) {
    const uint64_t began = scope_sample_begins();
    const struct scope_code *known = scope_code_find(args[0]);
    if (SCOPE_UNLIKELY(!known || !PLAIN(known, SCOPE_CODE_SPECIAL)))
        return unusual(args, known, kind);
    tell(args, known->site, known->flags, kind);
    if (began)
        scope_sample_ends(began);
    return Py_None;
}

/* GIL held; allocates only when a chunk is full or the code is new, and as values do; new reference. The five local events;
 * first, of each, what makes it more than a record. */
#define LOCAL_EVENT(name, kind)                                                                                        \
    static SCOPE_NOT_INLINE PyObject *more_##name(PyObject *const *args, const struct scope_code *known) {             \
        if (SCOPE_UNLIKELY(!known || !PLAIN(known, SCOPE_CODE_SPECIAL)))                                               \
            return unusual(args, known, kind);                                                                         \
        tell(args, known->site, known->flags, kind);                                                                   \
        return Py_None;                                                                                                \
    }                                                                                                                  \
    static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {                  \
        (void)self, (void)count, (void)names;                                                                          \
        struct scope_writer *w = scope_tls;                                                                            \
        if (SCOPE_UNLIKELY(!w || !scope_writes_at_once(w)))                                                            \
            return second_look(args, kind);                                                                            \
        const struct scope_code *known = scope_code_find(args[0]);                                                     \
        if (SCOPE_UNLIKELY(!known || !PLAIN(known, MORE_OF_##kind)))                                                   \
            return more_##name(args, known);                                                                           \
        const uint32_t from = is_entry(kind) ? scope_called_now_from() : 0;                                            \
        scope_write_here(w, known->site | from, scope_head(kind, 0, 0));                                               \
        return Py_None;                                                                                                \
    }

LOCAL_EVENT(on_start, SCOPE_CALL)
LOCAL_EVENT(on_resume, SCOPE_RESUME)
LOCAL_EVENT(on_return, SCOPE_RETURN)
LOCAL_EVENT(on_yield, SCOPE_YIELD)

/* GIL held; may allocate; new reference. Cannot answer DISABLE before 3.14. */
static PyObject *on_throw(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    (void)self, (void)count, (void)names;
    const struct scope_code *known = scope_code_find(args[0]);
    if (!known && !(known = learn(args[0])))
        return Py_None;
    const uint32_t site = known->site, flags = known->flags;
    scope_counts[site ? SCOPE_COST_RAISE : SCOPE_COST_LEFT_OUT_RAISE] += 1;
    if (flags & SCOPE_CODE_OVERFLOW)
        scope_drop_unknown_site();
    else if (site && recording_calls)
        scope_write(site | scope_called_now_from(), scope_head(SCOPE_THROW, 0, scope_exception_id(args[2])), args[0]);
    if (site && flags & SCOPE_CODE_STEPS)
        scope_step_goes_on(args[0], scope_frame_now());
    return Py_None;
}

/* GIL held; allocates at first sight. What the event of a recorded function says of the exception that it is left by. */
static uint32_t said_of(PyObject *exception) {
    if (!scope_tls || scope_tls->session != scope_session)
        return scope_exception_id(exception);
    PyObject *traceback = PyException_GetTraceback(exception);
    if (traceback)
        Py_DecRef(traceback);
    return scope_exception_leaves(scope_tls, exception, traceback);
}

/* GIL held; may allocate; new reference. Code never seen before was entered before the recording, unrecorded. */
static PyObject *on_unwind(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    (void)self, (void)count, (void)names;
    const struct scope_code *known = scope_code_find(args[0]);
    if (!known || !scope_active || scope_tls == &scope_muted)
        return Py_None;
    const uint32_t site = known->site, flags = known->flags;
    scope_counts[site ? SCOPE_COST_RAISE : SCOPE_COST_LEFT_OUT_RAISE] += 1;
    if (flags & SCOPE_CODE_JOIN)
        scope_join_ends((PyObject *)PyEval_GetFrame());
    if (site && flags & SCOPE_CODE_STEPS)
        scope_step_leaves(args[0], scope_frame_now(), SCOPE_UNWIND);
    const uint32_t said = site ? said_of(args[2]) : 0;
    if (site && recording_calls)
        scope_write(site, scope_head(SCOPE_UNWIND, 0, said), NULL);
    else if (flags & SCOPE_CODE_OVERFLOW)
        scope_drop_unknown_site();
    return Py_None;
}

/* GIL held; may allocate; new reference. */
static PyObject *on_raise(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    (void)self, (void)count, (void)names;
    if (!scope_active || !scope_features.raises || scope_tls == &scope_muted)
        return Py_None;
    const struct scope_code *known = scope_code_find(args[0]);
    if (!known && !(known = learn(args[0])))
        return Py_None;
    scope_counts[known->site ? SCOPE_COST_RAISE : SCOPE_COST_LEFT_OUT_RAISE] += 1;
    if (!known->site) {
        if (scope_tls && scope_tls->session == scope_session)
            scope_exception_passes(scope_tls, args[2]);
        return Py_None;
    }
    struct scope_raise where = {.code = args[0], .site = known->site};
    struct scope_writer *w = scope_writer_of_this_thread(NULL);
    int64_t offset;
    if (w && scope_small_int(args[1], &offset))
        where.offset = (uint32_t)offset;
    if (w)
        scope_exception_raised(w, &where, args[2], PyException_GetTraceback(args[2]));
    return Py_None;
}

/* GIL held, given up while a thread waits for space; may allocate; new reference. A line of code whose steps are recorded, or
 * the first run of one of other code, or of one that could not be told. */
static PyObject *on_line(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    (void)self, (void)count, (void)names;
    if (SCOPE_UNLIKELY(!scope_active || scope_tls == &scope_muted)) {
        scope_write_slowly(0, 0, NULL); /* a forked child takes its hooks out here */
        return Py_None;
    }
    const struct scope_code *known = scope_code_find(args[0]);
    if (!known && !(known = learn(args[0])))
        return Py_None;
    const uint32_t site = known->site, flags = known->flags;
    int64_t line;
    if (!scope_small_int(args[1], &line))
        line = PyLong_AsLong(args[1]);
    if (!(site && flags & SCOPE_CODE_STEPS))
        return !site || scope_lines_runs(site, (long)line) ? answer_disable() : Py_None;
    scope_step_line(args[0], scope_frame_now(), (uint32_t)line);
    if (scope_features.lines)
        scope_lines_runs(site, (long)line);
    return Py_None;
}

#define METHOD(function) {#function, (PyCFunction)(void (*)(void))function, METH_FASTCALL | METH_KEYWORDS, NULL}

#define CALLBACK(event, function, kind, for_calls, for_raises)                                                         \
    {event, METHOD(function), kind, for_calls, for_raises, false, 0, NULL}
#define LOCAL_CALLBACK(event, function, kind) {event, METHOD(function), kind, false, false, true, 0, NULL}

static struct scope_callback callbacks[] = {
    CALLBACK("PY_START", on_start, SCOPE_CALL, true, true),
    CALLBACK("PY_RESUME", on_resume, SCOPE_RESUME, true, false),
    CALLBACK("PY_THROW", on_throw, SCOPE_THROW, true, false),
    CALLBACK("PY_RETURN", on_return, SCOPE_RETURN, true, true),
    CALLBACK("PY_YIELD", on_yield, SCOPE_YIELD, true, false),
    CALLBACK("PY_UNWIND", on_unwind, SCOPE_UNWIND, true, true),
    CALLBACK("RAISE", on_raise, SCOPE_RAISE, false, false),
    LOCAL_CALLBACK("LINE", on_line, SCOPE_LINE_FIRST),
};

#define CALLBACKS (sizeof callbacks / sizeof *callbacks)

/* GIL held; does not allocate. Which events this recording needs. */
static void choose(void) {
    recording_calls = scope_features.calls;
    for (size_t i = 0; i < CALLBACKS; i++) {
        const struct scope_callback *of = &callbacks[i];
        callbacks[i].bit = of->is_local              ? scope_features.lines || scope_features.steps
                           : of->kind == SCOPE_RAISE ? scope_features.raises
                                                     : recording_calls || of->for_raises;
    }
}

/* GIL held; allocates; 0 or -1 with an exception, then nothing stays installed. Hooks are in place and still inactive. */
int scope_monitoring_put(void) {
    PyObject *namespace = PySys_GetObject("monitoring"); /* borrowed */
    disable = namespace ? PyObject_GetAttrString(namespace, "DISABLE") : NULL;
    if (namespace && !disable)
        return -1;
    choose();
    if (scope_tool_take(callbacks, CALLBACKS) == 0)
        return 0;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    scope_monitoring_undo();
    PyErr_Restore(type, value, traceback);
    return -1;
}

/* GIL held; allocates with the collector off; may run audit hooks; no exception. Code that was left out is told of again,
 * since it may be wanted now. */
void scope_monitoring_change(void) {
    choose();
    scope_tool_change();
}

/* GIL held, given up as Python code does; runs our code and audit hooks; no exception. Whether the hooks are still in. */
void scope_monitoring_look(void) {
    standing = scope_tool_look(&unproved_ticks);
    if (standing == SCOPE_TOOL_LOST)
        scope_blind_all(SCOPE_GAP_HOOKS_TAKEN_OUT, unproved_ticks);
}

/* GIL held; allocates frame objects with the collector off; no exception. Where they were out and are in again. */
void scope_monitoring_sweep(PyObject *frames) {
    if (frames && standing == SCOPE_TOOL_PUT_BACK)
        scope_see_all_again(SCOPE_GAP_HOOKS_TAKEN_OUT, unproved_ticks, frames, recording_calls);
}

/* GIL held; allocates; never leaves an exception. */
void scope_monitoring_undo(void) {
    scope_tool_give_back();
    if (disable)
        Py_DecRef(disable);
    disable = NULL;
}
