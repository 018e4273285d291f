/* Scope's own threads keep clear of the interpreter while another thread forks.
 *
 * A child that C code forks inherits the GIL as it is, and the thread that has it does not exist there. A thread that waits
 * for the GIL is as bad: the child's first thread, asked to give it up, waits until it is taken (`switch_cond`). Python's own
 * functions repair both in the child; who calls fork() itself, as through ctypes, may rely on being the only thread that
 * runs Python, and with us it is not. So our threads go through a gate before they take the GIL, and a fork shuts it and
 * waits until nobody is inside.
 *
 * The wait has a limit, because whoever is inside may wait for the caller in turn. */
#include "hooks/fork_gate.h"

#include "clock.h"

#include <time.h>

#define LIMIT_NS 200000000u
#define STEP_NS 50000

static int inside;             /* threads of ours that have the GIL or wait for it */
static int forks;              /* on their way */
static PyObject *imports_held; /* _imp.lock_held; strong, for good */
static __thread bool is_inside __attribute__((tls_model("initial-exec")));

/* GIL held; allocates once; never leaves an exception. */
void scope_gate_open(void) {
    PyObject *modules = PySys_GetObject("modules");                                          /* borrowed */
    PyObject *imp = modules && !imports_held ? PyDict_GetItemString(modules, "_imp") : NULL; /* borrowed */
    if (imp)
        imports_held = PyObject_GetAttrString(imp, "lock_held");
    PyErr_Clear();
}

/* GIL not needed; does not allocate. */
static void pause_shortly(void) {
    nanosleep(&(struct timespec){.tv_nsec = STEP_NS}, NULL);
}

/* No GIL; does not allocate. On a thread of ours, before it takes the GIL. */
void scope_gate_enter(void) {
    for (;;) {
        __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        if (!__atomic_load_n(&forks, __ATOMIC_SEQ_CST))
            break;
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
        pause_shortly();
    }
    is_inside = true;
}

/* No GIL; does not allocate. On any thread, when it has given the GIL up; whether it was inside: to enter again then. */
bool scope_gate_leave(void) {
    const bool was_inside = is_inside;
    is_inside = false;
    if (was_inside)
        __atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
    return was_inside;
}

/* GIL state unknown; does not allocate. Whether an interpreter is there that one may ask for the GIL. */
static bool is_up(void) {
    return Py_IsInitialized() && !(scope_python.finalizing && scope_python.finalizing());
}

/* GIL state unknown; does not allocate. Never true by mistake. */
static bool holds_gil(void) {
    PyThreadState *running = scope_python.running_state ? scope_python.running_state() : NULL;
    return running && running == PyGILState_GetThisThreadState();
}

/* GIL held; no exception is lost. Whether Python itself forks: it takes the import lock before, and others that our threads
 * need, so they cannot be waited for. It repairs the child, so they need not be. */
static bool python_forks(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyObject *held = imports_held ? PyObject_CallNoArgs(imports_held) : NULL;
    const bool forks_itself = held != Py_False;
    if (held)
        Py_DecRef(held);
    PyErr_Clear();
    PyErr_Restore(type, value, traceback);
    return forks_itself;
}

/* GIL state unknown; given up meanwhile where one of ours waits for it. Runs before every fork of the process. */
void scope_gate_before_fork(void) {
    __atomic_add_fetch(&forks, 1, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&inside, __ATOMIC_SEQ_CST) || is_inside || !is_up())
        return;
    const bool held = holds_gil();
    if (held && python_forks())
        return;
    PyThreadState *state = held ? PyEval_SaveThread() : NULL;
    const uint64_t began_ns = scope_mono_ns();
    while (__atomic_load_n(&inside, __ATOMIC_SEQ_CST) && scope_mono_ns() - began_ns < LIMIT_NS)
        pause_shortly();
    if (held)
        PyEval_RestoreThread(state);
}

/* GIL state unknown; does not allocate. In the parent. */
void scope_gate_after_fork(void) {
    __atomic_sub_fetch(&forks, 1, __ATOMIC_SEQ_CST);
}

/* GIL state unknown; async-signal-safe. In the child, where nobody is inside. */
void scope_gate_forget(void) {
    __atomic_store_n(&inside, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&forks, 0, __ATOMIC_SEQ_CST);
    is_inside = false;
}
