/* Texts as words.
 *
 * What is shown of a text are its first 200 bytes without the secrets in them. So that no secret is told that ends behind
 * these, some more are looked at, and the key of a text that has no hash is made of all that is looked at. */
#include "values/texts.h"

#include "secrets.h"
#include "values/render.h"

#include "redaction.h"

#define TEXT_BYTES 200u
#define LOOKED_AT 320u

/* A text as it is shown: what is not secret of its first bytes. A mark for what is secret is whole. */
struct shown_text {
    unsigned char bytes[TEXT_BYTES + sizeof SCOPE_REDACTED];
    uint32_t length;
    bool is_cut, is_redacted;
};

/* GIL not needed; does not allocate. Appends, cut before a character that does not fit. */
static void append(struct shown_text *shown, const unsigned char *bytes, size_t count, bool is_utf8) {
    size_t fits = shown->length < TEXT_BYTES ? TEXT_BYTES - shown->length : 0;
    if (shown->is_cut)
        return;
    if (count > fits) {
        shown->is_cut = true;
        while (is_utf8 && fits > 0 && (bytes[fits] & 0xc0) == 0x80)
            fits--;
        count = fits;
    }
    memcpy(shown->bytes + shown->length, bytes, count);
    shown->length += (uint32_t)count;
}

/* GIL not needed; does not allocate. */
static void show(struct shown_text *shown, const unsigned char *bytes, size_t count, bool is_utf8) {
    size_t at = 0, start, end;
    shown->length = 0;
    shown->is_cut = shown->is_redacted = false;
    while (at < count && at <= TEXT_BYTES && scope_find_secret(bytes, count, at, &start, &end)) {
        append(shown, bytes + at, start - at, is_utf8);
        if (!shown->is_cut && shown->length < TEXT_BYTES) {
            memcpy(shown->bytes + shown->length, SCOPE_REDACTED, sizeof SCOPE_REDACTED - 1);
            shown->length += sizeof SCOPE_REDACTED - 1;
            shown->is_redacted = true;
        }
        at = end;
    }
    append(shown, bytes + at, count - at, is_utf8);
}

/* GIL not needed; does not allocate. A text that has not been written yet; `is_cut`: there was more than these bytes. */
static void put_text(struct scope_words *to, enum scope_text_what what, const unsigned char *bytes, size_t count,
                     bool is_cut, uint64_t key, const uint64_t *end) {
    struct shown_text shown;
    show(&shown, bytes, count, what == SCOPE_TEXT_STR);
    const uint32_t words = (shown.length + 7) / 8;
    if (end - to->next < 2 + (ptrdiff_t)words) {
        scope_words_put_cut(to);
        return;
    }
    const uint64_t id = scope_written_next_id(), cut = is_cut || shown.is_cut;
    to->next[1 + words] = 0;
    to->next[0] = (uint64_t)shown.length << 16 | (uint64_t)shown.is_redacted << 9 | cut << 8 | (uint64_t)what << 4 |
                  SCOPE_WORD_TEXT;
    to->next[1] = id;
    memcpy(to->next + 2, shown.bytes, shown.length);
    to->next += 2 + words;
    scope_written_now(to, key, id);
}

/* GIL held; allocates; leaves exceptions as they are; new reference to bytes or NULL. The first characters of a str that is
 * not ASCII. */
static PyObject *encoded(PyObject *text) {
    PyObject *error_type, *error, *traceback;
    PyErr_Fetch(&error_type, &error, &traceback);
    const bool is_long = PyUnicode_GetLength(text) > (Py_ssize_t)LOOKED_AT;
    PyObject *head = is_long ? PyUnicode_Substring(text, 0, LOOKED_AT) : NULL;
    PyObject *bytes = scope_utf8_of_value(head ? head : text);
    if (head)
        Py_DecRef(head);
    PyErr_Restore(error_type, error, traceback);
    return bytes;
}

/* GIL held; does not allocate where it is ASCII; leaves exceptions as they are. Of a str that nobody has asked for its hash,
 * or where that cannot be read. */
uint64_t scope_key_of_unhashed(PyObject *text) {
    const unsigned char *ascii = scope_ascii_of(text);
    const uint64_t length = scope_word_at(text, 16);
    PyObject *bytes = ascii ? NULL : encoded(text);
    uint64_t key = 0;
    if (ascii)
        key = scope_key_of_bytes(ascii, length < LOOKED_AT ? (size_t)length : LOOKED_AT);
    else if (bytes)
        key = scope_key_of_bytes((const unsigned char *)PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
    if (bytes)
        Py_DecRef(bytes);
    return scope_mix(key, length << 8 | (uint64_t)(ascii == NULL) << 4 | SCOPE_WORD_TEXT);
}

/* GIL held; does not allocate where it is ASCII; leaves exceptions as they are. Not part of its caller, which so needs
 * little of the stack. */
static SCOPE_NOT_INLINE void put_new_str(struct scope_words *to, PyObject *text, uint64_t key, const uint64_t *end) {
    const unsigned char *ascii = scope_ascii_of(text);
    const Py_ssize_t length = PyUnicode_GetLength(text);
    const bool is_cut = length > (Py_ssize_t)LOOKED_AT;
    PyObject *bytes = ascii ? NULL : encoded(text);
    if (ascii)
        put_text(to, SCOPE_TEXT_STR, ascii, is_cut ? LOOKED_AT : (size_t)length, is_cut, key, end);
    else if (bytes)
        put_text(to, SCOPE_TEXT_STR, (const unsigned char *)PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes),
                 is_cut, key, end);
    else
        scope_words_put_special(to, SCOPE_SPECIAL_CUT);
    if (bytes)
        Py_DecRef(bytes);
}

/* GIL not needed; does not allocate. Whether one of the eight bytes of a word is this one. */
static inline bool has_byte(uint64_t word, unsigned char byte) {
    const uint64_t without = word ^ 0x0101010101010101u * byte;
    return (without - 0x0101010101010101u) & ~without & 0x8080808080808080u;
}

/* GIL not needed; does not allocate. Whether at most seven characters can hold a secret: only as NAME=VALUE and the like. */
static inline bool may_be_secret(uint64_t word) {
    return has_byte(word, '=') || has_byte(word, ':') || has_byte(word, ' ');
}

/* GIL held; does not allocate. A short text of ASCII characters as one word; 0 = it is none. */
static inline uint64_t short_word(const PyObject *text) {
    const unsigned char *bytes = scope_ascii_of(text);
    const uint64_t count = scope_word_at(text, 16);
    uint64_t word = 0;
    if (!bytes || count > 7)
        return 0;
    memcpy(&word, bytes, 8); /* a NUL ends it, and pymalloc gives whole words */
    word = count ? word << (8 * (8 - count)) >> (8 * (8 - count)) : 0;
    return SCOPE_UNLIKELY(may_be_secret(word)) ? 0 : word << 8 | count << 4 | SCOPE_WORD_SHORT;
}

/* GIL held; does not allocate where it is ASCII; leaves exceptions as they are. An exact str. */
void scope_put_str(struct scope_words *to, PyObject *text, const uint64_t *end) {
    const uint64_t word = short_word(text);
    if (word) {
        *to->next++ = word;
        return;
    }
    const uint64_t key = scope_mix(scope_key_of_str(text), to->chunk);
    if (!scope_written_again(to, key))
        put_new_str(to, text, key, end);
}

/* GIL held; does not allocate. Bytes that are looked at. */
static size_t size_of(PyObject *bytes) {
    const size_t size = (size_t)PyBytes_Size(bytes);
    return size < LOOKED_AT ? size : LOOKED_AT;
}

/* GIL held; does not allocate. Of an exact bytes object. */
uint64_t scope_key_of_bytes_object(PyObject *bytes) {
    const uint64_t key = scope_key_of_bytes((const unsigned char *)PyBytes_AsString(bytes), size_of(bytes));
    return scope_mix(key, (uint64_t)PyBytes_Size(bytes) << 8 | SCOPE_TEXT_BYTES_OBJECT << 4 | SCOPE_WORD_TEXT);
}

/* GIL held; does not allocate. An exact bytes object. */
void scope_put_bytes(struct scope_words *to, PyObject *bytes, const uint64_t *end) {
    const uint64_t key = scope_mix(scope_key_of_bytes_object(bytes), to->chunk);
    const size_t size = size_of(bytes);
    if (!scope_written_again(to, key))
        put_text(to, SCOPE_TEXT_BYTES_OBJECT, (const unsigned char *)PyBytes_AsString(bytes), size,
                 PyBytes_Size(bytes) > (Py_ssize_t)size, key, end);
}

/* GIL not needed; does not allocate. */
static uint64_t key_of_digits(const struct scope_text *digits) {
    return scope_mix(scope_key_of_bytes((const unsigned char *)digits->bytes, digits->length),
                     SCOPE_TEXT_INT << 4 | SCOPE_WORD_TEXT);
}

/* GIL held; allocates above 64 bits; leaves exceptions as they are. Of an exact int. */
uint64_t scope_key_of_long_int(PyObject *number) {
    struct scope_text digits;
    scope_render(&digits, number);
    return key_of_digits(&digits);
}

/* GIL held; allocates above 64 bits; leaves exceptions as they are. An exact int. */
void scope_put_long_int(struct scope_words *to, PyObject *number, const uint64_t *end) {
    struct scope_text digits;
    scope_render(&digits, number);
    const uint64_t key = scope_mix(key_of_digits(&digits), to->chunk);
    if (!scope_written_again(to, key))
        put_text(to, SCOPE_TEXT_INT, (const unsigned char *)digits.bytes, digits.length, false, key, end);
}
