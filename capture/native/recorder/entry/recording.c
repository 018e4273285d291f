/* One recording from beginning to end.
 *
 * The beginning: hooks go in first and stay silent; then, without giving the GIL up once, every thread's stack is
 * written and the recording is switched on. So no call falls between a thread's stack and its first event. The end is
 * the same backwards. Nothing that stays behind is more than memory: the library itself is never unloaded, since a
 * thread may be inside it. */
#include "entry/recording.h"

#include "blindness.h"
#include "entry/calibration.h"
#include "costs.h"
#include "defs.h"
#include "values/containers.h"
#include "values/exceptions.h"
#include "filter.h"
#include "hooks/fork.h"
#include "hooks/greenlets.h"
#include "hooks/hooks.h"
#include "interpreters.h"
#include "hooks/line_events.h"
#include "hooks/lines.h"
#include "hooks/steps.h"
#include "hooks/tool.h"
#include "lifetimes.h"
#include "values/objects.h"
#include "values/pending.h"
#include "entry/os_tid.h"
#include "sites.h"
#include "snapshot.h"
#include "values/state.h"
#include "entry/thread_names.h"
#include "track_list.h"
#include "tracks.h"
#include "upward.h"
#include "values/words.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEP_US 1000
#define PATIENT_STEPS 100 /* as long as threads that wait for space may find some before a change */
#define MOST_STEPS 2000

/* GIL held; allocates; threading's entry of a thread, (name, native id, daemon), or a name made up. Only for the latter the
 * system is asked: thousands of threads would make that a pause. */
static void describe(PyObject *threads, PyObject *ident, char *name, size_t size, uint32_t *os_tid, bool *daemon) {
    PyObject *entry = threads ? PyDict_GetItemWithError(threads, ident) : NULL; /* borrowed */
    PyObject *bytes = entry ? scope_utf8(PyTuple_GetItem(entry, 0)) : NULL;
    *os_tid = entry ? (uint32_t)PyLong_AsUnsignedLong(PyTuple_GetItem(entry, 1))
                    : scope_os_tid_of((pthread_t)PyLong_AsUnsignedLong(ident));
    *daemon = entry ? PyTuple_GetItem(entry, 2) == Py_True : *os_tid != (uint32_t)getpid();
    if (bytes)
        snprintf(name, size, "%s", PyBytes_AsString(bytes));
    else if (*os_tid == (uint32_t)getpid())
        snprintf(name, size, "MainThread");
    else
        snprintf(name, size, "native-%u", *os_tid);
    if (bytes)
        Py_DecRef(bytes);
    PyErr_Clear();
}

/* GIL held; allocates; no exception. A track for each thread that runs Python code already, its stack written; oldest
 * thread first, so that the main thread gets the lowest serial. */
static void write_running_threads(PyObject *frames, PyObject *threads) {
    scope_tracks_lock();
    scope_pool_reserve_slots((uint32_t)PyDict_Size(frames)); /* nobody drains before all stacks are written */
    scope_tracks_unlock();
    PyObject *items = PyDict_Items(frames);
    for (Py_ssize_t i = items ? PyList_Size(items) : 0; i > 0; i--) {
        PyObject *item = PyList_GetItem(items, i - 1); /* borrowed */
        PyObject *ident = PyTuple_GetItem(item, 0), *frame = PyTuple_GetItem(item, 1);
        const pthread_t thread = (pthread_t)PyLong_AsUnsignedLong(ident);
        if (pthread_equal(thread, pthread_self()))
            continue;
        char name[256];
        uint32_t os_tid;
        bool daemon;
        describe(threads, ident, name, sizeof name, &os_tid, &daemon);
        struct scope_writer *w = scope_track_new(thread, os_tid, 0);
        if (!w)
            continue;
        scope_track_begin(w, name, daemon, true);
        if (scope_features.calls && !w->quiet)
            scope_snapshot(w, (PyFrameObject *)frame, SCOPE_SNAPSHOT_BEGIN, NULL);
    }
    PyErr_Clear();
    if (items)
        Py_DecRef(items);
}

/* GIL held; may run audit hooks; leaves exceptions as they are. Takes every hook out, in a forked child too. */
void scope_recording_unhook(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    scope_hooks_undo();
    scope_lifetimes_unwatch();
    PyErr_Restore(type, value, traceback);
}

/* GIL held; releases what the recording held; the pool's file stays for the recorder. */
static void release(void) {
    scope_thread_names_close();
    scope_codes_close();
    scope_exceptions_close();
    scope_costs_go_to(NULL);
    scope_calibration_forget();
    scope_tracks_lock();
    scope_pool_close();
    scope_tracks_unlock();
    scope_defs_close();
    scope_filter_clear();
}

/* GIL held, the collector off; allocates; no exception. First sight of code that is recorded; what there is to add to its
 * flags: SCOPE_CODE_LINES where it is told of line by line from here on, or, where our place is taken, once it is ours
 * again. */
static uint32_t meet_code(PyObject *code, uint32_t site, uint32_t flags) {
    const bool has_lines_to_run = scope_lines_meet(code, site);
    if (flags & SCOPE_CODE_STEPS)
        scope_steps_meet(code);
    if (!has_lines_to_run && !(flags & SCOPE_CODE_STEPS))
        return 0;
    scope_tool_tell_lines(code, true);
    return SCOPE_CODE_LINES;
}

/* GIL held, not given up once the stacks are read; allocates; 0 or -1 with an exception, then all is as before. */
int scope_recording_begin(void) {
    scope_upward = (struct scope_upward){
        .writer_of_this_thread = scope_writer_of_this_thread,
        .write_own_stack = scope_snapshot_own,
        .follow_greenlets = scope_greenlets_watch,
        .meet_greenlet = scope_greenlets_appear,
        .meet_code = meet_code,
        .clean_up = scope_fork_clean_up,
    };
    if (scope_tracks_open() != 0 || scope_codes_open() != 0 || scope_exceptions_open() != 0) {
        PyObject *type, *value, *traceback;
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_MemoryError, "no memory for the recorder's tables");
        PyErr_Fetch(&type, &value, &traceback);
        release();
        PyErr_Restore(type, value, traceback);
        return -1;
    }
    scope_state_open();
    scope_objects_open();
    scope_costs_go_to(scope_pool.header->cost_counts);
    scope_blindness_open();
    PyObject *frames = scope_hooks_put() == 0 ? scope_current_frames() : NULL;
    if (!frames) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        scope_recording_unhook();
        release();
        PyErr_Restore(type, value, traceback);
        return -1;
    }
    int collecting = PyGC_Disable();
    PyObject *threads = scope_thread_news();
    write_running_threads(frames, threads);
    scope_active = 1;
    scope_hooks_begin(frames);
    scope_look_for_interpreters();
    __atomic_store_n(&scope_pool.header->state, 1, __ATOMIC_RELEASE);
    if (threads)
        Py_DecRef(threads);
    Py_DecRef(frames);
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
    return 0;
}

/* GIL held, given up while waiting; does not allocate. No thread is in the middle of an event on return: those that wait for
 * space either get some soon, or lose that event. */
void scope_recording_settle(void) {
    uint32_t *when_full = &scope_pool.header->when_full;
    for (int step = 0; scope_waiting && step < MOST_STEPS; step++) {
        if (step == PATIENT_STEPS)
            __atomic_store_n(when_full, 0, __ATOMIC_RELAXED);
        PyThreadState *state = PyEval_SaveThread();
        usleep(STEP_US);
        PyEval_RestoreThread(state);
    }
}

/* GIL held; allocates with the collector off; new reference, NULL without an exception. As scope_thread_news(), of every
 * thread; the next sweep tells them all. */
static PyObject *all_threads(void) {
    scope_thread_names_close();
    PyObject *threads = scope_thread_news();
    scope_thread_names_close();
    return threads;
}

/* GIL held; does not allocate. Whether calls of what `frame` runs are told; it has been looked at. */
static bool is_recorded(PyObject *frame) {
    PyObject *code = frame ? (PyObject *)PyFrame_GetCode((PyFrameObject *)frame) : NULL;
    const struct scope_code *known = code ? scope_code_find(code) : NULL;
    if (code)
        Py_DecRef(code);
    return known && known->site;
}

/* GIL held; allocates with the collector off; no exception. What is recorded of each thread from here on: its stack, written
 * anew, or that there is none. */
static void restate(PyObject *frames, PyObject *threads, bool calls_before, uint64_t since_ticks) {
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w)) {
        if (!scope_track_is_live(w) || w->over || !w->slot)
            continue;
        char name[256] = "";
        uint32_t os_tid;
        bool daemon;
        PyObject *ident = PyLong_FromUnsignedLong((unsigned long)w->ident);
        if (ident && scope_filter_has_threads())
            describe(threads, ident, name, sizeof name, &os_tid, &daemon);
        scope_track_judge(w, name);
        if (w->blind == SCOPE_GAP_LEFT_OUT && scope_features.calls)
            scope_see_again(w, SCOPE_GAP_LEFT_OUT, since_ticks);
        if (scope_features.calls && !w->quiet && !w->blind) {
            PyObject *frame = ident ? PyDict_GetItemWithError(frames, ident) : NULL; /* borrowed */
            scope_snapshot(w, (PyFrameObject *)frame, SCOPE_SNAPSHOT_SETTINGS, NULL);
            w->stands = is_recorded(frame) ? frame : NULL; /* of another nothing tells when it is gone */
            w->limit = scope_limit(w);
        }
        if (ident)
            Py_DecRef(ident);
    }
    scope_tracks_unlock();
    if (calls_before && !scope_features.calls)
        scope_blind_all(SCOPE_GAP_LEFT_OUT, since_ticks);
    PyErr_Clear();
}

/* GIL held, given up only where there are audit hooks, while hooks go in and out; allocates; 0, or -1 with an exception when
 * not all that is wanted can be recorded. scope_recording_settle() has returned, and the filter is filled anew.
 *
 * Frames that run were judged by the old filter, and end under the new one. So every thread's stack is written again, as
 * the new one sees it: a reader ends calls that are not on it, begins those that are new on it, and keeps the rest. */
int scope_recording_change(struct scope_features features, uint32_t when_full) {
    const bool calls_before = scope_features.calls;
    const uint64_t since_ticks = scope_ticks();
    int collecting = PyGC_Disable();
    scope_features = features;
    scope_line_events_let_go();
    scope_codes_forget();
    int failed = scope_hooks_change();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *frames = scope_current_frames(), *threads = scope_filter_has_threads() ? all_threads() : NULL;
    PyErr_Clear();
    if (scope_features.calls && frames)
        scope_blind_no_more(SCOPE_GAP_LEFT_OUT);
    if (frames) {
        scope_hooks_begin_new(frames);
        restate(frames, threads, calls_before, since_ticks);
        Py_DecRef(frames);
    } else { /* no memory: nothing is known of the stacks */
        scope_blind_all(SCOPE_GAP_LEFT_OUT, since_ticks);
    }
    __atomic_store_n(&scope_pool.header->when_full, when_full, __ATOMIC_RELAXED);
    if (threads)
        Py_DecRef(threads);
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    return failed;
}

/* GIL held; allocates; no exception. The last stack of each live thread. */
static void write_last_stacks(PyObject *frames) {
    Py_ssize_t at = 0;
    PyObject *ident, *frame;
    while (frames && PyDict_Next(frames, &at, &ident, &frame)) {
        struct scope_writer *w = scope_track_find((pthread_t)PyLong_AsUnsignedLong(ident));
        if (!w)
            continue;
        scope_flush_gap(w);
        if (scope_features.calls && !w->quiet)
            scope_snapshot(w, (PyFrameObject *)frame, SCOPE_SNAPSHOT_END, NULL);
    }
}

/* GIL held; allocates; always ends the recording; 0, or -1 with an exception when there was none. */
int scope_recording_end(void) {
    if (!scope_active) {
        PyErr_SetString(PyExc_RuntimeError, "nothing is being recorded");
        return -1;
    }
    scope_recording_sweep();
    PyObject *frames = scope_current_frames();
    PyErr_Clear();
    int collecting = PyGC_Disable();
    scope_hooks_finish();
    write_last_stacks(frames);
    scope_tracks_lock();
    scope_tracks_close();
    scope_active = 0;
    scope_tracks_unlock();
    if (frames)
        Py_DecRef(frames);
    if (collecting)
        PyGC_Enable();
    scope_recording_unhook();
    __atomic_store_n(&scope_pool.header->state, 2, __ATOMIC_RELEASE);
    release();
    PyErr_Clear();
    return 0;
}

/* GIL held; allocates, on the agent's thread with the collector off; never leaves an exception. Four times a second: what the hooks do not see
 * by themselves. */
void scope_recording_sweep(void) {
    if (!scope_active)
        return;
    scope_pool.header->table_bytes = scope_codes_bytes() + scope_exceptions_bytes() + scope_objects_bytes() +
                                     scope_containers_bytes() + scope_pending_bytes() + scope_words_bytes() +
                                     scope_lines_bytes() + scope_steps_bytes();
    scope_look_for_interpreters();
    scope_hooks_look();
    PyObject *frames = scope_current_frames();
    int collecting = PyGC_Disable();
    PyObject *threads = scope_thread_news();
    if (frames)
        scope_tracks_sweep(frames);
    scope_hooks_sweep(frames);
    if (frames)
        Py_DecRef(frames);
    scope_blind_sweep();
    Py_ssize_t at = 0;
    PyObject *ident, *entry;
    while (threads && PyDict_Next(threads, &at, &ident, &entry)) {
        char name[256];
        uint32_t os_tid;
        bool daemon;
        struct scope_writer *w = scope_track_find((pthread_t)PyLong_AsUnsignedLong(ident));
        describe(threads, ident, name, sizeof name, &os_tid, &daemon);
        if (w)
            scope_track_rename(w, name, daemon, os_tid);
    }
    if (threads)
        Py_DecRef(threads);
    PyErr_Clear();
    if (collecting)
        PyGC_Enable();
}
