/* A forked child must neither write into its parent's pool nor keep its hooks.
 *
 * Two steps, because little is allowed right after fork(): the handler only switches everything off and closes what was
 * inherited; the hooks themselves are taken out by the first one that fires in the child, which has the GIL. The
 * mapping does not exist in the child at all (MADV_DONTFORK). */
#include "fork.h"

#include "defs.h"
#include "recording.h"
#include "tracks.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

static bool watching;
static bool hooks_left; /* this is a child, and its parent's hooks are still in place */
static int inherited_fd = -1;

/* GIL state unknown; async-signal-safe. Runs in every forked child. */
static void in_child(void) {
    if (scope_active)
        hooks_left = true;
    __atomic_store_n(&scope_active, 0, __ATOMIC_RELEASE);
    scope_tracks_forget();
    scope_pool_forget();
    scope_defs_forget();
    if (inherited_fd >= 0)
        close(inherited_fd);
    inherited_fd = -1;
}

/* GIL not needed; allocates a handler once, for good. 0 or -1. */
int scope_fork_watch(void) {
    if (!watching && pthread_atfork(NULL, NULL, in_child) != 0)
        return -1;
    watching = true;
    return 0;
}

/* GIL held; does not allocate. The agent's connection: a copy in a child would hide the parent's end. -1 = none. */
void scope_fork_close_in_child(int fd) {
    inherited_fd = fd;
}

/* GIL held; allocates; never leaves an exception. Does nothing except once in a forked child. */
void scope_fork_clean_up(void) {
    if (!hooks_left)
        return;
    hooks_left = false;
    scope_recording_unhook();
}
