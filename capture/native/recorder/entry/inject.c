/* The way in for a debugger's remote call.
 *
 * The stopped thread may hold any lock, so nothing of Python runs on it: it only starts a native thread, which waits for
 * the GIL like any other and runs the agent until the recording ends. */
#include "entry/agent_thread.h"
#include "entry/module.h"

/* GIL not needed and never taken; allocates plain memory and a native thread. 0, or an errno. The caller makes sure that
 * this thread is stopped outside malloc and the loader. */
__attribute__((visibility("default"))) int scope_inject_start(const char *config_path) {
    return scope_agent_start(config_path, scope_module_for_agent);
}
