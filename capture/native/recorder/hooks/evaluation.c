/* How 3.10 and 3.11 record plain functions, and leave code out, without a look at every instruction.
 *
 * A profile function is called for every call of a thread, built-in ones included, and while a thread has one the
 * interpreter looks at every instruction, which 3.11 then also runs unspecialized (left-out calls took 3.4 times as long,
 * built-in ones 3.7 times, plain instructions of recorded functions 2.4 times). So a frame evaluation function (PEP 523)
 * stands before every frame. Around a frame that is left out it takes the thread's "look out" mark away; around a
 * recorded one too, and tells its beginning and its end itself. The mark is on, and the profile function records, where
 * there is more to tell than that: `Thread.join`, forked children, and frames that ran before the recording.
 *
 * Who tells the end of a frame is seen in the mark, which an evaluation loop leaves behind as it was at its end: where it is
 * on, because threads were made to look out meanwhile, the profile function has seen that end.
 *
 * The price: where 3.11 would run a Python call inside the caller's evaluation loop, it now takes some 700 bytes of the C
 * stack. A recursion that works without us must not crash with us, so the function is taken out as soon as a thread has
 * used an eighth of its C stack, and put back when that thread is out of there again; meanwhile all is as it was without.
 * A function of another tool's is never replaced. Where anything looks unlike what is known of these two finished
 * versions, none of this is done. */
#define _GNU_SOURCE
#include "hooks/evaluation.h"

#include "costs.h"
#include "hooks/generator_frame.h"
#include "hooks/raises.h"
#include "samples.h"
#include "filter.h"
#include "sites.h"
#include "unseen.h"
#include "values/call_lines.h"
#include "values/exceptions.h"
#include "values/told.h"
#include "writer.h"

#include <pthread.h>
#include <string.h>

#define DEPTH_OFFSET 32 /* of how deep the thread's recursion is, in PyThreadState */
#define STACK_SHARE 8
#define FEW_THREADS 64

typedef PyObject *(*evaluator)(PyThreadState *, void *frame, int throwing);

static evaluator by_default;
static size_t profile_offset, globals_offset;
static scope_tracefunc our_hook;
static bool (*meet)(void);        /* gives it to a thread that C made */
static unsigned char looking_out; /* the mark's value: 1 or 255 */
static bool wanted;               /* between start and stop */
static bool in_place;             /* ours is the interpreter's evaluation function, as far as we know */
static bool generators_known;     /* we can read their frames */
static uint32_t deep;             /* evaluations in progress that began deep in a stack */
static uint32_t rules;            /* counts by how many filters frames have been judged here */

#define THREAD_LOCAL static __thread __attribute__((tls_model("initial-exec")))
THREAD_LOCAL uintptr_t lowest; /* address; below it a stack counts as deep; 0 = not known yet */
THREAD_LOCAL bool telling;     /* inside tell_begin() or tell_end() */

static PyObject *evaluate(PyThreadState *thread, void *frame, int throwing);

/* GIL held; does not allocate. Where the mark of the thread's innermost evaluation loop is: the first field of the
 * structure that lies just before the profile function. */
static unsigned char *mark_of(const PyThreadState *thread) {
    return scope_pointer_at(thread, profile_offset - sizeof(void *));
}

/* GIL held; does not allocate. The thread's trace function, or NULL: it has none. */
static void *tracer_of(const PyThreadState *thread) {
    return scope_pointer_at(thread, profile_offset + sizeof(void *));
}

/* GIL held; does not allocate. 3.10 has an int there, of which the first byte is all that is ever set. */
static bool is_ours(const PyThreadState *thread) {
    const void *tracer = tracer_of(thread);
    return scope_pointer_at(thread, profile_offset) == (void *)our_hook &&
           (!tracer || tracer == (void *)scope_raises_trace);
}

/* GIL held; does not allocate. Only where nobody else's function is. */
static void set_tracer(PyThreadState *thread, void *tracer) {
    memcpy((unsigned char *)thread + profile_offset + sizeof(void *), &tracer, sizeof tracer);
}

/* GIL held; does not allocate. Takes ours out of the thread's state. */
static void disarm(PyThreadState *thread) {
    if (tracer_of(thread) == (void *)scope_raises_trace)
        set_tracer(thread, NULL);
}

/* GIL not needed; the C library may read /proc/self/maps, once a thread. Down to where this thread's stack may be used. */
static uintptr_t lowest_of_this_thread(void) {
    pthread_attr_t attributes;
    void *bottom;
    size_t bytes;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return UINTPTR_MAX;
    const int failed = pthread_attr_getstack(&attributes, &bottom, &bytes);
    pthread_attr_destroy(&attributes);
    return failed ? UINTPTR_MAX : (uintptr_t)bottom + bytes - bytes / STACK_SHARE;
}

/* GIL held; does not allocate. */
static void put_in_place(bool on) {
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    const void *present = scope_python.get_evaluator(interpreter);
    if (present == (void *)(on ? by_default : evaluate))
        scope_python.set_evaluator(interpreter, (void *)(on ? evaluate : by_default));
    in_place = scope_python.get_evaluator(interpreter) == (void *)evaluate;
}

/* GIL held; does not allocate. Every thread with our hook looks out again, whatever it runs. `armed`: raises are told by our
 * trace function, which is then called for every line, too. */
static void look_out_everywhere(bool armed) {
    PyThreadState *thread = scope_python.thread_head(PyInterpreterState_Get());
    scope_raises_everywhere = armed && scope_features.raises;
    for (; thread; thread = scope_python.thread_next(thread))
        if (is_ours(thread)) {
            *mark_of(thread) = looking_out;
            set_tracer(thread, scope_raises_everywhere ? (void *)scope_raises_trace : NULL);
        }
    scope_raises_doubt();
    scope_counts[SCOPE_COST_SLOWED_NOW] = 1;
}

/* GIL held; does not allocate. */
static void disarm_everywhere(void) {
    PyThreadState *thread = scope_python.thread_head(PyInterpreterState_Get());
    scope_raises_everywhere = false;
    for (; thread; thread = scope_python.thread_next(thread))
        disarm(thread);
}

/* GIL held; does not allocate. What a loop is to find that goes on: its own, unless it looks out. */
static void rearm(PyThreadState *thread, void *its_own) {
    set_tracer(thread, scope_raises_everywhere ? (void *)scope_raises_trace : *mark_of(thread) == 0 ? its_own : NULL);
}

/* GIL held; does not allocate. Whoever was out of the way is in place again. */
static void come_back(void) {
    disarm_everywhere();
    put_in_place(true);
}

/* GIL held, given up as the frame does; runs the frame. Deep in a stack: as if there were no evaluation function. */
static PyObject *evaluate_deep(PyThreadState *thread, void *frame, int throwing) {
    unsigned char *mark = mark_of(thread);
    const unsigned char before = *mark;
    const uint32_t judged_by = rules;
    void *const tracer = tracer_of(thread);
    if (deep++ == 0) {
        put_in_place(false);
        look_out_everywhere(true);
    }
    PyObject *result = by_default(thread, frame, throwing);
    if (--deep == 0 && wanted)
        come_back();
    if (is_ours(thread)) {
        *mark = in_place && judged_by == rules ? before : looking_out;
        rearm(thread, tracer);
    }
    return result;
}

/* GIL held; allocates at first sight; borrowed or NULL. */
static const struct scope_code *know(void *frame, int throwing) {
    PyObject *code = scope_pointer_at(frame, SCOPE_FRAME_CODE_OFFSET);
    const struct scope_code *known = scope_code_find(code);
    if (SCOPE_LIKELY(known != NULL) || throwing || !scope_active || PyErr_Occurred())
        return known;
    return scope_code_learn(code, scope_pointer_at(frame, globals_offset));
}

/* GIL held; does not allocate. An int of the thread's state. */
static int number_at(const PyThreadState *thread, size_t offset) {
    int number;
    memcpy(&number, (const unsigned char *)thread + offset, sizeof number);
    return number;
}

/* GIL held; does not allocate. Whether the frame would only find that the recursion is too deep, and so never begin. */
static bool is_too_deep(const PyThreadState *thread) {
    const int depth = number_at(thread, DEPTH_OFFSET);
    return scope_python.version == 0x030a ? depth >= Py_GetRecursionLimit() : depth <= 0; /* 3.11 counts down */
}

/* GIL held; does not allocate. What the beginning of this frame is. */
static uint32_t kind_of_begin(uint32_t flags, const void *frame, int throwing) {
    const uint32_t nature = flags & ~SCOPE_CODE_VALUES;
    if (SCOPE_LIKELY(nature == 0))
        return SCOPE_CALL;
    return nature == SCOPE_CODE_GENERATOR && generators_known ? scope_generator_begins(frame, throwing)
                                                              : SCOPE_FRAME_LOOKED_AT;
}

/* GIL held; does not allocate. What the end of this frame is, which is still there if it is a generator's. */
static uint32_t kind_of_end(uint32_t flags, const void *frame, const PyObject *result) {
    if (!result)
        return SCOPE_UNWIND;
    return flags & SCOPE_CODE_GENERATOR && scope_generator_is_suspended(frame) ? SCOPE_YIELD : SCOPE_RETURN;
}

/* GIL held; allocates as scope_write() does, and as values do; keeps the exception. The frame is not on the thread's stack
 * yet. One of 3.11 has not put its parameters into cells either, unless it is a generator's. */
static void tell_begin(const PyThreadState *thread, uint32_t site, uint32_t flags, uint32_t kind, const void *frame) {
    telling = true; /* no Python code that runs in here is the program's */
    if (SCOPE_LIKELY(scope_caller_layout.is_known))
        site |= scope_called_from(scope_caller_of_new(thread, frame));
    if (SCOPE_UNLIKELY(kind == SCOPE_THROW)) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        scope_write(site, scope_head(kind, 0, type ? scope_exception_type_id(type) : 0), NULL);
        PyErr_Restore(type, value, traceback);
    } else if (kind == SCOPE_CALL && scope_has_arguments(flags)) {
        const bool has_no_cells = scope_python.version == 0x030b && !(flags & SCOPE_CODE_GENERATOR);
        const PyObject *code = scope_pointer_at(frame, SCOPE_FRAME_CODE_OFFSET);
        const struct scope_begun_call call = {site, flags, code, frame, has_no_cells};
        scope_tell_call(&call, NULL);
    } else {
        scope_write(site, scope_head(kind, 0, 0), NULL);
    }
    telling = false;
}

/* GIL held; allocates at first sight. What the event of a function says of the exception that it is left by, which is an
 * object where a function of ours has seen it. */
static uint32_t said_of(PyObject *type, PyObject *exception, bool has_traceback) {
    if (!exception || !PyExceptionInstance_Check(exception))
        return type ? scope_exception_type_id(type) : 0;
    if (!scope_tls || scope_tls->session != scope_session)
        return scope_exception_id(exception);
    return scope_exception_leaves(scope_tls, exception, has_traceback);
}

/* GIL held; allocates as scope_write() does, and as values do; keeps the exception. The frame is not on the thread's stack
 * any more. */
static void tell_end(uint32_t site, uint32_t flags, uint32_t kind, PyObject *result) {
    telling = true;
    if (SCOPE_UNLIKELY(kind == SCOPE_UNWIND)) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        scope_write_left(site, scope_head(kind, 0, said_of(type, value, traceback)));
        PyErr_Restore(type, value, traceback);
        scope_counts[SCOPE_COST_RAISE] += 1;
    } else if (scope_has_value(kind, flags)) {
        const uint64_t began = scope_sample_begins();
        scope_tell_value(kind, site, flags, result, true);
        if (SCOPE_UNLIKELY(began))
            scope_sample_ends(began);
    } else {
        scope_write_left(site, scope_head(kind, 0, 0));
    }
    telling = false;
}

/* GIL held; may run audit hooks; keeps no exception. Whether a thread without any hook has got ours now: C made it, and
 * this is its first frame. */
static bool is_met(PyThreadState *thread, int throwing) {
    if (scope_pointer_at(thread, profile_offset) || scope_pointer_at(thread, profile_offset + sizeof(void *)) ||
        throwing || !scope_active || scope_tls == &scope_muted || PyErr_Occurred())
        return false;
    telling = true;
    const bool has_hook = meet() && is_ours(thread);
    telling = false;
    return has_hook;
}

/* GIL held, given up as the frame does; runs the frame: what the interpreter calls for every frame. */
static PyObject *evaluate(PyThreadState *thread, void *frame, int throwing) {
    if (SCOPE_UNLIKELY(!in_place || telling || (!is_ours(thread) && !is_met(thread, throwing)))) {
        if (!is_ours(thread))
            disarm(thread);
        return by_default(thread, frame, throwing);
    }
    if (SCOPE_UNLIKELY(scope_raised_mark))
        scope_raises_settle(thread);
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    if (SCOPE_UNLIKELY(here < lowest || !lowest)) {
        if (!lowest)
            lowest = lowest_of_this_thread();
        if (here < lowest)
            return evaluate_deep(thread, frame, throwing);
    }
    const uint64_t began = scope_sample_begins();
    const struct scope_code *known = know(frame, throwing);
    const bool left_out = known && known->flags == SCOPE_CODE_LEFT_OUT && scope_active; /* a child cleans up */
    const bool recorded = known && known->site && scope_active && !is_too_deep(thread);
    const uint32_t site = recorded ? known->site : 0, flags = recorded ? known->flags : 0; /* the entry may move */
    const uint32_t begins = recorded ? kind_of_begin(flags, frame, throwing) : SCOPE_FRAME_LOOKED_AT,
                   session = scope_session, judged_by = rules;
    const bool told = begins != SCOPE_FRAME_LOOKED_AT && begins != SCOPE_FRAME_SILENT;
    scope_counts[SCOPE_COST_LEFT_OUT_CALL] += left_out;
    scope_counts[SCOPE_COST_RESUME] += begins == SCOPE_RESUME;
    if (told)
        tell_begin(thread, site, flags, begins, frame);
    if (SCOPE_UNLIKELY(began))
        scope_sample_ends(began);
    if (SCOPE_UNLIKELY(!is_ours(thread))) { /* it had to wait, and was let go of meanwhile */
        disarm(thread);
        return by_default(thread, frame, throwing);
    }
    unsigned char *mark = mark_of(thread);
    const unsigned char before = *mark, during = left_out || begins != SCOPE_FRAME_LOOKED_AT ? 0 : looking_out;
    const uint64_t slowed_before = scope_counts[SCOPE_COST_SLOWED_NOW];
    scope_counts[SCOPE_COST_SLOWED_NOW] = during != 0;
    *mark = during;
    void *const tracer = tracer_of(thread);
    set_tracer(thread, told && !during && scope_features.raises ? (void *)scope_raises_trace : NULL);
    PyObject *result = by_default(thread, frame, throwing);
    const bool told_here = scope_raises_over() || *mark == 0;
    scope_counts[SCOPE_COST_SLOWED_NOW] = slowed_before;
    scope_counts[SCOPE_COST_LEFT_OUT_RAISE] += left_out && !result;
    if (SCOPE_UNLIKELY(!is_ours(thread))) {
        disarm(thread);
        return result;
    }
    /* else what began before this recording, or under another filter, is the profile function's */
    const bool goes_on = session == scope_session && judged_by == rules;
    if (told && goes_on && told_here)
        tell_end(site, flags, kind_of_end(flags, frame, result), result);
    *mark = in_place && goes_on ? before : looking_out;
    rearm(thread, tracer);
    return result;
}

/* GIL held; allocates a frame object. Whether this interpreter is laid out as these two versions are known to be. */
static bool is_laid_out_as_known(size_t hook_offset, scope_tracefunc hook) {
    const bool old = scope_python.version == 0x030a;
    PyThreadState *self = PyThreadState_Get();
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    if (scope_python.version > 0x030b || hook_offset != (old ? 56 : 64) || !frame)
        return false;
    profile_offset = hook_offset;
    globals_offset = old ? 48 : 8;
    looking_out = old ? 1 : 255;
    our_hook = hook;
    const void *inner = old ? (void *)frame : scope_pointer_at(frame, 24);
    PyObject *code = (PyObject *)PyFrame_GetCode(frame);
    Py_DecRef(code);
    if (scope_pointer_at(inner, SCOPE_FRAME_CODE_OFFSET) != code ||
        scope_pointer_at(inner, globals_offset) != PyEval_GetGlobals())
        return false;
    const int limit = Py_GetRecursionLimit();
    if (number_at(self, DEPTH_OFFSET) > limit || (!old && number_at(self, DEPTH_OFFSET + sizeof(int)) != limit))
        return false; /* 3.11 has its limit after what is left of it */
    unsigned char *mark = mark_of(self);
    const bool off_before = *mark == 0 && !is_ours(self);
    scope_python.set_profile_on(self, hook, NULL);
    const bool on = *mark == looking_out && is_ours(self);
    scope_python.set_profile_on(self, NULL, NULL);
    const bool off_after = *mark == 0 && !is_ours(self);
    return !PyErr_Occurred() && off_before && on && off_after;
}

/* GIL held; allocates a frame object; never leaves an exception. Whether left-out code is cheap from here on. Runs on a
 * thread that has no profile function. */
bool scope_evaluation_start(size_t hook_offset, scope_tracefunc hook, bool (*meet_this_thread)(void)) {
    meet = meet_this_thread;
    scope_raises_start(mark_of, is_ours);
    *(void **)&by_default = scope_python.evaluate_by_default;
    if (!by_default || !scope_python.get_evaluator || !scope_python.set_evaluator)
        return false;
    const bool known = is_laid_out_as_known(hook_offset, hook);
    PyErr_Clear();
    if (!known) {
        scope_unseen("layout-unknown", "frames");
        return false;
    }
    generators_known = scope_generator_frames_are_known();
    if (!generators_known)
        scope_unseen("layout-unknown", "generators");
    wanted = true;
    rules += 1;
    if (deep == 0)
        put_in_place(true);
    return in_place || deep > 0;
}

/* GIL held; does not allocate. The filter has changed: frames that run were judged by the old one, and the profile function
 * tells the end of those that the new one wants. */
void scope_evaluation_change(void) {
    rules += 1;
    if (wanted)
        look_out_everywhere(scope_raises_everywhere);
}

/* GIL held; does not allocate. Whether there are more threads than one wants to go through a few hundred times. */
static bool has_many_threads(void) {
    PyThreadState *thread = scope_python.thread_head(PyInterpreterState_Get());
    for (int count = 0; thread; thread = scope_python.thread_next(thread))
        if (++count > FEW_THREADS)
            return true;
    return false;
}

/* GIL held; does not allocate. Out of the way of this thread, on which the agent measures what a loop takes without any hook;
 * false where nothing was in the way, where another tool's function is, or with many threads. The caller sees to it that
 * no other thread runs meanwhile; where one does after all, it looks out, as in evaluate_deep(). */
bool scope_evaluation_step_aside(void) {
    PyThreadState *self = PyThreadState_Get();
    if (!in_place || !is_ours(self) || scope_python.get_evaluator(PyInterpreterState_Get()) != (void *)evaluate ||
        has_many_threads())
        return false;
    deep++;
    put_in_place(false);
    look_out_everywhere(true);
    *mark_of(self) = 0;
    disarm(self);
    return true;
}

/* GIL held; does not allocate. After one that was true; the recording may have ended since. */
void scope_evaluation_step_back(void) {
    PyThreadState *self = PyThreadState_Get();
    if (--deep == 0 && wanted)
        come_back();
    if (is_ours(self))
        *mark_of(self) = looking_out;
}

/* GIL held; does not allocate. A call begins while every thread looks out: if the program has taken its own trace function out
 * meanwhile, ours went with it, and no frame comes by to put it back. */
void scope_evaluation_call_begins(void) {
    PyThreadState *self = PyThreadState_Get();
    if (is_ours(self))
        set_tracer(self, (void *)scope_raises_trace);
}

/* GIL held; does not allocate. Whether another tool has put its own evaluation function over ours since; said once.
 * Then every thread looks out again; what a left-out frame called in between was not seen. */
bool scope_evaluation_displaced(void) {
    if (!in_place || scope_python.get_evaluator(PyInterpreterState_Get()) == (void *)evaluate)
        return false;
    in_place = wanted = false;
    look_out_everywhere(false);
    return true;
}

/* GIL held; does not allocate. Frames that run through ours go on; they change nothing any more. */
void scope_evaluation_stop(void) {
    if (!wanted)
        return;
    wanted = false;
    put_in_place(false);
    in_place = false;
    scope_raises_doubt();
    disarm_everywhere();
}
