/* A forked child must neither write into its parent's pool nor keep anything of ours. */
#ifndef SCOPE_RECORDER_FORK_H
#define SCOPE_RECORDER_FORK_H

#include <stdbool.h>

/* What a fork asks of the agent's thread, which stands above it. */
struct scope_fork_duties {
    bool (*park)(void);   /* before it: whether to `resume` in the parent. GIL held */
    void (*resume)(void); /* GIL held */
    void (*forget)(void); /* in every child, at once; async-signal-safe */
    void (*clean_up)(
        void); /* later, with the GIL: hooks are taken out, what is left is freed; leaves exceptions as they are */
};

int scope_fork_watch(const struct scope_fork_duties *duties);
int scope_fork_put(void);
void scope_fork_undo(void);
void scope_fork_clean_up(void);

#endif
