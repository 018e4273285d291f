/* The interpreter that is recorded, its threads, and others in the same process.
 *
 * One that the program makes beside the main one has hooks, watchers and modules of its own, so nothing of it reaches the
 * recorder by itself. What could: sys._current_frames() lists the threads of all of them, and to make a frame object of a
 * thread that runs under another lock is to change what it is using. So where there are others the stacks come from the
 * list of our own threads.
 * Scope's threads and hooks belong to the main interpreter, as every thread does that Python did not make. */
#include "interpreters.h"

#include "unseen.h"

#include <pthread.h>
#include <string.h>

#define SEARCHED_BYTES 512
#define MOST_THREADS 1000000

static size_t ident_offset; /* of thread_id in PyThreadState; 0 = unknown */

/* GIL held; does not allocate. */
bool scope_in_another_interpreter(void) {
    return scope_python.main_interpreter && PyInterpreterState_Get() != scope_python.main_interpreter();
}

/* GIL held; does not allocate. Whether there are others now: the newest is first in the list, the main one last, so nothing
 * of another is read. */
static bool has_others(void) {
    return scope_python.main_interpreter && scope_python.interpreter_head &&
           scope_python.interpreter_head() != scope_python.main_interpreter();
}

/* GIL held; does not allocate. The id that a thread's state bears. */
static unsigned long ident_of(const PyThreadState *state) {
    unsigned long ident;
    memcpy(&ident, (const unsigned char *)state + ident_offset, sizeof ident);
    return ident;
}

/* GIL held; does not allocate. Finds the field by its value on this thread. */
static bool find_ident(void) {
    PyThreadState *self = PyThreadState_Get();
    const unsigned long wanted = (unsigned long)pthread_self();
    for (size_t at = sizeof(void *); !ident_offset && at < SEARCHED_BYTES; at += sizeof wanted)
        if (memcmp((unsigned char *)self + at, &wanted, sizeof wanted) == 0)
            ident_offset = at;
    return ident_offset && ident_of(self) == wanted;
}

/* GIL held; allocates; new reference or NULL with an exception. As scope_current_frames(), of this interpreter only. */
static PyObject *own_frames(void) {
    int collecting = PyGC_Disable();
    PyObject *frames = PyDict_New();
    PyThreadState *state = frames ? scope_python.thread_head(PyInterpreterState_Get()) : NULL;
    for (int step = 0; state && step < MOST_THREADS; step++, state = scope_python.thread_next(state)) {
        PyObject *frame = (PyObject *)scope_python.thread_frame(state);
        PyObject *ident = frame ? PyLong_FromUnsignedLong(ident_of(state)) : NULL;
        if (ident)
            PyDict_SetItem(frames, ident, frame);
        if (ident)
            Py_DecRef(ident);
        if (frame)
            Py_DecRef(frame);
    }
    if (collecting)
        PyGC_Enable();
    if (frames && PyErr_Occurred()) {
        Py_DecRef(frames);
        return NULL;
    }
    return frames;
}

/* GIL held; allocates; new reference or NULL with an exception. {ident: frame} of the threads that run Python code; an audit
 * event comes first, so the frames are of one instant and nothing has run since. */
PyObject *scope_current_frames(void) {
    if (has_others() && scope_python.thread_head && scope_python.thread_frame && find_ident())
        return own_frames();
    PyObject *function = PySys_GetObject("_current_frames"); /* borrowed */
    if (!function) {
        PyErr_SetString(PyExc_RuntimeError, "this interpreter has no sys._current_frames");
        return NULL;
    }
    return PyObject_CallNoArgs(function);
}

/* GIL held; does not allocate. */
static bool is_loaded(const char *name) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    return modules && PyDict_Check(modules) && PyDict_GetItemString(modules, name);
}

/* GIL held; does not allocate. Whether the program has loaded a module that makes interpreters. From 3.14 on
 * concurrent.futures, and so asyncio, loads the lowest one only to know that it is there. */
static bool makes_them(void) {
    static const char *const names[] = {"_xxsubinterpreters", "concurrent.interpreters",
                                        "concurrent.futures.interpreter"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_loaded(names[i]))
            return true;
    return is_loaded("_interpreters") && (scope_python.version < 0x030e || !is_loaded("concurrent.futures"));
}

/* GIL held; does not allocate; no exception. Says so when there are others. One that comes and goes between two looks is
 * known by the module that makes it. */
void scope_look_for_interpreters(void) {
    if (has_others() || makes_them())
        scope_unseen("sub-interpreter", "");
    PyErr_Clear();
}
