/* Records of a block that say more than fits into 16 bytes, taken apart into columns; and their ticks as times. */
#include "../scope_pool.h"
#include "host.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define LATEST_NS 2305843009213693952.0 /* capture/decode/timebase.py */

#define MOST_CHANGES (1ull << 62)

/* What the table of layouts says of a kind; capture/decode/record_bytes.py has the same. */
enum { KNOWN = 1, LOOKED_AT = 2, REQUIRED = 4, TEXT = 8, OBJECT = 16, COUNTED = 32, VALUES = 64 };

/* No GIL; does not allocate. Whether its head is all of an event: of most. */
static inline bool is_plain(const struct scope_record *head, unsigned char layout) {
    return (layout & ~VALUES) == KNOWN && !(head->flags & SCOPE_PAYLOAD);
}

/* No GIL; does not allocate. Whether an event lies within the `left` records behind its head, and has what its kind has. */
static inline bool is_whole(const struct scope_record *head, unsigned char layout, int64_t left) {
    const bool has_payload = head->flags & SCOPE_PAYLOAD;
    return scope_payload_slots(head) <= left && (has_payload || !(layout & REQUIRED)) &&
           (!(layout & OBJECT) || !has_payload || head->b >= 8);
}

/* No GIL; does not allocate. What `scope_split_records` needs room for: {events, those with a text, those that are looked at
 * one by one, bytes of text, first event that is not whole, kind of the first event that is not known, words of values;
 * -1 = none}. */
SCOPE_EXPORT void scope_count_records(const struct scope_record *records, int64_t count, const unsigned char *layouts,
                                      int64_t *room) {
    int64_t events = 0, texts = 0, looked_at = 0, bytes = 0, words = 0;
    room[4] = room[5] = -1;
    for (int64_t i = 0; i < count; i++, events++) {
        const unsigned char layout = layouts[records[i].kind];
        if (is_plain(&records[i], layout))
            continue;
        if (!layout && room[5] < 0)
            room[5] = records[i].kind;
        if (!is_whole(&records[i], layout, count - i - 1)) {
            room[4] = i;
            break;
        }
        const bool has_text = layout & TEXT && records[i].flags & SCOPE_PAYLOAD;
        texts += has_text;
        looked_at += (layout & LOOKED_AT) != 0;
        bytes += has_text ? records[i].b : 0;
        words += layout & VALUES ? records[i].b / 8 : 0;
        i += scope_payload_slots(&records[i]);
    }
    room[0] = events;
    room[1] = texts;
    room[2] = looked_at;
    room[3] = bytes;
    room[6] = words;
}

/* No GIL; does not allocate. The heads of all events, without the bit of payloads, but where these are words of values; the
 * rows of those that are looked at and the records behind their heads; of those with a text the row, the object, the
 * changes that it stands for, and the text; and the words of values, b / 8 of each event. Every array has the room that `scope_count_records` found; `ends` one more than there are texts. */
SCOPE_EXPORT void scope_split_records(const struct scope_record *records, int64_t count, const unsigned char *layouts,
                                      struct scope_record *heads, int64_t *looked_row, int64_t *looked_next,
                                      int64_t *text_row, uint64_t *serial, int64_t *changes, int64_t *ends,
                                      unsigned char *text, uint64_t *words) {
    const unsigned char *const first = text;
    *ends++ = 0;
    for (int64_t i = 0, row = 0; i < count; i++, row++) {
        const struct scope_record *head = &records[i];
        const unsigned char layout = layouts[head->kind];
        heads[row] = *head;
        if (is_plain(head, layout))
            continue;
        if (layout & VALUES) {
            memcpy(words, head + 1, 8 * (size_t)(head->b / 8));
            words += head->b / 8;
            i += scope_payload_slots(head);
            continue;
        }
        heads[row].flags &= (uint8_t)~SCOPE_PAYLOAD;
        i += scope_payload_slots(head);
        if (layout & LOOKED_AT) {
            *looked_row++ = row;
            *looked_next++ = head - records + 1;
        }
        if (!(layout & TEXT) || !(head->flags & SCOPE_PAYLOAD))
            continue;
        const unsigned char *said = (const unsigned char *)(head + 1);
        size_t length = head->b;
        uint64_t stands_for = (layout & COUNTED) != 0;
        *serial = 0;
        if (layout & OBJECT) {
            memcpy(serial, said, 8);
            said += 8;
            length -= 8;
        }
        serial++;
        if (layout & COUNTED && head->flags & SCOPE_STATE_COUNTED) {
            memcpy(&stands_for, said, 8); /* inside of the slot even where the length does not cover it */
            said += 8;
            length = length > 8 ? length - 8 : 0;
        }
        *changes++ = (int64_t)(stands_for < MOST_CHANGES ? stands_for : MOST_CHANGES);
        *text_row++ = row;
        memcpy(text, said, length);
        text += length;
        *ends++ = text - first;
    }
}

/* No GIL; does not allocate. How many events of each of the 256 kinds there are is added to `counts`. */
SCOPE_EXPORT void scope_count_kinds(const unsigned char *kind, int64_t count, int64_t *counts) {
    for (int64_t i = 0; i < count; i++)
        counts[kind[i]]++;
}

/* No GIL; does not allocate. The kinds of records; the site of each that has one in the low bits of its `a`, of which
 * `site_bits` says of each kind how many they are, as the `known` numbers of a target stand for sites of the session, else
 * 0; the line above them. `seen` becomes all bits that are set in flags of kinds with values, by `has_values`, `has_lines`
 * whether there are lines. Returns how many have a site that is not known: that is 0 there. */
SCOPE_EXPORT int64_t scope_kinds_and_sites(const struct scope_record *records, int64_t count,
                                           const unsigned char *site_bits, const int32_t *sites, int64_t known,
                                           const unsigned char *has_values, unsigned char *kind, int32_t *site,
                                           int64_t *line, unsigned char *seen, unsigned char *has_lines) {
    int64_t missing = 0, lines = 0;
    unsigned char flags = 0;
    for (int64_t i = 0; i < count; i++) {
        kind[i] = records[i].kind;
        flags |= has_values[records[i].kind] ? records[i].flags : 0;
        const unsigned char bits = site_bits[records[i].kind];
        const uint64_t number = records[i].a & ((UINT64_C(1) << bits) - 1);
        line[i] = bits ? (int64_t)((uint64_t)records[i].a >> bits) : 0;
        lines |= line[i];
        site[i] = number < (uint64_t)known ? sites[number] : 0;
        missing += number && !site[i];
    }
    *seen = flags;
    *has_lines = lines != 0;
    return missing;
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
