/* How often something may happen in a slice of time. */
#ifndef SCOPE_RECORDER_PACE_H
#define SCOPE_RECORDER_PACE_H

#include "python_api.h"

#define SCOPE_SLICE_NS 10000000u
#define SCOPE_BLIND 15u

struct scope_pace {
    uint64_t slice_ns;       /* when the present slice began */
    uint32_t count, allowed; /* in this slice */
    uint32_t blind;          /* the next so many are refused without a look at the clock */
};

bool scope_pace_next(struct scope_pace *pace, uint32_t most, bool rests);

/* GIL held; does not allocate. Whether it may happen once more: `most` times in a slice of time. What was busier than that in
 * one slice may not at all in the next where it `rests`. The clock is read only where a slice has had its share, and then
 * once in SCOPE_BLIND; scope_pace_look() ends that. */
static inline bool scope_pace_allows(struct scope_pace *pace, uint32_t most, bool rests) {
    if (SCOPE_LIKELY(++pace->count <= pace->allowed))
        return true;
    if (SCOPE_LIKELY(pace->blind)) {
        pace->blind -= 1;
        return false;
    }
    return scope_pace_next(pace, most, rests);
}

/* GIL held; does not allocate. Four times a second: the next one that is refused looks at the clock. */
static inline void scope_pace_look(struct scope_pace *pace) {
    pace->blind = 0;
}

#endif
