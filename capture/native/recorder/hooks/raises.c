/* Where exceptions are raised on 3.10 and 3.11: a trace function that is asked for nothing else.
 *
 * An evaluation loop asks for a thread's trace function, whether it looks out or not, when an exception is raised in it or
 * comes to it. So ours is the thread's while a recorded frame runs whose end hooks/evaluation.c tells, and only then: with
 * the loop's mark off, it is called for nothing else. The call leaves the mark on behind it, and the loop looks out at every
 * line: until the next Python call from it, on the main thread until its next jump or call, at the latest to its end, which
 * is told there although the mark is on then. sys.gettrace() knows nothing of ours, and a trace function that the program
 * sets takes its place. The interpreter makes an object of what was raised for it, as it does for any trace function.
 *
 * Not seen: what a frame raises and catches that ran before the recording, or that another tool traces. */
#define _GNU_SOURCE
#include "hooks/raises.h"

#include "costs.h"
#include "filter.h"
#include "sites.h"
#include "tracks.h"
#include "values/dead_frames.h"
#include "values/exceptions.h"

#include <sys/syscall.h>
#include <unistd.h>

#define TRACE_EXCEPTION 1

bool scope_raises_everywhere;
SCOPE_RAISES_THREAD unsigned char *scope_raised_mark;
SCOPE_RAISES_THREAD bool scope_raises_end;

static PyObject *offset_name; /* one reference, for good */
static unsigned char *(*mark_of)(const PyThreadState *);
static bool (*is_ours)(const PyThreadState *);
static uint32_t doubts; /* counts how often marks have come to mean something else */
static bool settles;    /* the main thread will be asked to settle_now() */
static __thread uint32_t raised_under __attribute__((tls_model("initial-exec"))); /* `doubts` then */
static __thread int is_main __attribute__((tls_model("initial-exec"))); /* 1, or -1: it is not; 0 = not known */

/* GIL held; allocates a name once; no exception. */
void scope_raises_start(unsigned char *(*mark)(const PyThreadState *), bool (*ours)(const PyThreadState *)) {
    if (!offset_name)
        offset_name = PyUnicode_InternFromString("f_lasti");
    PyErr_Clear();
    mark_of = mark;
    is_ours = ours;
}

/* GIL held; does not allocate. No mark is on because of a raise any more. */
void scope_raises_doubt(void) {
    doubts += 1;
}

/* GIL held; does not allocate. The loop that has raised need not look out any more. */
void scope_raises_settle(const PyThreadState *thread) {
    if (scope_raised_mark && raised_under == doubts && scope_raised_mark == mark_of(thread) && is_ours(thread))
        *scope_raised_mark = 0;
    scope_raised_mark = NULL;
}

/* GIL held; does not allocate; 0. On the main thread, amid what it runs. */
static int settle_now(void *unused) {
    (void)unused;
    settles = false;
    scope_raises_settle(PyThreadState_Get());
    return 0;
}

/* GIL held; does not allocate. An exception is raised in the thread's innermost loop, or has come to it. */
static void note_raised(const PyThreadState *thread) {
    scope_raised_mark = mark_of(thread);
    raised_under = doubts;
    if (!is_main)
        is_main = getpid() == syscall(SYS_gettid) ? 1 : -1;
    if (is_main > 0 && !settles)
        settles = Py_AddPendingCall(settle_now, NULL) == 0;
}

/* GIL held; allocates; never leaves an exception. `what`: its type, itself, its traceback. */
static void tell_raised(PyFrameObject *frame, PyObject *what) {
    PyObject *code = (PyObject *)PyFrame_GetCode(frame);
    const struct scope_code *known = scope_code_find(code);
    const uint32_t site = known ? known->site : 0; /* the entry may move */
    Py_DecRef(code);                               /* the frame has it */
    struct scope_writer *w = site ? scope_writer_of_this_thread(NULL) : NULL;
    if (!w)
        return;
    PyObject *traceback = PyTuple_GetItem(what, 2); /* borrowed */
    if (traceback == Py_None)
        traceback = NULL;
    else
        Py_IncRef(traceback);
    scope_counts[SCOPE_COST_RAISE] += 1;
    const struct scope_raise where = {code, frame, site, (uint32_t)scope_number_in((PyObject *)frame, offset_name)};
    scope_exception_raised(w, &where, PyTuple_GetItem(what, 1), traceback);
}

/* GIL held; allocates; never leaves an exception. Our trace function. */
int scope_raises_trace(PyObject *self, PyFrameObject *frame, int what, PyObject *arg) {
    (void)self;
    PyThreadState *thread = PyThreadState_Get();
    if (what != TRACE_EXCEPTION || !is_ours(thread))
        return 0;
    if (!scope_raises_everywhere)
        note_raised(thread);
    if (scope_active && scope_features.raises && scope_tls != &scope_muted && PyTuple_Size(arg) == 3)
        tell_raised(frame, arg);
    return 0;
}

/* GIL held; does not allocate. The profile function asks at the end of a frame, whether that is told in
 * hooks/evaluation.c. */
bool scope_raises_leave_end(void) {
    if (raised_under != doubts || scope_raised_mark != mark_of(PyThreadState_Get()))
        return false;
    scope_raises_end = true;
    return true;
}
