/* A value as words of 64 bits (scope_pool.h draws them), without running any code of the target. */
#ifndef SCOPE_RECORDER_WORDS_H
#define SCOPE_RECORDER_WORDS_H

#include "python_api.h"
#include "values/layout.h"

#include "scope_values.h"

/* The payload of an event while it is filled. Whoever makes one leaves room for a word of each value that is still to come:
 * `end` is that of the value which is put next. */
struct scope_words {
    uint64_t *next;
    uint64_t *end;
    uint64_t ticks; /* of the event */
    uint32_t chunk; /* number of the chunk that it stands in */
    bool has_cut;   /* something had no room */
};

bool scope_words_open(void);
void scope_words_close(void);
size_t scope_words_bytes(void);
uint64_t scope_words_key_of_other(PyObject *value);
void scope_words_put_other(struct scope_words *to, PyObject *value);

/* GIL not needed; does not allocate. One word, for which there is room. */
static inline void scope_words_put_special(struct scope_words *to, enum scope_special what) {
    *to->next++ = (uint64_t)what << 4 | SCOPE_WORD_SPECIAL;
}

/* GIL not needed; does not allocate. For want of room. */
static inline void scope_words_put_cut(struct scope_words *to) {
    scope_words_put_special(to, SCOPE_SPECIAL_CUT);
    to->has_cut = true;
}

/* GIL held; allocates at the first sight of a type, and for text that is not ASCII; leaves exceptions as they are. Puts one
 * value, for which there is a word at least; NULL is one that is not bound. */
static inline void scope_words_put(struct scope_words *to, PyObject *value) {
    int64_t number;
    if (SCOPE_LIKELY(value && Py_TYPE(value) == &PyLong_Type && scope_small_int(value, &number)))
        *to->next++ = (uint64_t)number << 4 | SCOPE_WORD_INT;
    else
        scope_words_put_other(to, value);
}

/* GIL held; allocates at the first sight of a type, and for text that is not ASCII; leaves exceptions as they are. All that
 * would be shown of a value, as one number, whatever has been written; of NULL, which is not bound, 0. */
static inline uint64_t scope_words_key(PyObject *value) {
    int64_t number;
    if (SCOPE_LIKELY(value && Py_TYPE(value) == &PyLong_Type && scope_small_int(value, &number)))
        return (uint64_t)number << 4 | SCOPE_WORD_INT;
    return scope_words_key_of_other(value);
}

#endif
