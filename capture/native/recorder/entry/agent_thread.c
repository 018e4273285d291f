/* The agent's thread: the same native one whichever way we got in.
 *
 * Made by us and not by `_thread`, which may make greenlets by now, and with every signal blocked: the kernel gives a
 * signal to any thread that does not block it, and one that the program waits for with sigwait() would have killed it
 * on ours.
 *
 * The thread waits for messages without a Python frame on its stack, so that it can end and begin again between two
 * turns. It does so around a fork (`park`, `resume`): a program with one thread of its own is to fork with one, because
 * Python 3.12 and later warn of more, and because a child inherits whatever locks another thread held. */
#define _GNU_SOURCE
#include "entry/agent_thread.h"

#include "entry/agent_source.h"
#include "entry/calibration.h"
#include "clock.h"
#include "hooks/collector.h"
#include "entry/connection.h"
#include "hooks/exit_handler.h"
#include "hooks/fork.h"
#include "hooks/fork_gate.h"
#include "entry/recording.h"
#include "writer.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STACK_BYTES (2u << 20)
#define SWEEP_MS 250
#define PARK_LIMIT_MS 200
#define GONE_LIMIT_NS 20000000u
#define LAST_LIMIT_NS 2000000000u

struct ready { /* who started the thread waits here */
    sem_t begun;
    char problem[1024]; /* "" = the recording is on */
};

struct orders {
    char *config, *claimed;
    scope_recorder_maker make_recorder;
    bool ends_at_exit;
    struct ready *ready; /* NULL = nobody waits */
};

enum standing { IDLE, SERVING, ASKED, LEAVING }; /* ASKED: to leave for a while; LEAVING: whoever asked joins it */

static int standing;
static int beginning; /* threads of ours that have not begun to serve, and may not */
static pthread_t thread;
static PyObject *agent; /* strong while serving */
static long agent_line;
static struct scope_descriptor wake[2]; /* the ends of a pipe: asks the thread to look up */
static uint64_t sweep_due_ns;
static bool renewed; /* the thread is another one than the agent knows; GIL held */

struct turn {
    bool message; /* something has come, or the line is gone: the agent's Python code sees to it */
    bool sweep;
};

/* GIL not needed; does not allocate. */
static bool step(enum standing from, enum standing to) {
    int expected = (int)from;
    return __atomic_compare_exchange_n(&standing, &expected, (int)to, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* GIL not needed; does not allocate. */
bool scope_agent_is_serving(void) {
    return __atomic_load_n(&standing, __ATOMIC_ACQUIRE) != IDLE;
}

/* GIL not needed; allocates a native thread. 0, or an errno. It can be joined, or detaches itself. */
static int spawn(void *(*entry)(void *), void *argument, pthread_t *made) {
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int problem = pthread_create(made, &attributes, entry, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return problem;
}

/* No GIL; does not allocate. Waits for a message or the next sweep; false when the thread is to leave. */
static bool wait_for_turn(struct turn *turn) {
    const struct scope_descriptor *line = scope_connection_of(agent_line);
    const bool connected = line && scope_descriptor_is_ours(line), awake = scope_descriptor_is_ours(&wake[0]);
    const uint64_t now_ns = scope_mono_ns();
    const int left_ms = now_ns < sweep_due_ns ? (int)((sweep_due_ns - now_ns) / 1000000u) + 1 : 0;
    struct pollfd wanted[] = {{.fd = connected ? line->fd : -1, .events = POLLIN},
                              {.fd = awake ? wake[0].fd : -1, .events = POLLIN}};
    if (step(ASKED, LEAVING))
        return false;
    if (connected)
        poll(wanted, 2, left_ms);
    char asked[16];
    if (wanted[1].revents && scope_descriptor_is_ours(&wake[0]) && read(wake[0].fd, asked, sizeof asked) < 0)
        errno = 0; /* somebody has read it already */
    turn->message = !connected || wanted[0].revents;
    turn->sweep = scope_mono_ns() >= sweep_due_ns;
    if (turn->sweep)
        sweep_due_ns = scope_mono_ns() + SWEEP_MS * 1000000u;
    return !step(ASKED, LEAVING);
}

/* GIL held; runs the agent where it has been spoken to; no exception. False when the recording is over. */
static bool take_turn(struct turn turn) {
    if (!turn.message && !renewed) {
        if (turn.sweep) {
            scope_recording_sweep();
            scope_look_at_speed();
        }
        return true;
    }
    renewed = false;
    PyObject *over = PyObject_CallMethod(agent, "turn", NULL);
    const bool goes_on = over == Py_False;
    if (over)
        Py_DecRef(over);
    PyErr_Clear();
    return goes_on;
}

/* GIL held; the agent is over: nothing of this thread is in the way of a next one. False if somebody joins it. */
static bool become_idle(void) {
    Py_DecRef(agent);
    agent = NULL;
    scope_descriptor_close(&wake[0]);
    scope_descriptor_close(&wake[1]);
    for (;;) {
        if (step(SERVING, IDLE))
            return true;
        if (step(ASKED, LEAVING))
            return false;
    }
}

/* No GIL, taken for each turn; runs the agent. `saved`: this thread's state in the interpreter, NULL = none yet. It is
 * kept between turns: a thread that comes back to an interpreter which has ended meanwhile is sent to sleep only then. */
static void serve(PyThreadState *saved, PyGILState_STATE state) {
    for (;;) {
        struct turn turn = {0};
        const bool leaving = !wait_for_turn(&turn);
        if (leaving && !saved)
            return;
        if (!saved && scope_python.finalizing && scope_python.finalizing())
            return;
        scope_gate_enter();
        if (saved)
            PyEval_RestoreThread(saved);
        else
            state = PyGILState_Ensure();
        scope_collector_hold();
        const bool over = !leaving && !take_turn(turn);
        if (over && become_idle())
            pthread_detach(pthread_self());
        scope_collector_let_go();
        if (over)
            scope_collector_restore();
        if (leaving || over)
            PyGILState_Release(state);
        else
            saved = PyEval_SaveThread();
        scope_gate_leave();
        if (leaving || over)
            return;
    }
}

/* No GIL; allocates nothing of its own. */
static void *serve_again(void *unused) {
    (void)unused;
    scope_tls = &scope_muted;
    serve(NULL, PyGILState_UNLOCKED);
    return NULL;
}

/* GIL not needed; does not allocate. Threads of this process as the kernel counts them, without a descriptor; 0 = not
 * known. */
static unsigned long native_threads(void) {
    struct stat folder;
    return stat("/proc/self/task", &folder) == 0 && folder.st_nlink > 2 ? folder.st_nlink - 2 : 0;
}

/* GIL not needed; does not allocate. A thread that was joined is counted until the kernel has done with it. */
static void wait_until_alone(void) {
    const uint64_t began_ns = scope_mono_ns();
    while (native_threads() > 1 && scope_mono_ns() - began_ns < GONE_LIMIT_NS)
        nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
}

/* GIL held, given up while waiting; does not allocate. A thread that has Python code to run before it waits for messages
 * cannot be sent away yet. */
static void wait_until_begun(void) {
    if (__atomic_load_n(&beginning, __ATOMIC_ACQUIRE) == 0 || scope_tls == &scope_muted || native_threads() != 2)
        return;
    const uint64_t began_ns = scope_mono_ns();
    PyThreadState *state = PyEval_SaveThread();
    while (__atomic_load_n(&beginning, __ATOMIC_ACQUIRE) && scope_mono_ns() - began_ns < PARK_LIMIT_MS * 1000000ull)
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    PyEval_RestoreThread(state);
}

/* GIL held, given up while waiting; does not allocate; leaves an exception as it is. Ends the agent's thread for a while
 * if it is the only one beside the caller's; true: call resume() then. The wait has a limit because the
 * agent's turn may run an audit hook of the program's that waits for the caller. */
static bool park(void) {
    wait_until_begun();
    if (__atomic_load_n(&standing, __ATOMIC_ACQUIRE) != SERVING || scope_tls == &scope_muted ||
        !scope_descriptor_is_ours(&wake[1]) || native_threads() != 2 || !step(SERVING, ASKED))
        return false;
    if (write(wake[1].fd, "", 1) < 0)
        errno = 0; /* full: then it will wake anyway */
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_nsec += PARK_LIMIT_MS * 1000000;
    limit.tv_sec += limit.tv_nsec / 1000000000;
    limit.tv_nsec %= 1000000000;
    PyThreadState *state = PyEval_SaveThread();
    int problem = pthread_timedjoin_np(thread, NULL, &limit);
    if (problem && !step(ASKED, SERVING)) /* it is on its way already */
        problem = pthread_join(thread, NULL);
    if (!problem)
        wait_until_alone();
    PyEval_RestoreThread(state);
    return !problem;
}

/* GIL held; allocates a native thread; leaves an exception as it is. Where no thread is to be had the recording ends. */
static void resume(void) {
    if (!agent) { /* its last turn was the one that was waited for */
        __atomic_store_n(&standing, IDLE, __ATOMIC_RELEASE);
        return;
    }
    renewed = true;
    __atomic_store_n(&standing, SERVING, __ATOMIC_RELEASE);
    if (spawn(serve_again, NULL, &thread) == 0)
        return;
    __atomic_store_n(&standing, IDLE, __ATOMIC_RELEASE);
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    scope_collector_hold();
    PyObject *result = PyObject_CallMethod(agent, "lose_thread", NULL);
    if (result)
        Py_DecRef(result);
    PyErr_Clear();
    Py_DecRef(agent);
    agent = NULL;
    scope_collector_let_go();
    scope_collector_restore();
    PyErr_Restore(type, value, traceback);
}

/* GIL held; frees the agent and runs audit hooks; leaves exceptions as they are. In a forked child, where no thread serves. */
static void clean_up_child(void) {
    scope_recording_unhook();
    scope_unwatch_exit();
    PyObject *dropped = agent;
    agent = NULL;
    if (dropped)
        Py_DecRef(dropped);
}

/* Runs in a forked child; async-signal-safe. The agent's object is left where it is: the child may not free it here. */
static void forget_in_child(void) {
    __atomic_store_n(&beginning, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&standing, IDLE, __ATOMIC_RELEASE);
    scope_descriptor_close(&wake[0]);
    scope_descriptor_close(&wake[1]);
    scope_connections_close();
}

static const struct scope_fork_duties around_fork = {park, resume, forget_in_child, clean_up_child};

/* GIL held; allocates; runs the agent; new reference, or NULL with `problem` filled in. */
static PyObject *begin(const struct orders *orders, char *problem, size_t size) {
    PyObject *name = PyUnicode_FromString("_scope_agent"), *result = NULL, *text = NULL;
    PyObject *recorder = name && scope_python_load() == 0 ? orders->make_recorder() : NULL;
    PyObject *namespace = recorder ? scope_load_source(recorder, name) : NULL;
    PyObject *function = namespace ? PyDict_GetItemString(namespace, "begin") : NULL; /* borrowed */
    PyObject *config = function ? PyUnicode_DecodeFSDefault(orders->config) : NULL;
    if (config)
        result = PyObject_CallFunction(function, "Oi", config, (int)orders->ends_at_exit);
    if (!result) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        text = value ? PyObject_Str(value) : NULL;
        for (PyObject **part = (PyObject *[]){type, value, traceback, NULL}; *part; part++)
            Py_DecRef(*part);
    } else if (PyUnicode_CheckExact(result)) {
        text = result;
        result = NULL;
    }
    if (!result) {
        PyObject *bytes = scope_utf8(text);
        snprintf(problem, size, "%s", bytes ? PyBytes_AsString(bytes) : "");
        if (!problem[0])
            snprintf(problem, size, "the agent could not begin");
        if (bytes)
            Py_DecRef(bytes);
    }
    PyErr_Clear();
    PyObject *parts[] = {name, recorder, namespace, config, text};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    return result;
}

/* GIL held; allocates; no exception. From here on the thread waits for messages; its first sweep is soon due. */
static void begin_to_serve(PyObject *begun) {
    int ends[2];
    PyObject *line = PyObject_GetAttrString(begun, "line");
    agent_line = line ? PyLong_AsLong(line) : -1;
    if (line)
        Py_DecRef(line);
    PyErr_Clear();
    agent = begun;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0)
        for (int i = 0; i < 2; i++) {
            wake[i] = scope_descriptor_of(ends[i]);
            if (!scope_descriptor_move_away(&wake[i]))
                scope_descriptor_close(&wake[i]);
        }
    sweep_due_ns = scope_mono_ns() + SWEEP_MS * 1000000u;
    thread = pthread_self();
    __atomic_store_n(&standing, SERVING, __ATOMIC_RELEASE);
}

/* GIL not needed; does not allocate. An agent whose recording has ended may still be on its way out. */
static void let_the_last_one_go(void) {
    const uint64_t began_ns = scope_mono_ns();
    while (scope_agent_is_serving() && !scope_pool.header && scope_mono_ns() - began_ns < LAST_LIMIT_NS)
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

/* GIL not needed; frees plain memory. */
static void forget_orders(struct orders *orders) {
    free(orders->config);
    free(orders->claimed);
    free(orders);
}

/* Takes the GIL; runs on the new thread. The agent reports its own problems to the recorder; nothing is ever printed into
 * the target's stderr. Two ways in may bring the same orders: who can rename them has them. */
static void *agent_thread(void *argument) {
    struct orders *orders = argument;
    char problem[sizeof orders->ready->problem] = "this process runs no Python any more";
    bool serving = false;
    scope_tls = &scope_muted;
    __atomic_add_fetch(&beginning, 1, __ATOMIC_ACQ_REL);
    int (*initialized)(void);
    *(void **)&initialized = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
    PyGILState_STATE state = PyGILState_UNLOCKED;
    PyThreadState *saved = NULL;
    const bool ours = !orders->claimed || rename(orders->config, orders->claimed) == 0;
    if (ours && orders->claimed) {
        free(orders->config);
        orders->config = strdup(orders->claimed);
    }
    if (ours && orders->config && initialized && initialized()) {
        let_the_last_one_go();
        scope_gate_enter();
        state = PyGILState_Ensure();
        if (scope_fork_watch(&around_fork) == 0)
            scope_fork_put(); /* else the agent is told, which cannot begin */
        scope_collector_hold();
        PyObject *begun = begin(orders, problem, sizeof problem);
        scope_collector_let_go();
        serving = begun != NULL;
        if (serving) {
            problem[0] = 0;
            begin_to_serve(begun);
            saved = PyEval_SaveThread();
        } else {
            if (!scope_active) {
                scope_fork_undo();
                scope_collector_restore();
            }
            PyGILState_Release(state);
        }
        scope_gate_leave();
    }
    __atomic_sub_fetch(&beginning, 1, __ATOMIC_ACQ_REL);
    if (orders->ready) {
        snprintf(orders->ready->problem, sizeof orders->ready->problem, "%s", problem);
        sem_post(&orders->ready->begun);
    }
    forget_orders(orders);
    if (serving)
        serve(saved, state);
    else
        pthread_detach(pthread_self());
    return NULL;
}

/* GIL not needed and never taken; allocates plain memory and a native thread. 0, or an errno. */
static int start(const char *config, const char *claimed, scope_recorder_maker make_recorder, bool ends_at_exit,
                 struct ready *ready) {
    pthread_t made;
    struct orders *orders = calloc(1, sizeof *orders);
    if (!orders)
        return ENOMEM;
    orders->config = strdup(config);
    orders->claimed = claimed && *claimed ? strdup(claimed) : NULL;
    orders->make_recorder = make_recorder;
    orders->ends_at_exit = ends_at_exit;
    orders->ready = ready;
    int problem =
        orders->config && (!claimed || !*claimed || orders->claimed) ? spawn(agent_thread, orders, &made) : ENOMEM;
    if (problem)
        forget_orders(orders);
    return problem;
}

/* As start(). The orders are this caller's alone. */
int scope_agent_start(const char *config, scope_recorder_maker make_recorder) {
    return start(config, NULL, make_recorder, false, NULL);
}

/* GIL held, given up while waiting; new reference or NULL with an exception. start(config, claimed, waits): starts the
 * agent; with `waits`, as a launched program does, returns when the recording is on, with None or with what went wrong.
 * The launched program's exit handler is the first that was registered, so it runs last and may end the recording. */
PyObject *scope_agent_start_from_python(PyObject *args, scope_recorder_maker make_recorder) {
    PyObject *config = NULL, *claimed = NULL; /* bytes: TMPDIR need not be UTF-8 */
    int waits;
    struct ready ready = {.problem = ""};
    if (!PyArg_ParseTuple(args, "O&O&i", PyUnicode_FSConverter, &config, PyUnicode_FSConverter, &claimed, &waits))
        return NULL;
    sem_init(&ready.begun, 0, 0);
    int problem =
        start(PyBytes_AsString(config), PyBytes_AsString(claimed), make_recorder, waits != 0, waits ? &ready : NULL);
    Py_DecRef(config);
    Py_DecRef(claimed);
    if (problem) {
        errno = problem;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    if (waits) {
        PyThreadState *state = PyEval_SaveThread();
        while (sem_wait(&ready.begun) != 0 && errno == EINTR)
            ;
        PyEval_RestoreThread(state);
    }
    sem_destroy(&ready.begun);
    if (ready.problem[0])
        return PyUnicode_FromString(ready.problem);
    SCOPE_RETURN_NONE;
}
