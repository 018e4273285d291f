/* The hook of 3.10 and 3.11: a profile function on every thread.
 *
 * A thread has room for one profile function. One that belongs to someone else is left alone, which takes looking into
 * PyThreadState; where its field lies is found out at run time by setting our own function and searching for it. */
#include "hooks/profile.h"

#include "blindness.h"
#include "costs.h"
#include "filter.h"
#include "hooks/greenlets.h"
#include "hooks/joins.h"
#include "hooks/said.h"
#include "hooks/evaluation.h"
#include "hooks/raises.h"
#include "lifetimes.h"
#include "sites.h"
#include "snapshot.h"
#include "track_list.h"
#include "unseen.h"
#include "values/call_lines.h"
#include "values/told.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRACE_CALL 0
#define TRACE_RETURN 3
#define TRACE_C_CALL 4
#define SEARCHED_BYTES 256
#define MOST_THREADS 100000
#define THREAD_LOCAL static __thread __attribute__((tls_model("initial-exec")))

/* opcodes of exactly these two versions */
#define OP_RETURN_VALUE 83
#define OP_YIELD_VALUE 86
#define OP_YIELD_FROM_310 72
#define OP_RESUME_311 151

static size_t hook_offset; /* of c_profilefunc in PyThreadState; 0 = unknown */
static uint32_t foreign;   /* threads that have another profile function */
static uint64_t last_look_ticks;
static PyObject *lasti_name;
THREAD_LOCAL bool is_over; /* the end of this thread is written */

/* Where a frame object keeps its code object: *(frame + first), then, on 3.11, *(that + second). Both versions are
 * finished, so the layout cannot change any more; it is still checked before use. */
#define NOT_INDIRECT SIZE_MAX
static size_t code_first, code_second;
static bool code_is_readable;

/* GIL held; allocates a number on 3.10; -1 before the first instruction. */
static int last_instruction(PyFrameObject *frame) {
    if (scope_python.frame_lasti)
        return scope_python.frame_lasti(frame);
    PyObject *value = PyObject_GetAttr((PyObject *)frame, lasti_name);
    long lasti = value ? PyLong_AsLong(value) : -1;
    PyErr_Clear();
    if (value)
        Py_DecRef(value);
    return (int)lasti;
}

/* GIL held; allocates a number on 3.10. What a call of generator-like code is. 3.10 cannot tell a throw from a resume:
 * the exception is not visible yet when the hook runs. */
static uint32_t kind_of_entry(PyObject *code, PyFrameObject *frame) {
    Py_ssize_t size = 0;
    const int at = last_instruction(frame);
    const unsigned char *bytes = scope_lifetime_instructions(code, &size);
    if (scope_python.version == 0x030a)
        return at < 0 ? SCOPE_CALL : SCOPE_RESUME;
    if (at < 0 || !bytes || at + 1 >= size)
        return SCOPE_CALL;
    if (bytes[at] == OP_RESUME_311)
        return bytes[at + 1] == 0 ? SCOPE_CALL : SCOPE_RESUME;
    return SCOPE_THROW;
}

/* GIL held; allocates a number on 3.10. What leaving generator-like code with a value is. In 3.10 a suspended
 * `yield from` points at the instruction before it, because it is executed again. */
static uint32_t kind_of_exit(PyObject *code, PyFrameObject *frame) {
    Py_ssize_t size = 0;
    const int at = last_instruction(frame);
    const unsigned char *bytes = scope_lifetime_instructions(code, &size);
    if (at < 0 || !bytes || at >= size || bytes[at] == OP_RETURN_VALUE)
        return SCOPE_RETURN;
    bool from = scope_python.version == 0x030a && at + 2 < size && bytes[at + 2] == OP_YIELD_FROM_310;
    return bytes[at] == OP_YIELD_VALUE || from ? SCOPE_YIELD : SCOPE_RETURN;
}

/* GIL held; does not allocate. Where this frame is called, as scope_called_from() has it. */
static uint32_t called_from(const PyFrameObject *frame) {
    return scope_caller_layout.is_known ? scope_called_from(scope_frame_caller(scope_frame_of(frame))) : 0;
}

/* GIL held; allocates as values do, and where a chunk is full; no exception. One event of code that is recorded. */
static void tell(uint32_t site, uint32_t flags, uint32_t kind, PyFrameObject *frame, PyObject *code, PyObject *value) {
    if (scope_depth((unsigned char)kind) == SCOPE_DEPTH_OPENS)
        site |= called_from(frame);
    if (kind == SCOPE_CALL && scope_has_arguments(flags)) {
        const struct scope_begun_call call = {site, flags, code, scope_frame_of(frame), false};
        scope_tell_call(&call, code);
    } else if (scope_has_value(kind, flags)) {
        scope_tell_value(kind, site, flags, value, false);
    } else {
        scope_write(site, scope_head(kind, 0, 0), value || kind == SCOPE_UNWIND ? NULL : code);
    }
}

/* GIL held; may allocate. Everything but plain recorded functions. */
static void unusual(const struct scope_code *known, PyFrameObject *frame, PyObject *code, int what, PyObject *result) {
    if (!scope_active || scope_tls == &scope_muted) {
        scope_write_slowly(0, 0, NULL); /* a forked child takes its hooks out here */
        return;
    }
    if (!known) {
        known = scope_code_of_frame(code, frame);
        scope_greenlets_attend(what == TRACE_CALL ? code : NULL);
    }
    if (!known)
        return;
    const uint32_t site = known->site, flags = known->flags; /* the entry moves when another code object dies */
    const bool generator = flags & SCOPE_CODE_GENERATOR;
    if ((flags & SCOPE_CODE_JOIN) && what == TRACE_RETURN)
        scope_join_ends((PyObject *)frame);
    if (site) {
        uint32_t kind;
        if (what == TRACE_CALL)
            kind = generator ? kind_of_entry(code, frame) : SCOPE_CALL;
        else if (!result)
            kind = SCOPE_UNWIND;
        else
            kind = generator ? kind_of_exit(code, frame) : SCOPE_RETURN;
        tell(site, flags, kind, frame, code, what == TRACE_CALL ? NULL : result);
    } else if (flags & SCOPE_CODE_OVERFLOW) {
        scope_drop_unknown_site();
    }
    if ((flags & SCOPE_CODE_JOIN) && what == TRACE_CALL)
        scope_join_begins((PyObject *)frame);
    if ((flags & SCOPE_CODE_SAYS) && what == TRACE_CALL && scope_features.output)
        scope_said((PyObject *)frame, flags);
}

/* GIL held; does not allocate; borrowed. Reading the field saves two calls per event against PyFrame_GetCode, which
 * counts a reference that has to be given back. */
static PyObject *read_code(const PyFrameObject *frame) {
    const unsigned char *at = (const unsigned char *)frame;
    PyObject *word;
    memcpy(&word, at + code_first, sizeof word);
    if (code_second != NOT_INDIRECT)
        memcpy(&word, (const unsigned char *)word + code_second, sizeof word);
    return word;
}

/* GIL held; does not allocate; borrowed: the frame keeps it alive while the hook runs. */
static PyObject *code_of(PyFrameObject *frame) {
    if (SCOPE_LIKELY(code_is_readable))
        return read_code(frame);
    PyObject *code = (PyObject *)PyFrame_GetCode(frame);
    Py_DecRef(code);
    return code;
}

/* GIL held; does not allocate. Finds out whether read_code() can be trusted here. */
static void check_layout(void) {
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    code_first = scope_python.version == 0x030a ? 32 : 24;
    code_second = scope_python.version == 0x030a ? NOT_INDIRECT : 32;
    code_is_readable = false;
    if (!frame)
        return;
    PyObject *code = code_of(frame);
    code_is_readable = read_code(frame) == code;
}

/* GIL held; allocates only when a chunk is full or the code is new; never leaves an exception. The hook itself. */
static int on_profile(PyObject *self, PyFrameObject *frame, int what, PyObject *result) {
    (void)self;
    if (what != TRACE_CALL && what != TRACE_RETURN) {
        scope_counts[SCOPE_COST_LEFT_OUT_HOOK] += 1;
        scope_counts[SCOPE_COST_SLOWED_NOW] = what != TRACE_C_CALL;
        return 0;
    }
    if (SCOPE_UNLIKELY(what == TRACE_RETURN && scope_raised_mark && scope_raises_leave_end()))
        return 0;
    if (SCOPE_UNLIKELY(scope_raises_everywhere && what == TRACE_CALL))
        scope_evaluation_call_begins();
    PyObject *code = code_of(frame);
    const struct scope_code *known = scope_code_find(code);
    if (SCOPE_LIKELY(known && known->site && known->flags == 0)) {
        if (what == TRACE_CALL)
            scope_write(known->site | called_from(frame), scope_head(SCOPE_CALL, 0, 0), code);
        else
            scope_write(known->site, scope_head(result ? SCOPE_RETURN : SCOPE_UNWIND, 0, 0), NULL);
    } else if (known && known->site && !(known->flags & ~SCOPE_CODE_VALUES)) {
        const uint32_t kind = what == TRACE_CALL ? SCOPE_CALL : result ? SCOPE_RETURN : SCOPE_UNWIND;
        tell(known->site, known->flags, kind, frame, code, what == TRACE_CALL ? NULL : result);
    } else if (!known || known->flags != SCOPE_CODE_LEFT_OUT || !scope_active) {
        unusual(known, frame, code, what, result);
    } else {
        scope_counts[SCOPE_COST_LEFT_OUT_HOOK] += 1;
    }
    return 0;
}

/* GIL held; does not allocate; borrowed. The profile function of a thread. */
static void *hook_of(PyThreadState *state) {
    void *hook;
    memcpy(&hook, (unsigned char *)state + hook_offset, sizeof hook);
    return hook;
}

/* GIL held; does not allocate. Whether `state` is still a thread of this interpreter. */
static bool is_alive(const PyThreadState *state) {
    PyThreadState *at = scope_python.thread_head(PyInterpreterState_Get());
    while (at && at != state)
        at = scope_python.thread_next(at);
    return at != NULL;
}

/* GIL held; may run audit hooks; 0 or -1 with an exception, which PyEval_SetProfile() would print. */
static int set_on_this_thread(scope_tracefunc hook) {
    return scope_python.set_profile_on(PyThreadState_Get(), hook, NULL);
}

/* GIL held; may run audit hooks; never leaves an exception. */
void scope_profile_hook_this_thread(void) {
    if (hook_offset && !hook_of(PyThreadState_Get()))
        set_on_this_thread(on_profile);
    PyErr_Clear();
}

/* GIL held; may run audit hooks; never leaves an exception. */
void scope_profile_unhook_this_thread(void) {
    if (hook_offset && hook_of(PyThreadState_Get()) == (void *)on_profile)
        set_on_this_thread(NULL);
    PyErr_Clear();
    is_over = true;
}

/* GIL held; may allocate a frame object and run audit hooks; never leaves an exception. Gives our hook to a thread that C
 * made and that enters Python: each time it has a state of its own, without a hook, and no wrapper of ours has seen it.
 * A thread that runs Python already is not touched: somebody has taken the hook out there, which is a gap. */
static bool meet_this_thread(void) {
    if (is_over || getpid() == syscall(SYS_gettid) || !scope_python.thread_frame)
        return false;
    PyObject *frame = (PyObject *)scope_python.thread_frame(PyThreadState_Get());
    if (frame) {
        Py_DecRef(frame);
        return false;
    }
    scope_profile_hook_this_thread();
    return true;
}

/* The stacks of all threads by identity, and, once somebody asks, the identities by frame: a thread's state tells its
 * frame. Frames compare by address. */
struct stacks {
    PyObject *frames; /* borrowed */
    PyObject *idents; /* strong, or NULL */
};

/* GIL held; allocates with the collector off; borrowed, or NULL without an exception. */
static PyObject *ident_of(struct stacks *stacks, PyFrameObject *frame) {
    PyObject *ident, *other;
    Py_ssize_t at = 0;
    if (!stacks->idents && (stacks->idents = PyDict_New()))
        while (PyDict_Next(stacks->frames, &at, &ident, &other))
            PyDict_SetItem(stacks->idents, other, ident);
    ident = stacks->idents ? PyDict_GetItemWithError(stacks->idents, (PyObject *)frame) : NULL;
    PyErr_Clear();
    return ident;
}

/* GIL held; allocates a frame object; no exception. The track of a thread that runs Python code, or NULL; *frame is a new
 * reference or NULL. */
static struct scope_writer *track_of(PyThreadState *state, struct stacks *stacks, PyFrameObject **frame) {
    *frame = scope_python.thread_frame ? scope_python.thread_frame(state) : NULL;
    PyObject *ident = *frame ? ident_of(stacks, *frame) : NULL;
    return ident ? scope_track_find((pthread_t)PyLong_AsUnsignedLong(ident)) : NULL;
}

/* GIL held; allocates frame objects with the collector off; no exception. A thread that has a track got our hook only
 * now: another profiler had it, or somebody took ours out. Its stack is written anew. */
static void tell_regained(PyThreadState *state, struct stacks *stacks) {
    PyFrameObject *frame;
    struct scope_writer *w = track_of(state, stacks, &frame);
    if (w && !w->quiet) {
        scope_see_again(w, SCOPE_GAP_HOOKS_TAKEN_OUT, last_look_ticks);
        scope_snapshot(w, frame, SCOPE_SNAPSHOT_GAP, NULL);
    }
    if (frame)
        Py_DecRef((PyObject *)frame);
}

/* GIL held; allocates frame objects with the collector off; no exception. Threads that another profiler has. */
static void tell_foreign(struct stacks *stacks) {
    PyThreadState *state = scope_python.thread_head(PyInterpreterState_Get());
    for (; foreign && state; state = scope_python.thread_next(state)) {
        void *present = hook_of(state);
        if (!present || present == (void *)on_profile)
            continue;
        PyFrameObject *frame;
        struct scope_writer *w = track_of(state, stacks, &frame);
        if (w && !w->blind && !w->quiet) {
            char name[32];
            snprintf(name, sizeof name, "thread %u", w->os_tid);
            scope_unseen("foreign-profiler", name);
            scope_blind(w, SCOPE_GAP_ANOTHER_PROFILER, last_look_ticks);
        }
        if (frame)
            Py_DecRef((PyObject *)frame);
    }
}

/* GIL held; does not allocate; NULL with an exception. Notes that somebody wanted the argument of an audit event. */
static PyObject *wanted(void *flag) {
    *(bool *)flag = true;
    PyErr_SetString(PyExc_RuntimeError, "no event");
    return NULL;
}

/* GIL held; does not allocate; no exception. Whether setting a profile function can run code of the target. An event's
 * arguments are made only where there is a hook, and where they cannot be made no hook is called. */
static bool has_audit_hooks(void) {
    bool asked = scope_python.audit == NULL;
    if (!asked)
        scope_python.audit("sys.setprofile", "O&", wanted, &asked);
    PyErr_Clear();
    return asked;
}

/* GIL held; may run audit hooks; no exception. Gives (or takes back) our hook on one thread; false where an audit hook
 * forbids it. */
static bool change_thread(PyThreadState *state, bool hook, struct stacks *stacks, bool audited) {
    int failed = scope_python.set_profile_on(state, hook ? on_profile : NULL, NULL);
    PyErr_Clear();
    const bool alive = !audited || is_alive(state);
    if (failed || (alive && (hook_of(state) == (void *)on_profile) != hook))
        return false;
    if (stacks && alive)
        tell_regained(state, stacks);
    return true;
}

/* GIL held; may run audit hooks; never leaves an exception. Gives (or takes back) our hook on each thread but this one, in
 * one walk. Where there are audit hooks threads come and go meanwhile: then every step looks from the start of the list,
 * which takes a second of 5 000 threads. */
static void change_threads(bool hook, struct stacks *stacks) {
    const PyThreadState *self = PyThreadState_Get();
    const bool audited = has_audit_hooks();
    bool again = true;
    for (int step = 0; again && step < MOST_THREADS; step++) {
        uint32_t others = 0;
        again = false;
        PyThreadState *state = scope_python.thread_head(PyInterpreterState_Get());
        for (; state && !again; state = again ? state : scope_python.thread_next(state)) {
            void *present = hook_of(state);
            others += present && present != (void *)on_profile;
            foreign = others;
            if (state == self || (hook ? present != NULL : present != (void *)on_profile))
                continue;
            if (!change_thread(state, hook, stacks, audited))
                return;
            again = audited; /* the state may be gone */
        }
    }
}

/* GIL held; may run audit hooks; never leaves an exception. Also threads that came in past the start wrappers. `frames`:
 * sys._current_frames() of now, or NULL while the recording is not on yet. */
static void hook_threads(PyObject *frames) {
    if (!hook_offset)
        return;
    struct stacks stacks = {frames, NULL};
    if (frames && scope_evaluation_displaced()) {
        PyThreadState *state = scope_python.thread_head(PyInterpreterState_Get());
        for (; state; state = scope_python.thread_next(state))
            if (hook_of(state) == (void *)on_profile)
                tell_regained(state, &stacks);
    }
    change_threads(true, frames ? &stacks : NULL);
    if (frames)
        tell_foreign(&stacks);
    if (stacks.idents)
        Py_DecRef(stacks.idents);
    last_look_ticks = scope_ticks();
}

/* GIL held; may run audit hooks; never leaves an exception. Once the first stacks have been written: `frames` as above. */
void scope_profile_begin(PyObject *frames) {
    last_look_ticks = scope_ticks();
    scope_counts[SCOPE_COST_SLOWED_NOW] = 1; /* whatever runs already */
    hook_threads(frames);
}

/* GIL held; does not allocate. */
void scope_profile_change(void) {
    scope_evaluation_change();
}

/* GIL held; may run audit hooks; never leaves an exception. */
void scope_profile_sweep(PyObject *frames) {
    if (frames)
        hook_threads(frames);
}

/* GIL held; allocates; 0 or -1 with an exception. Runs on the agent's own thread, which has no profile function. */
int scope_profile_put(void) {
    if (!scope_python.set_profile_on || !scope_python.thread_head) {
        PyErr_SetString(PyExc_RuntimeError, "this interpreter does not export its profiling functions");
        return -1;
    }
    if (!lasti_name && !(lasti_name = PyUnicode_InternFromString("f_lasti")))
        return -1;
    PyThreadState *self = PyThreadState_Get();
    foreign = 0;
    hook_offset = 0;
    check_layout();
    set_on_this_thread(on_profile);
    PyErr_Clear(); /* an audit hook forbids it: then it is not found */
    for (size_t at = 0; at < SEARCHED_BYTES && !hook_offset; at += sizeof(void *)) {
        void *word;
        memcpy(&word, (unsigned char *)self + at, sizeof word);
        if (word == (void *)on_profile)
            hook_offset = at;
    }
    set_on_this_thread(NULL);
    PyErr_Clear();
    if (!hook_offset) {
        PyErr_SetString(PyExc_RuntimeError, "setting a profile function had no effect in the target");
        return -1;
    }
    hook_threads(NULL);
    scope_evaluation_start(hook_offset, on_profile, meet_this_thread);
    return 0;
}

/* GIL held; may run audit hooks; never leaves an exception. Functions of other tools stay. */
void scope_profile_undo(void) {
    if (!hook_offset)
        return;
    scope_evaluation_stop();
    change_threads(false, NULL);
    scope_profile_unhook_this_thread();
    hook_offset = 0;
    foreign = 0;
}

/* GIL held; does not allocate. Threads whose calls cannot be recorded because another profiler has them. */
uint32_t scope_profile_foreign(void) {
    return foreign;
}
