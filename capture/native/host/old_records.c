/* Records of pools of ABI 2 as those of ABI 3: the one step between the versions of a record. */
#include "old_records.h"

#include "host.h"

#include <string.h>

static struct scope_record *upgrade_state(const struct scope_record *head, uint64_t slots, struct scope_record *out) {
    *out = *head;
    out->flags |= SCOPE_PAYLOAD;
    out->b += 8;
    memcpy(out + 1, head + 1, slots * sizeof *out);
    return out + 1 + slots;
}

static struct scope_record *upgrade_snapshot(const struct scope_record *head, struct scope_record *out) {
    const uint32_t bytes = 8 * head->a, slots = (bytes + 15) / 16;
    *out = *head;
    out->a = head->b;
    out->flags |= SCOPE_PAYLOAD;
    out->b = (uint16_t)bytes;
    memset(out + slots, 0, slots ? sizeof *out : 0);
    for (uint32_t i = 0; i < head->a; i++) {
        const struct scope_record *frame = head + 1 + i;
        const uint32_t told[2] = {frame->a, (uint32_t)frame->flags << 16 | frame->b};
        memcpy((unsigned char *)(out + 1) + 8 * i, told, sizeof told);
    }
    return out + 1 + slots;
}

/* No GIL; does not allocate. Puts `count` old records into `out`, which has room for as many, and returns how many they are
 * now; -1 - i where the event at record i claims more than there is, or than an event can say. */
SCOPE_EXPORT int64_t scope_upgrade_records(const struct scope_record *records, int64_t count,
                                           struct scope_record *out) {
    struct scope_record *const first = out;
    for (int64_t i = 0; i < count;) {
        const struct scope_record *head = &records[i];
        const uint64_t slots = scope_old_slots(head);
        if (slots > (uint64_t)(count - i - 1) || slots >= SCOPE_CHUNK_CAPACITY)
            return -1 - i;
        if (head->kind == SCOPE_STATE) {
            out = upgrade_state(head, slots, out);
        } else if (head->kind == SCOPE_SNAPSHOT) {
            out = upgrade_snapshot(head, out);
        } else {
            *out = *head;
            out++->flags &= (uint8_t)~SCOPE_PAYLOAD;
        }
        i += 1 + (int64_t)slots;
    }
    return out - first;
}
