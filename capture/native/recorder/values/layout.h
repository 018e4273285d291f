/* Where exact built-in objects keep what they hold, found on objects of our own at each start; 64 bit, GIL. */
#ifndef SCOPE_RECORDER_LAYOUT_H
#define SCOPE_RECORDER_LAYOUT_H

#include "python_api.h"

#include <stddef.h>
#include <string.h>

enum scope_int_layout { SCOPE_INTS_UNKNOWN, SCOPE_INTS_SIZED /* to 3.11 */, SCOPE_INTS_TAGGED };

struct scope_layout {
    uint32_t
        ascii_bits;  /* of the word at 32 of a str: it is ASCII, and its characters follow; all bits = not found, then
                            every str is encoded */
    size_t ascii_at; /* of its characters */
    bool hashes;     /* a str has its hash at 24, -1 = it was not asked for yet */
    enum scope_int_layout ints;
    bool floats;        /* the double at 16 */
    size_t list_items;  /* of the pointer to the items of a list; 0 = not found */
    size_t tuple_items; /* of the first item of a tuple; 0 = not found */
    bool dict_lengths;  /* at 16 of a dict */
    PyTypeObject
        *yielded; /* in which the interpreter wraps what an asynchronous generator yields, at 16; NULL = not found */
};

extern struct scope_layout scope_layout;

void scope_layout_find(void);

/* GIL held; does not allocate. A word of an object, or of another structure. */
static inline uint64_t scope_word_at(const void *object, size_t offset) {
    uint64_t word;
    memcpy(&word, (const unsigned char *)object + offset, sizeof word);
    return word;
}

/* GIL held; does not allocate; the characters of an exact str that is all ASCII, until it goes; else NULL. */
static inline const unsigned char *scope_ascii_of(const PyObject *text) {
    uint32_t state;
    memcpy(&state, (const unsigned char *)text + 32, sizeof state);
    const bool is_ascii = (state & scope_layout.ascii_bits) == scope_layout.ascii_bits;
    return is_ascii ? (const unsigned char *)text + scope_layout.ascii_at : NULL;
}

/* GIL held; does not allocate. Whether an exact int has at most one digit of 30 bits, and which number it is. */
static inline bool scope_small_int(const PyObject *value, int64_t *number) {
    const uint64_t word = scope_word_at(value, 16);
    uint32_t digit;
    memcpy(&digit, (const unsigned char *)value + 24, sizeof digit); /* there is room for one, also in 0 */
    if (SCOPE_LIKELY(scope_layout.ints == SCOPE_INTS_TAGGED)) {
        *number =
            (int64_t)digit * (1 - (int64_t)(word & 3)); /* 0 positive, 1 zero, 2 negative; from bit 3 on the size */
        return word >> 3 <= 1;
    }
    const int64_t digits = (int64_t)word;
    *number = digits * (int64_t)digit;
    return scope_layout.ints == SCOPE_INTS_SIZED && digits >= -1 && digits <= 1;
}

#endif
