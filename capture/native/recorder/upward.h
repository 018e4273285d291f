/* What the hot path asks of those above it: never for an event, only where one finds no room, no writer, no recording.
 *
 * It names nobody there, so that it can be read, built and simulated by itself. A recording fills these in before it puts
 * its hooks in (entry/recording.c), and they stay: a thread may be inside a hook when the recording ends. */
#ifndef SCOPE_RECORDER_UPWARD_H
#define SCOPE_RECORDER_UPWARD_H

#include "writer.h"

struct scope_upward {
    struct scope_writer *(*writer_of_this_thread)(PyObject *entering);                     /* tracks.c */
    void (*write_own_stack)(struct scope_writer *w, uint32_t reason, PyObject *entering);  /* snapshot.c */
    void (*follow_greenlets)(struct scope_writer *w, PyObject *entering, bool stack_told); /* hooks/greenlets.c */
    void (*meet_greenlet)(void); /* its first code is seen; hooks/greenlets.c */
    /* It is recorded; what there is to add to its flags; entry/recording.c. */
    uint32_t (*meet_code)(PyObject *code, uint32_t site, uint32_t flags);
    void (*clean_up)(void); /* this is a forked child; hooks/fork.c */
};

extern struct scope_upward scope_upward;

/* GIL held; may allocate; never leaves an exception. At an event of the calling thread, whose writer is `w`: makes sure that
 * switches are told from here on. `entering`: code whose frame is not part of the stack yet, or NULL. `stack_told`: the
 * stack that runs now has just been written. */
static inline void scope_follow_greenlets(struct scope_writer *w, PyObject *entering, bool stack_told) {
    if (SCOPE_UNLIKELY(scope_greenlets_loaded))
        scope_upward.follow_greenlets(w, entering, stack_told);
}

#endif
