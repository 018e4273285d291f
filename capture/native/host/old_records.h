/* Records of pools of ABI 2, which earlier versions left in journals and pools: how long an event was depended on its kind. */
#ifndef SCOPE_HOST_OLD_RECORDS_H
#define SCOPE_HOST_OLD_RECORDS_H

#include "../scope_pool.h"

/* No GIL; does not allocate. Slots that an event claims behind its head. SNAPSHOT: `a` frames, each a record of its own
 * with a = site, flags = line >> 16, b = line & 0xffff; `b` is the reason. STATE: `b` bytes behind a serial of 8. */
static inline uint64_t scope_old_slots(const struct scope_record *head) {
    if (head->kind == SCOPE_STATE)
        return (8 + (uint64_t)head->b + 15) / 16;
    return head->kind == SCOPE_SNAPSHOT ? head->a : 0;
}

#endif
