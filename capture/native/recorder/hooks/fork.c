/* A forked child must neither write into its parent's pool nor keep anything of ours.
 *
 * Two steps, because little is allowed right after fork(): the handler only switches everything off and closes what was
 * inherited; the hooks themselves are taken out with the GIL, by the wrapper around Python's own fork functions or, in
 * a child that C code has made, by the first hook that fires. The mappings do not exist in the child (MADV_DONTFORK).
 *
 * The wrapper also sends the agent's thread away for the length of the fork; before any other fork it leaves the
 * interpreter alone (fork_gate.c). */
#include "hooks/fork.h"

#include "costs.h"
#include "defs.h"
#include "hooks/collector.h"
#include "hooks/fork_gate.h"
#include "hooks/replaced.h"
#include "interpreters.h"
#include "tracks.h"

#include <pthread.h>

static PyObject *around_fork(PyObject *self, PyObject *unused);
static PyObject *around_forkpty(PyObject *self, PyObject *unused);

static struct scope_replaced functions[] = {
    {"fork", around_fork, NULL, NULL, 0},
    {"forkpty", around_forkpty, NULL, NULL, 0},
};

#define FUNCTIONS (sizeof functions / sizeof *functions)

static const struct scope_fork_duties *agent; /* NULL = nobody watches */
static unsigned generation;                   /* forks between the first recorded process and this one */
static bool hooks_left;                       /* this is a child, and its parent's hooks are still in place */

/* GIL state unknown; async-signal-safe. Runs in every forked child. */
static void in_child(void) {
    generation += 1;
    if (scope_active || functions[0].definition)
        hooks_left = true;
    __atomic_store_n(&scope_active, 0, __ATOMIC_RELEASE);
    scope_gate_forget();
    agent->forget();
    scope_costs_go_to(NULL);
    scope_tracks_forget();
    scope_pool_forget();
    scope_defs_forget();
}

/* GIL held; allocates handlers once, for good. 0 or -1. */
int scope_fork_watch(const struct scope_fork_duties *duties) {
    const bool watched = agent != NULL;
    scope_gate_open();
    agent = duties;
    if (!watched && pthread_atfork(scope_gate_before_fork, scope_gate_after_fork, in_child) != 0)
        agent = NULL;
    return agent ? 0 : -1;
}

/* GIL held; allocates; never leaves an exception. Does nothing except once in a forked child. */
void scope_fork_clean_up(void) {
    if (!hooks_left)
        return;
    hooks_left = false;
    scope_collector_forget();
    agent->clean_up();
    scope_fork_undo();
    scope_collector_restore();
}

/* GIL held, given up while the agent's thread ends; forks; new reference or NULL with an exception. */
static PyObject *fork_alone(scope_method original, PyObject *self, PyObject *unused) {
    if (scope_in_another_interpreter()) /* which shares the method's definition, but not the lock, and may not fork */
        return original(self, unused);
    const bool parked = agent->park();
    const unsigned before = generation;
    PyObject *result = original(self, unused);
    if (generation != before)
        scope_fork_clean_up(); /* unless a function that the program has registered for its children has met a hook */
    else if (parked)
        agent->resume();
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

/* GIL held; does not allocate; 0 or -1 with an exception: where nobody watches, a child would go on in its parent's pool. Does
 * nothing where it was done. */
int scope_fork_put(void) {
    if (!agent) {
        PyErr_SetString(PyExc_RuntimeError, "forks of this process cannot be watched");
        return -1;
    }
    scope_replace("posix", functions, FUNCTIONS);
    return 0;
}

/* GIL held; does not allocate. */
void scope_fork_undo(void) {
    scope_put_back(functions, FUNCTIONS);
}
