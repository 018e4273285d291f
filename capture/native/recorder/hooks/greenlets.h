/* Greenlets: several stacks that take turns on one thread. */
#ifndef SCOPE_RECORDER_GREENLETS_H
#define SCOPE_RECORDER_GREENLETS_H

#include "writer.h"

void scope_greenlets_appear(void);
void scope_greenlets_begin(PyObject *frames);
void scope_greenlets_sweep(PyObject *frames);
void scope_greenlets_undo(void);
PyObject *scope_greenlets_codes(void);
void scope_greenlets_watch(struct scope_writer *w, PyObject *entering, bool stack_told);

/* GIL held; may allocate; never leaves an exception. At the first sight of any code, recorded or not: it runs before the
 * first switch, where recorded code may not. */
static inline void scope_greenlets_attend(PyObject *entering) {
    struct scope_writer *w = scope_tls;
    if (SCOPE_UNLIKELY(scope_greenlets_loaded) && w && w->session == scope_session && !w->follows_greenlets)
        scope_greenlets_watch(w, entering, false);
}

#endif
