/* Records of a block that say more than fits into 16 bytes: where they lie, and the bytes that follow some of them. */
#include "../scope_pool.h"
#include "host.h"

#include <string.h>

/* No GIL; does not allocate. Of `count` records the places of those of a rare kind, and how many records each claims
 * behind it, which may be more than there are; `kept` gets all but those claimed. The arrays have room for `count`. */
SCOPE_EXPORT int64_t scope_rare_heads(const struct scope_record *records, int64_t count, int64_t *heads,
                                      int64_t *claimed, struct scope_record *kept) {
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) {
        *kept++ = records[i];
        if (records[i].kind < SCOPE_THREAD_BEGIN)
            continue;
        int64_t follow = 0;
        if (records[i].kind == SCOPE_STATE)
            follow = (8 + (int64_t)records[i].b + 15) / 16;
        else if (records[i].kind == SCOPE_SNAPSHOT)
            follow = records[i].a;
        heads[found] = i;
        claimed[found++] = follow;
        i += follow;
    }
    return found;
}

/* No GIL; does not allocate. Copies the pieces of `bytes`, one after the other; false when one lies outside of it. */
SCOPE_EXPORT int scope_gather(const unsigned char *bytes, int64_t size, const int64_t *starts, const int64_t *lengths,
                              int64_t count, unsigned char *out) {
    for (int64_t i = 0; i < count; i++) {
        if (starts[i] < 0 || lengths[i] < 0 || starts[i] > size || lengths[i] > size - starts[i])
            return 0;
        memcpy(out, bytes + starts[i], (size_t)lengths[i]);
        out += lengths[i];
    }
    return 1;
}
