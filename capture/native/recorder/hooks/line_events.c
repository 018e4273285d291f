/* Of which code we are told line by line: 3.12 and later.
 *
 * Two hooks want that: one until each line has run once (lines.c), one for as long as it lasts (steps.c). Code is told of
 * from its first sight on, also in frames that run already. */
#include "hooks/line_events.h"

#include "hooks/tool.h"
#include "sites.h"

static unsigned told_of_place; /* scope_tool_times_in() when code was last told of */

/* GIL held; does not allocate. */
void scope_line_events_begin(void) {
    told_of_place = scope_tool_times_in();
}

/* GIL held; allocates; no exception. Has all code that is recorded told of line by line, or not any more. */
static void tell_all(bool on) {
    for (uint32_t i = 0; scope_codes.count && i <= scope_codes.mask; i++) {
        struct scope_code *known = &scope_codes.entries[i];
        if (!known->code || !(known->flags & SCOPE_CODE_LINES))
            continue;
        scope_tool_tell_lines(known->code, on);
        if (!on)
            known->flags &= ~SCOPE_CODE_LINES;
    }
}

/* GIL held; allocates; no exception. Where our place in sys.monitoring was somebody else's meanwhile, no code is told of. */
void scope_line_events_sweep(void) {
    if (told_of_place == scope_tool_times_in())
        return;
    told_of_place = scope_tool_times_in();
    tell_all(true);
}

/* GIL held; allocates; no exception. Before what is known of code objects is forgotten. */
void scope_line_events_let_go(void) {
    if (scope_tool_is_ours())
        tell_all(false);
}
