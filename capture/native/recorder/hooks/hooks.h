/* How the interpreter tells us: each hook is a file of its own and one row of the table in hooks.c.
 *
 * Recordings, their sweeps, forked children and the end of the interpreter reach a hook by its row only. All functions of a
 * row are called with the GIL held and the collector off, on the agent's thread or in a forked child. */
#ifndef SCOPE_RECORDER_HOOKS_H
#define SCOPE_RECORDER_HOOKS_H

#include "python_api.h"

struct scope_hook {
    const char *name;
    unsigned since, until;  /* versions of CPython that it is for, both included; 0 = no limit */
    bool *capability;       /* of scope_features: without it the hook stays out; NULL = it is in every recording */
    bool (*prove)(void);    /* that the interpreter is as the hook needs it; allocates, no exception; false: */
    const char *unseen;     /*   the capability is switched off, and this row of capture/unseen.py is said */
    bool ends_with_modules; /* it is undone before the interpreter clears its modules: those are no changes */

    int (*put)(void); /* in and silent, before the stacks are read; 0, or -1 with an exception: no recording */
    void (*begin)(PyObject *frames); /* recording is on and nothing has run since `frames` were read; no exception */
    void (*change)(void); /* the filter or another capability has changed, and the hook stays; no exception */
    void (*look)(void);   /* four times a second; may give the GIL up, before the stacks are read; no exception */
    void (*sweep)(PyObject *frames); /* and after: `frames` of this instant, or NULL; no exception */
    void (*finish)(void);            /* what is only known at the end, while recording is still on; no exception */
    void (*undo)(void);              /* out again, also where `put` has failed; no exception */
};

int scope_hooks_put(void);
void scope_hooks_begin(PyObject *frames);
int scope_hooks_change(void);
void scope_hooks_begin_new(PyObject *frames);
void scope_hooks_look(void);
void scope_hooks_sweep(PyObject *frames);
void scope_hooks_finish(void);
void scope_hooks_undo(void);
void scope_hooks_end_with_modules(void);

#endif
