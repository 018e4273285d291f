/* Texts as words: str, bytes, and the digits of an int of more than 60 bits. */
#ifndef SCOPE_RECORDER_TEXTS_H
#define SCOPE_RECORDER_TEXTS_H

#include "values/words.h"
#include "values/written.h"

void scope_put_str(struct scope_words *to, PyObject *text, const uint64_t *end);
void scope_put_bytes(struct scope_words *to, PyObject *bytes, const uint64_t *end);
void scope_put_long_int(struct scope_words *to, PyObject *number, const uint64_t *end);
uint64_t scope_key_of_unhashed(PyObject *text);
uint64_t scope_key_of_bytes_object(PyObject *bytes);
uint64_t scope_key_of_long_int(PyObject *number);

/* GIL held; does not allocate where its hash is known; leaves exceptions as they are. A str's hash is one of its content, and
 * so is that of all others of its length. */
static inline uint64_t scope_key_of_str(PyObject *text) {
    const uint64_t hash = scope_word_at(text, 24);
    if (SCOPE_LIKELY(scope_layout.hashes && hash != UINT64_MAX))
        return scope_mix(hash, scope_word_at(text, 16) << 8 | SCOPE_WORD_TEXT);
    return scope_key_of_unhashed(text);
}

#endif
