/* Records of a block that say more than fits into 16 bytes, taken apart into columns; and their ticks as times. */
#include "../scope_pool.h"
#include "host.h"

#include <math.h>
#include <string.h>

#define LATEST_NS 2305843009213693952.0 /* capture/decode/timebase.py */

/* What the table of classes says of a kind; capture/decode/record_bytes.py has the same. */
enum { UNKNOWN = 0, PLAIN = 1, LOOKED_AT = 2, SAYS_MORE = 3 };

/* No GIL; does not allocate. What `scope_split_records` needs room for: {events, those with a payload, those that Python
 * looks at, first event that claims more records than there are or lacks the payload that its kind has, kind of the first
 * event whose class is unknown; -1 = none}. */
SCOPE_EXPORT void scope_count_records(const struct scope_record *records, int64_t count, const unsigned char *classes,
                                      int64_t *room) {
    int64_t events = 0, payloads = 0, looked_at = 0;
    room[3] = room[4] = -1;
    for (int64_t i = 0; i < count; i++, events++) {
        const unsigned char class = classes[records[i].kind];
        if (class == UNKNOWN && room[4] < 0)
            room[4] = records[i].kind;
        looked_at += class == LOOKED_AT;
        if (!(records[i].flags & SCOPE_PAYLOAD)) {
            if (class == SAYS_MORE && room[3] < 0)
                room[3] = i;
            continue;
        }
        const int64_t slots = scope_payload_slots(&records[i]);
        if (slots > count - i - 1) {
            room[3] = room[3] < 0 ? i : room[3];
            break;
        }
        payloads++;
        i += slots;
    }
    room[0] = events;
    room[1] = payloads;
    room[2] = looked_at;
}

/* No GIL; does not allocate. The heads of all events, without the bit of payloads; the rows of those that have one, and the
 * slot that it begins in; the rows of those that Python looks at. Every array has the room that `scope_count_records`
 * found. */
SCOPE_EXPORT void scope_split_records(const struct scope_record *records, int64_t count, const unsigned char *classes,
                                      struct scope_record *heads, int64_t *payload_row, int64_t *payload_slot,
                                      int64_t *looked_row) {
    int64_t row = 0;
    for (int64_t i = 0; i < count; i++, row++) {
        heads[row] = records[i];
        if (classes[records[i].kind] == LOOKED_AT)
            *looked_row++ = row;
        if (!(records[i].flags & SCOPE_PAYLOAD))
            continue;
        heads[row].flags &= (uint8_t)~SCOPE_PAYLOAD;
        *payload_row++ = row;
        *payload_slot++ = i + 1;
        i += scope_payload_slots(&records[i]);
    }
}

/* No GIL; does not allocate. Puts pieces of `bytes` one behind the other; `ends`, one more than there are pieces, says
 * where each begins and ends. */
SCOPE_EXPORT void scope_gather_bytes(const unsigned char *bytes, const int64_t *starts, const int64_t *lengths,
                                     int64_t pieces, unsigned char *out, int64_t *ends) {
    int64_t end = 0;
    *ends++ = 0;
    for (int64_t i = 0; i < pieces; i++) {
        memcpy(out + end, bytes + starts[i], (size_t)lengths[i]);
        *ends++ = end += lengths[i];
    }
}

/* No GIL; does not allocate. Session ns of each tick on the straight lines between `pairs` (two or more) of ticks and
 * ns; capture/decode/timebase.py says what holds before the first pair and after the last. */
SCOPE_EXPORT void scope_session_ns(const uint64_t *ticks, int64_t count, const uint64_t *base, const int64_t *base_ns,
                                   const double *slopes, int64_t pairs, int64_t *ns) {
    int64_t line = 0;
    for (int64_t i = 0; i < count; i++) {
        while (line > 0 && ticks[i] < base[line])
            line--;
        while (line < pairs - 2 && ticks[i] >= base[line + 1])
            line++;
        double span = rint((double)(int64_t)(ticks[i] - base[line]) * slopes[line]);
        span = span < -LATEST_NS ? -LATEST_NS : span > LATEST_NS ? LATEST_NS : span;
        ns[i] = base_ns[line] + (int64_t)span;
    }
}
