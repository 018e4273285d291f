/* Where exceptions are raised on 3.10 and 3.11. */
#ifndef SCOPE_RECORDER_RAISES_H
#define SCOPE_RECORDER_RAISES_H

#include "python_api.h"

#define SCOPE_RAISES_THREAD __thread __attribute__((tls_model("initial-exec")))

extern bool
    scope_raises_everywhere; /* while hooks/evaluation.c is out of the way: every thread has our trace function */
extern SCOPE_RAISES_THREAD unsigned char *scope_raised_mark; /* of the loop that looks out only because it has raised */
extern SCOPE_RAISES_THREAD bool scope_raises_end;            /* the profile function has left the end of a frame */

void scope_raises_start(unsigned char *(*mark)(const PyThreadState *), bool (*ours)(const PyThreadState *));
void scope_raises_doubt(void);
void scope_raises_settle(const PyThreadState *thread);
bool scope_raises_leave_end(void);
int scope_raises_trace(PyObject *self, PyFrameObject *frame, int what, PyObject *arg);

/* GIL held; does not allocate. A loop is over; whether the profile function has left the end of its frame to be told. */
static inline bool scope_raises_over(void) {
    const bool left = scope_raises_end;
    scope_raised_mark = NULL;
    scope_raises_end = false;
    return left;
}

#endif
