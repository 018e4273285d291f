/* From which lines calls are made: whether that can be told here.
 *
 * There is nothing to hook. From put to undo the hooks of calls, which come after this one, look at who calls. */
#include "hooks/call_lines.h"

#include "call_places.h"
#include "values/call_lines.h"

/* GIL held; does not allocate; 0. */
int scope_call_lines_put(void) {
    scope_caller_layout.is_known = true;
    return 0;
}

/* GIL held; does not allocate. */
void scope_call_lines_undo(void) {
    scope_caller_layout.is_known = false;
    scope_call_places_clear();
}
