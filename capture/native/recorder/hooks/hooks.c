/* The table of hooks, and what is done with all of them.
 *
 * They go in, begin and go out in the order of the table. */
#include "hooks/hooks.h"

#include "filter.h"
#include "hooks/attributes.h"
#include "hooks/call_lines.h"
#include "hooks/dead_frames.h"
#include "hooks/fork.h"
#include "hooks/globals.h"
#include "hooks/greenlets.h"
#include "hooks/lines.h"
#include "hooks/monitoring.h"
#include "hooks/output.h"
#include "hooks/profile.h"
#include "hooks/steps.h"
#include "hooks/thread_start.h"
#include "hooks/type_slots.h"
#include "hooks/values.h"
#include "unseen.h"
#include "values/call_lines.h"
#include "values/frame_locals.h"
#include "writer.h"

static const struct scope_hook hooks[] = {
    {
        .name = "lines",
        .since = 0x030c,
        .capability = &scope_features.lines,
        .prove = scope_lines_prove,
        .unseen = "lines-unknown",
        .put = scope_lines_put,
        .begin = scope_lines_begin,
        .sweep = scope_lines_sweep,
        .undo = scope_lines_undo, /* while code is known, and can still be told of by monitoring */
    },
    {
        .name = "steps",
        .capability = &scope_features.steps,
        .prove = scope_steps_prove,
        .unseen = "steps-unknown",
        .put = scope_steps_put,
        .begin = scope_steps_begin,
        .sweep = scope_steps_sweep,
        .undo = scope_steps_undo, /* as that of lines */
    },
    {
        .name = "values",
        .capability = &scope_features.values,
        .prove = scope_frame_locals_prove,
        .unseen = "values-unknown",
        .put = scope_values_put,
        .sweep = scope_values_sweep,
        .undo = scope_values_undo,
    },
    {
        .name = "call_lines",
        .capability = &scope_features.call_lines,
        .prove = scope_call_lines_prove,
        .unseen = "call-lines-unknown",
        .put = scope_call_lines_put,
        .undo = scope_call_lines_undo,
    },
    {
        .name = "dead_frames",
        .capability = &scope_features.autopsies,
        .prove = scope_dead_frames_prove,
        .unseen = "dead-frames-unknown",
        .put = scope_dead_frames_put,
        .sweep = scope_dead_frames_sweep,
        .undo = scope_dead_frames_undo,
    },
    {
        .name = "monitoring",
        .since = 0x030c,
        .put = scope_monitoring_put,
        .look = scope_monitoring_look,
        .change = scope_monitoring_change,
        .sweep = scope_monitoring_sweep,
        .undo = scope_monitoring_undo,
    },
    {
        .name = "profile",
        .until = 0x030b,
        .capability = &scope_features.calls,
        .put = scope_profile_put,
        .begin = scope_profile_begin,
        .change = scope_profile_change,
        .sweep = scope_profile_sweep,
        .undo = scope_profile_undo,
    },
    {
        .name = "thread_start",
        .put = scope_thread_start_put,
        .look = scope_thread_start_look,
        .undo = scope_thread_start_undo,
    },
    {
        .name = "greenlets",
        .begin = scope_greenlets_begin,
        .sweep = scope_greenlets_sweep,
        .undo = scope_greenlets_undo,
    },
    {
        .name = "fork",
        .put = scope_fork_put,
        .undo = scope_fork_undo,
    },
    {
        .name = "output",
        .capability = &scope_features.output,
        .prove = scope_output_prove,
        .unseen = "output-unknown",
        .put = scope_output_put,
        .begin = scope_output_begin,
        .sweep = scope_output_sweep,
        .undo = scope_output_undo,
    },
    {
        .name = "globals",
        .capability = &scope_features.globals,
        .ends_with_modules = true,
        .begin = scope_globals_begin,
        .change = scope_globals_change,
        .sweep = scope_globals_sweep,
        .finish = scope_globals_finish,
        .undo = scope_globals_undo,
    },
    {
        .name = "attributes",
        .capability = &scope_features.attributes,
        .prove = scope_slots_prove,
        .unseen = "slots-unknown",
        .ends_with_modules = true,
        .begin = scope_attributes_begin,
        .change = scope_attributes_change,
        .sweep = scope_attributes_sweep,
        .finish = scope_attributes_finish,
        .undo = scope_attributes_undo,
    },
};

#define HOOKS (sizeof hooks / sizeof *hooks)

static bool is_in[HOOKS];  /* of this recording, and not undone */
static bool is_new[HOOKS]; /* put in by a change, and not begun */

/* GIL held; allocates; no exception. Whether this recording has the hook. */
static bool is_wanted(const struct scope_hook *hook) {
    if (scope_python.version < hook->since || (hook->until && scope_python.version > hook->until) ||
        (hook->capability && !*hook->capability))
        return false;
    if (!hook->prove || hook->prove())
        return true;
    *hook->capability = false;
    scope_unseen(hook->unseen, "");
    return false;
}

/* GIL held; allocates; 0 or -1 with an exception, then scope_hooks_undo() takes out what is in. */
int scope_hooks_put(void) {
    for (size_t i = 0; i < HOOKS; i++)
        is_in[i] = is_wanted(&hooks[i]);
    for (size_t i = 0; i < HOOKS; i++)
        if (is_in[i] && hooks[i].put && hooks[i].put() != 0)
            return -1;
    return 0;
}

/* GIL held, not given up since `frames` were read; allocates; no exception. Recording is on. */
void scope_hooks_begin(PyObject *frames) {
    for (size_t i = 0; i < HOOKS; i++)
        if (is_in[i] && hooks[i].begin)
            hooks[i].begin(frames);
}

/* GIL held; may run audit hooks; no exception. Does nothing where it is out. */
static void undo(size_t i) {
    if (!is_in[i])
        return;
    is_in[i] = false;
    hooks[i].undo();
}

/* GIL held; allocates with the collector off; may run audit hooks; 0, or -1 with an exception where one could not go in.
 * What is recorded has changed: hooks go in and out by it, and those that stay take note. */
int scope_hooks_change(void) {
    int failed = 0;
    for (size_t i = 0; i < HOOKS; i++) {
        const struct scope_hook *hook = &hooks[i];
        const bool wanted = is_in[i] ? !hook->capability || *hook->capability : is_wanted(hook);
        is_new[i] = wanted && !is_in[i];
        if (is_in[i] && !wanted) {
            if (hook->finish)
                hook->finish();
            undo(i);
        } else if (is_new[i]) {
            is_in[i] = true;
            if (hook->put && hook->put() != 0) {
                failed = -1;
                is_new[i] = *hook->capability = false;
                undo(i);
            }
        } else if (is_in[i] && hook->change) {
            hook->change();
        }
    }
    return failed;
}

/* GIL held, not given up since `frames` were read; allocates; no exception. After a change. */
void scope_hooks_begin_new(PyObject *frames) {
    for (size_t i = 0; i < HOOKS; i++)
        if (is_new[i] && hooks[i].begin)
            hooks[i].begin(frames);
}

/* GIL held, given up as Python code does; allocates; no exception. Four times a second, before the stacks are read. */
void scope_hooks_look(void) {
    for (size_t i = 0; i < HOOKS; i++)
        if (is_in[i] && hooks[i].look)
            hooks[i].look();
}

/* GIL held; allocates with the collector off; no exception. `frames`: the stacks of all threads, of this instant, or NULL. */
void scope_hooks_sweep(PyObject *frames) {
    for (size_t i = 0; i < HOOKS; i++)
        if (is_in[i] && hooks[i].sweep)
            hooks[i].sweep(frames);
}

/* GIL held; allocates with the collector off; no exception. The end, while recording is still on. */
void scope_hooks_finish(void) {
    for (size_t i = 0; i < HOOKS; i++)
        if (is_in[i] && hooks[i].finish)
            hooks[i].finish();
}

/* GIL held; may run audit hooks; no exception. In a forked child too. */
void scope_hooks_undo(void) {
    for (size_t i = 0; i < HOOKS; i++)
        undo(i);
}

/* GIL held; allocates; no exception. Values are not followed any more: the interpreter is about to clear every module, which
 * would invent changes that the program never made. */
void scope_hooks_end_with_modules(void) {
    for (size_t i = 0; i < HOOKS; i++) {
        if (!hooks[i].ends_with_modules)
            continue;
        if (is_in[i] && hooks[i].finish && scope_active)
            hooks[i].finish();
        undo(i);
    }
}
