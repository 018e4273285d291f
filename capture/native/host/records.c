/* Records of a block that say more than fits into 16 bytes, taken apart into columns; and their ticks as times. */
#include "../scope_pool.h"
#include "host.h"

#include <math.h>
#include <string.h>

#define MOST_CHANGES (1ll << 62)
#define LATEST_NS 2305843009213693952.0 /* capture/decode/timebase.py */

/* No GIL; does not allocate. How many records an event claims behind its head; it may be more than there are. */
static inline int64_t claimed_by(const struct scope_record *head) {
    if (head->kind == SCOPE_STATE)
        return (8 + (int64_t)head->b + 15) / 16;
    return head->kind == SCOPE_SNAPSHOT ? head->a : 0;
}

/* No GIL; does not allocate. What `scope_split_records` needs room for: {events, states, other rare events, bytes of
 * text, first event that claims more records than there are, kind of the first event whose kind is not `known`; -1 = none}.
 */
SCOPE_EXPORT void scope_count_records(const struct scope_record *records, int64_t count, const unsigned char *known,
                                      int64_t *room) {
    int64_t events = 0, states = 0, rare = 0, text = 0;
    room[4] = room[5] = -1;
    for (int64_t i = 0; i < count; i++, events++) {
        if (!known[records[i].kind] && room[5] < 0)
            room[5] = records[i].kind;
        if (records[i].kind < SCOPE_THREAD_BEGIN)
            continue;
        const int64_t claimed = claimed_by(&records[i]);
        if (claimed > count - i - 1) {
            room[4] = i;
            break;
        }
        states += records[i].kind == SCOPE_STATE;
        rare += records[i].kind != SCOPE_STATE;
        text += records[i].kind == SCOPE_STATE ? records[i].b : 0;
        i += claimed;
    }
    room[0] = events;
    room[1] = states;
    room[2] = rare;
    room[3] = text;
}

/* No GIL; does not allocate. The heads of all events, the places and rows of those of a rare kind, and what states say
 * beyond their heads. Every array has the room that `scope_count_records` found; `ends` one more than there are states.
 */
SCOPE_EXPORT void scope_split_records(const struct scope_record *records, int64_t count, struct scope_record *heads,
                                      int64_t *rare_at, int64_t *rare_row, int64_t *state_row, uint64_t *serial,
                                      int64_t *changes, int64_t *ends, unsigned char *text) {
    int64_t row = 0;
    unsigned char *const first = text;
    *ends++ = 0;
    for (int64_t i = 0; i < count; i++, row++) {
        const struct scope_record *head = &records[i];
        heads[row] = *head;
        if (head->kind < SCOPE_THREAD_BEGIN)
            continue;
        if (head->kind != SCOPE_STATE) {
            *rare_at++ = i;
            *rare_row++ = row;
            i += claimed_by(head);
            continue;
        }
        const unsigned char *said = (const unsigned char *)(head + 1);
        size_t length = head->b;
        uint64_t stands_for = 1;
        memcpy(serial++, said, 8);
        said += 8;
        if (head->flags & SCOPE_STATE_COUNTED) {
            memcpy(&stands_for, said, 8); /* inside of the slot even where the length does not cover it */
            said += 8;
            length = length > 8 ? length - 8 : 0;
        }
        *changes++ = stands_for < (uint64_t)MOST_CHANGES ? (int64_t)stands_for : MOST_CHANGES;
        *state_row++ = row;
        memcpy(text, said, length);
        text += length;
        *ends++ = text - first;
        i += claimed_by(head);
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
