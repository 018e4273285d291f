/* What lines did to local variables, from the texts of their events: a change a row, its name and its value. */
#include "host.h"

#include <string.h>

/* No GIL; does not allocate. One change of a text: where its name, its value and itself end. The value begins behind the
 * name's '='; without one, as of what is no longer bound, there is none. */
struct change {
    const unsigned char *name_end, *end;
};

/* No GIL; does not allocate. */
static struct change next_change(const unsigned char *at, const unsigned char *stop) {
    const unsigned char *const row = memchr(at, '\n', (size_t)(stop - at));
    const unsigned char *const end = row ? row : stop;
    const unsigned char *const sign = memchr(at, '=', (size_t)(end - at));
    return (struct change){sign ? sign : end, end};
}

/* No GIL; does not allocate. What the texts at these places need room for: {changes, bytes of names, bytes of values}.
 * `offsets` has one more entry than there are texts. */
SCOPE_EXPORT void scope_count_changes(const unsigned char *text, const int64_t *offsets, const int64_t *places,
                                      int64_t count, int64_t *room) {
    room[0] = room[1] = room[2] = 0;
    for (int64_t i = 0; i < count; i++) {
        const unsigned char *const stop = text + offsets[places[i] + 1];
        for (const unsigned char *at = text + offsets[places[i]]; at < stop;) {
            const struct change change = next_change(at, stop);
            room[0]++;
            room[1] += change.name_end - at;
            room[2] += change.name_end < change.end ? change.end - change.name_end - 1 : 0;
            at = change.end + 1;
        }
    }
}

/* No GIL; does not allocate. Of each change which of the places tells it, its name and its value, in the order in which they
 * stand; `is_bound` is 0 where there is no value. The ends have one entry more than there are changes. */
SCOPE_EXPORT void scope_split_changes(const unsigned char *text, const int64_t *offsets, const int64_t *places,
                                      int64_t count, int64_t *event, int64_t *name_ends, int64_t *value_ends,
                                      unsigned char *is_bound, unsigned char *names, unsigned char *values) {
    int64_t name_end = 0, value_end = 0;
    *name_ends++ = *value_ends++ = 0;
    for (int64_t i = 0; i < count; i++) {
        const unsigned char *const stop = text + offsets[places[i] + 1];
        for (const unsigned char *at = text + offsets[places[i]]; at < stop;) {
            const struct change change = next_change(at, stop);
            memcpy(names + name_end, at, (size_t)(change.name_end - at));
            name_end += change.name_end - at;
            *is_bound = change.name_end < change.end;
            if (*is_bound) {
                const size_t length = (size_t)(change.end - change.name_end - 1);
                memcpy(values + value_end, change.name_end + 1, length);
                value_end += (int64_t)length;
            }
            is_bound++;
            *event++ = i;
            *name_ends++ = name_end;
            *value_ends++ = value_end;
            at = change.end + 1;
        }
    }
}
