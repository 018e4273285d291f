/* Our place in sys.monitoring: an id, callbacks and events, taken, proved and given back. */
#ifndef SCOPE_RECORDER_TOOL_H
#define SCOPE_RECORDER_TOOL_H

#include "python_api.h"

struct scope_callback {
    const char *event;
    PyMethodDef method;
    uint32_t kind;              /* of record */
    bool for_calls, for_raises; /* wanted when calls, when raises are recorded; joins need start, return and unwind */
    bool is_local;              /* told of only where code asks for it, see scope_tool_tell_lines() */
    long bit;                   /* of the event; 0 = not wanted */
    PyObject *guard;            /* the `self` of our callback; borrowed; NULL once the callback is gone */
};

enum scope_tool_standing {
    SCOPE_TOOL_IN_PLACE,
    SCOPE_TOOL_PUT_BACK, /* the hooks were out, in part at least, and are in again */
    SCOPE_TOOL_LOST,     /* and cannot be put back: somebody has our id */
};

int scope_tool_take(struct scope_callback *all, size_t count);
void scope_tool_change(void);
void scope_tool_give_back(void);
int scope_tool_id(void);
bool scope_tool_is_ours(void);
unsigned scope_tool_times_in(void);
void scope_tool_tell_lines(PyObject *code, bool on);
enum scope_tool_standing scope_tool_look(uint64_t *since_ticks);
void scope_tool_hears(uint32_t kind);

#endif
