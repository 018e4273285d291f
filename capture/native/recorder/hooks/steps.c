/* The lines of chosen functions: what is kept while they are recorded.
 *
 * Code objects are marked at first sight where --lines names them (sites.c). From 3.12 on their LINE events tell of each
 * line (line_events.c, monitoring.c), in frames that run already as well; code that is not named costs nothing. */
#include "hooks/steps.h"

#include "code_slots.h"
#include "hooks/line_events.h"
#include "hooks/tool.h"
#include "values/activations.h"
#include "values/frame_locals.h"
#include "values/words.h"
#include "values/written.h"

static unsigned times_in; /* scope_tool_times_in() at the last look */

/* GIL held, given up as Python code does; allocates; runs our code; never leaves an exception. */
bool scope_steps_prove(void) {
    if (scope_python.version < 0x030c || !scope_python.cell || !scope_frame_locals_prove())
        return false;
    scope_code_slots_prove();
    return true;
}

/* GIL held; allocates plain memory; 0 or -1 with an exception. */
int scope_steps_put(void) {
    if (scope_words_open())
        return 0;
    PyErr_NoMemory();
    return -1;
}

/* GIL held; does not allocate. */
void scope_steps_begin(PyObject *frames) {
    (void)frames;
    times_in = scope_tool_times_in();
    scope_line_events_begin();
}

/* GIL held; allocates; frees plain memory; no exception. Where the hooks were out, frames have ended and begun unseen. */
void scope_steps_sweep(PyObject *frames) {
    (void)frames;
    scope_line_events_sweep();
    scope_written_sweep();
    if (times_in == scope_tool_times_in())
        return;
    times_in = scope_tool_times_in();
    scope_activations_close();
}

/* GIL held; releases weak references, frees plain memory. */
void scope_steps_undo(void) {
    scope_line_events_let_go();
    scope_activations_close();
    scope_code_slots_close(); /* names keep their numbers: dead frames have them too */
    scope_words_close();
}

/* GIL held, the collector off; allocates; no exception. First sight of code whose lines are recorded. Without memory they are
 * recorded without its locals. */
void scope_steps_meet(PyObject *code) {
    scope_code_slots_learn(code);
}

/* GIL held; does not allocate. What the tables take of the target's memory. */
size_t scope_steps_bytes(void) {
    return scope_code_slots_bytes() + scope_activations_bytes();
}
