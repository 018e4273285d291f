/* A forked child must neither write into its parent's pool nor keep anything of ours.
 *
 * Two steps, because little is allowed right after fork(): the handler only switches everything off and closes what was
 * inherited; the hooks themselves are taken out with the GIL, by the wrapper around Python's own fork functions or, in
 * a child that C code has made, by the first hook that fires. The mappings do not exist in the child (MADV_DONTFORK).
 *
 * The wrapper also sends the agent's thread away for the length of the fork; before any other fork it leaves the
 * interpreter alone (fork_gate.c). */
#include "hooks/fork.h"

#include "entry/agent_thread.h"
#include "hooks/collector.h"
#include "entry/connection.h"
#include "costs.h"
#include "defs.h"
#include "hooks/exit_handler.h"
#include "hooks/fork_gate.h"
#include "interpreters.h"
#include "entry/recording.h"
#include "hooks/replaced.h"
#include "tracks.h"

#include <pthread.h>

static PyObject *around_fork(PyObject *self, PyObject *unused);
static PyObject *around_forkpty(PyObject *self, PyObject *unused);

static struct scope_replaced functions[] = {
    {"fork", around_fork, NULL, NULL, 0},
    {"forkpty", around_forkpty, NULL, NULL, 0},
};

#define FUNCTIONS (sizeof functions / sizeof *functions)

static bool watching;
static unsigned generation; /* forks between the first recorded process and this one */
static bool hooks_left;     /* this is a child, and its parent's hooks are still in place */

/* GIL state unknown; async-signal-safe. Runs in every forked child. */
static void in_child(void) {
    generation += 1;
    if (scope_active || functions[0].definition)
        hooks_left = true;
    __atomic_store_n(&scope_active, 0, __ATOMIC_RELEASE);
    scope_gate_forget();
    scope_agent_forget();
    scope_connections_close();
    scope_costs_go_to(NULL);
    scope_tracks_forget();
    scope_pool_forget();
    scope_defs_forget();
}

/* GIL held; allocates handlers once, for good. 0 or -1. */
int scope_fork_watch(void) {
    scope_gate_open();
    if (!watching && pthread_atfork(scope_gate_before_fork, scope_gate_after_fork, in_child) != 0)
        return -1;
    watching = true;
    return 0;
}

/* GIL held; allocates; never leaves an exception. Does nothing except once in a forked child. */
void scope_fork_clean_up(void) {
    if (!hooks_left)
        return;
    hooks_left = false;
    scope_collector_forget();
    scope_recording_unhook();
    scope_fork_restore();
    scope_collector_restore();
    scope_unwatch_exit();
    scope_agent_drop();
}

/* GIL held, given up while the agent's thread ends; forks; new reference or NULL with an exception. */
static PyObject *fork_alone(scope_method original, PyObject *self, PyObject *unused) {
    if (scope_in_another_interpreter()) /* which shares the method's definition, but not the lock, and may not fork */
        return original(self, unused);
    const bool parked = scope_agent_park();
    const unsigned before = generation;
    PyObject *result = original(self, unused);
    if (generation != before)
        scope_fork_clean_up(); /* unless a function that the program has registered for its children has met a hook */
    else if (parked)
        scope_agent_resume();
    return result;
}

/* As fork_alone(). The original outlives the wrapper: this call may still be inside it. */
static PyObject *around_fork(PyObject *self, PyObject *unused) {
    return fork_alone(functions[0].original, self, unused);
}

/* As fork_alone(). */
static PyObject *around_forkpty(PyObject *self, PyObject *unused) {
    return fork_alone(functions[1].original, self, unused);
}

/* GIL held; does not allocate; never leaves an exception. Does nothing where it was done. */
void scope_fork_wrap(void) {
    scope_replace("posix", functions, FUNCTIONS);
}

/* GIL held; does not allocate. */
void scope_fork_restore(void) {
    scope_put_back(functions, FUNCTIONS);
}
