/* How often something may happen in a slice of time. */
#include "pace.h"

#include "clock.h"

/* GIL held; does not allocate. The share of a slice is used up: whether another one begins, and allows it. */
bool scope_pace_next(struct scope_pace *pace, uint32_t most, bool rests) {
    const uint64_t now_ns = scope_coarse_ns(), passed_ns = now_ns - pace->slice_ns;
    if (passed_ns < SCOPE_SLICE_NS) {
        pace->blind = SCOPE_BLIND;
        pace->count = pace->count < UINT32_MAX / 2 ? pace->count : UINT32_MAX / 2;
        return false;
    }
    const bool is_busy = rests && pace->count > most + 1 && passed_ns < 5 * SCOPE_SLICE_NS;
    *pace = (struct scope_pace){.slice_ns = now_ns, .count = 1, .allowed = is_busy ? 0 : most};
    return !is_busy;
}
