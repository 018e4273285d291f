/* A value as words of 64 bits.
 *
 * Only exact built-in types are looked into: a subclass could answer with code of its own. Everything else is an address
 * and the number of its type. Bounds: 200 bytes of a text, 8 items, depth 2, whatever the size of the value.
 *
 * A value that comes again in the same chunk costs one word (SAME). Whether it does, its key tells: a hash of all that
 * would be shown of it and of the number of the chunk, found without writing anything. Where the table lacks it, it is
 * written, which is when secrets are looked for. So nothing is ever shown that the value does not hold now, a chunk can
 * be read by itself, and one table serves all threads: who has the GIL uses it. */
#include "values/words.h"

#include "clock.h"
#include "pool.h"
#include "secrets.h"
#include "values/items.h"
#include "values/render.h"
#include "values/types.h"

#include "redaction.h"

#include <stdlib.h>

#define TEXT_BYTES 200u
#define LOOKED_AT 320u /* bytes of a text that are searched for secrets, and that its key is made of */
#define MOST_DEPTH 2
#define SLOT_BITS 15
#define HALF_A_SECOND_NS 500000000u
#define FEWEST_TICKS 100000000u /* of half a second, until that is known: as if there were 200 million a second */

/* What is written already: direct-mapped by the upper bits of the key. */
struct written {
    uint64_t key; /* 0 = free */
    uint64_t ticks, id;
};

static struct written *table; /* NULL: nothing is kept, and nothing is the same as before */
static uint64_t last_id, fresh_ticks;
static struct scope_types types = {.kind = SCOPE_DEF_TYPE, .full = "types-full", .names = {.limit = UINT16_MAX}};

/* GIL held; allocates plain memory; false when there is none. Ids go on: a recording never uses one twice. */
bool scope_words_open(void) {
    if (!table)
        table = calloc((size_t)1 << SLOT_BITS, sizeof *table);
    fresh_ticks = scope_clock_kind == SCOPE_CLOCK_MONOTONIC ? HALF_A_SECOND_NS : FEWEST_TICKS;
    return table;
}

/* GIL held; releases weak references, frees plain memory. */
void scope_words_close(void) {
    free(table);
    table = NULL;
    scope_types_close(&types);
}

/* GIL held; does not allocate. Four times a second: how many ticks half a second has. */
void scope_words_sweep(void) {
    const struct scope_pool_header *header = scope_pool.header;
    const uint64_t ns = scope_mono_ns() - header->start_mono_ns, ticks = scope_ticks() - header->start_ticks;
    if (scope_clock_kind != SCOPE_CLOCK_MONOTONIC && ns > HALF_A_SECOND_NS / 10)
        fresh_ticks = (uint64_t)((double)ticks / (double)ns * HALF_A_SECOND_NS);
}

/* GIL held; does not allocate. What the tables take of the target's memory. */
size_t scope_words_bytes(void) {
    return (table ? sizeof *table << SLOT_BITS : 0) + scope_types_bytes(&types);
}

/* GIL not needed; does not allocate. Two numbers as one: the halves of their product.
 * Source: Wang Yi, wyhash (public domain), whose mixing step this is. */
static inline uint64_t mix(uint64_t a, uint64_t b) {
    const __uint128_t product = (__uint128_t)(a ^ 0xa0761d6478bd642fu) * (b ^ 0xe7037ed1a0b428dbu);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* GIL not needed; does not allocate. Of at most LOOKED_AT bytes, in two lanes. */
static uint64_t key_of_bytes(const unsigned char *bytes, size_t count) {
    uint64_t lanes[2] = {count, ~count}, words[4];
    for (; count >= 32; bytes += 32, count -= 32) {
        memcpy(words, bytes, 32);
        lanes[0] = mix(lanes[0] ^ words[0], words[1]);
        lanes[1] = mix(lanes[1] ^ words[2], words[3]);
    }
    memset(words, 0, sizeof words);
    memcpy(words, bytes, count);
    return mix(mix(lanes[0] ^ words[0], words[1]), mix(lanes[1] ^ words[2], words[3]));
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

/* GIL held; does not allocate; no exception. An int of at most 60 bits, as a word; 0 = it is longer. */
static uint64_t int_word(PyObject *value) {
    int overflow = 0;
    const long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow || number >> 59 != number >> 60 ? 0 : (uint64_t)number << 4 | SCOPE_WORD_INT;
}

/* GIL held; does not allocate; no exception. */
static uint64_t bits_of_float(PyObject *value) {
    if (SCOPE_LIKELY(scope_layout.floats))
        return scope_word_at(value, 16);
    const double number = PyFloat_AsDouble(value);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* GIL held; allocates at the first sight of a type; leaves exceptions as they are. */
static uint64_t object_word(PyObject *value) {
    const uint64_t number = scope_type_number(&types, (PyObject *)Py_TYPE(value));
    return number << 48 | ((uint64_t)(uintptr_t)value & 0xfffffffffff0u) | SCOPE_WORD_OBJECT;
}

/* GIL held; allocates at the first sight of a type; leaves exceptions as they are. The word of a value that has one word
 * only; 0 = it has more, or is a text or a container. */
static inline uint64_t single_word(PyObject *value, const PyTypeObject *type) {
    int64_t number;
    if (type == &PyLong_Type)
        return scope_small_int(value, &number) ? (uint64_t)number << 4 | SCOPE_WORD_INT : int_word(value);
    if (type == &PyUnicode_Type)
        return short_word(value);
    if (type == &PyFloat_Type || type == &PyBytes_Type || scope_is_container(type))
        return 0;
    const enum scope_special special = value == Py_None ? SCOPE_SPECIAL_NONE
                                       : type == &PyBool_Type
                                           ? value == Py_True ? SCOPE_SPECIAL_TRUE : SCOPE_SPECIAL_FALSE
                                       : value == (PyObject *)Py_Ellipsis ? SCOPE_SPECIAL_ELLIPSIS
                                                                          : SCOPE_SPECIAL_UNBOUND;
    return special ? (uint64_t)special << 4 | SCOPE_WORD_SPECIAL : object_word(value);
}

/* GIL held; does not allocate. Where a value with this key would be in the table. */
static inline struct written *place_of(uint64_t key) {
    return &table[key >> (64 - SLOT_BITS)];
}

/* GIL held; does not allocate. Whether the value with this key stands in this chunk, written not long ago; then the word that
 * says so is put. */
static inline bool put_same(struct scope_words *to, uint64_t key) {
    const struct written *found = table ? place_of(key) : NULL;
    if (!found || found->key != key || to->ticks - found->ticks >= fresh_ticks)
        return false;
    *to->next++ = found->id << 4 | SCOPE_WORD_SAME;
    return true;
}

/* GIL held; does not allocate. All of it has been written. */
static inline void remember(const struct scope_words *to, uint64_t key, uint64_t id) {
    if (table)
        *place_of(key) = (struct written){.key = key, .ticks = to->ticks, .id = id};
}

/* GIL not needed; does not allocate. */
static void put_cut(struct scope_words *to) {
    scope_words_put_special(to, SCOPE_SPECIAL_CUT);
    to->has_cut = true;
}

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

/* GIL not needed; does not allocate. A text that is not in the table; `is_cut`: there was more than these bytes. */
static void put_text(struct scope_words *to, enum scope_text_what what, const unsigned char *bytes, size_t count,
                     bool is_cut, uint64_t key, const uint64_t *end) {
    struct shown_text shown;
    show(&shown, bytes, count, what == SCOPE_TEXT_STR);
    const uint32_t words = (shown.length + 7) / 8;
    if (end - to->next < 2 + (ptrdiff_t)words) {
        put_cut(to);
        return;
    }
    const uint64_t id = ++last_id, cut = is_cut || shown.is_cut;
    to->next[1 + words] = 0;
    to->next[0] = (uint64_t)shown.length << 16 | (uint64_t)shown.is_redacted << 9 | cut << 8 | (uint64_t)what << 4 |
                  SCOPE_WORD_TEXT;
    to->next[1] = id;
    memcpy(to->next + 2, shown.bytes, shown.length);
    to->next += 2 + words;
    remember(to, key, id);
}

/* What a text is made of, as far as it is looked at. */
struct text_parts {
    enum scope_text_what what;
    const unsigned char *bytes;
    size_t count;
    bool is_cut;
    uint64_t key;
    PyObject *kept;          /* strong or NULL: has the bytes */
    struct scope_text drawn; /* has the bytes of an int */
};

/* GIL held; allocates; leaves exceptions as they are. The characters of a str that is not ASCII, its first ones only. */
static void encode(struct text_parts *parts, PyObject *text) {
    PyObject *error_type, *error, *traceback;
    PyErr_Fetch(&error_type, &error, &traceback);
    const bool is_long = PyUnicode_GetLength(text) > (Py_ssize_t)LOOKED_AT;
    PyObject *head = is_long ? PyUnicode_Substring(text, 0, LOOKED_AT) : NULL;
    parts->kept = scope_utf8_of_value(head ? head : text);
    parts->bytes = parts->kept ? (const unsigned char *)PyBytes_AsString(parts->kept) : (const unsigned char *)"";
    parts->count = parts->kept ? (size_t)PyBytes_Size(parts->kept) : 0;
    parts->is_cut = is_long;
    if (head)
        Py_DecRef(head);
    PyErr_Restore(error_type, error, traceback);
}

/* GIL held; allocates only for a str that is not ASCII and was never hashed. Its hash is one of its content, and so is
 * that of all others of its length. */
static void take_str(struct text_parts *parts, PyObject *text) {
    const uint64_t length = scope_word_at(text, 16);
    const uint64_t hash = scope_layout.hashes ? scope_word_at(text, 24) : UINT64_MAX;
    parts->bytes = scope_ascii_of(text);
    parts->count = parts->bytes && length < LOOKED_AT ? (size_t)length : LOOKED_AT;
    parts->is_cut = length > LOOKED_AT;
    if (!parts->bytes && hash == UINT64_MAX)
        encode(parts, text);
    parts->key = mix(hash == UINT64_MAX ? key_of_bytes(parts->bytes, parts->count) : hash,
                     length << 8 | (uint64_t)(parts->bytes == NULL) << 4 | SCOPE_TEXT_STR);
}

/* GIL held; may allocate; leaves exceptions as they are. An exact str, bytes, or int of more than 60 bits. */
static void take_text(struct text_parts *parts, PyObject *value, const PyTypeObject *type) {
    parts->kept = NULL;
    if (type == &PyUnicode_Type) {
        parts->what = SCOPE_TEXT_STR;
        take_str(parts, value);
        return;
    }
    if (type == &PyBytes_Type) {
        const size_t length = (size_t)PyBytes_Size(value);
        parts->what = SCOPE_TEXT_BYTES_OBJECT;
        parts->bytes = (const unsigned char *)PyBytes_AsString(value);
        parts->is_cut = length > LOOKED_AT;
        parts->count = parts->is_cut ? LOOKED_AT : length;
        parts->key = length;
    } else {
        parts->what = SCOPE_TEXT_INT;
        scope_render(&parts->drawn, value);
        parts->bytes = (const unsigned char *)parts->drawn.bytes;
        parts->count = parts->drawn.length;
        parts->is_cut = false;
        parts->key = 0;
    }
    parts->key = mix(key_of_bytes(parts->bytes, parts->count), parts->key << 8 | (uint64_t)parts->what);
}

/* GIL held; may allocate; leaves exceptions as they are. Where its key alone was needed, the characters come now. */
static void put_taken(struct scope_words *to, struct text_parts *parts, PyObject *value, const uint64_t *end) {
    const uint64_t key = mix(parts->key, to->chunk);
    if (!put_same(to, key)) {
        if (!parts->bytes)
            encode(parts, value);
        put_text(to, parts->what, parts->bytes, parts->count, parts->is_cut, key, end);
    }
    if (parts->kept)
        Py_DecRef(parts->kept);
}

static uint64_t key_of_items(const struct scope_items *items, int depth);

/* GIL held; may allocate; leaves exceptions as they are. A hash of all that would be shown. */
static uint64_t key_of(PyObject *value, int depth) {
    const PyTypeObject *type = Py_TYPE(value);
    const uint64_t word = single_word(value, type);
    if (word)
        return mix(word, 1);
    if (type == &PyFloat_Type)
        return mix(bits_of_float(value), SCOPE_WORD_FLOAT);
    if (scope_is_container(type)) {
        struct scope_items items;
        if (depth >= MOST_DEPTH)
            return SCOPE_SPECIAL_CUT;
        scope_items_take(&items, value, type);
        return key_of_items(&items, depth);
    }
    struct text_parts parts;
    take_text(&parts, value, type);
    if (parts.kept)
        Py_DecRef(parts.kept);
    return parts.key;
}

/* GIL held; may allocate; leaves exceptions as they are. Containers of different depth show their items differently. */
static uint64_t key_of_items(const struct scope_items *items, int depth) {
    uint64_t key =
        mix((uint64_t)items->length, (uint64_t)items->what << 8 | (uint64_t)depth << 4 | SCOPE_WORD_CONTAINER);
    for (uint32_t i = 0; i < items->count; i++)
        key = mix(key, key_of(items->items[i], depth + 1));
    return key;
}

static void put(struct scope_words *to, PyObject *value, int depth, const uint64_t *end);

/* GIL held; may allocate; leaves exceptions as they are. Whether a key of a dict says that its value is a secret. */
static bool names_a_secret(PyObject *key) {
    if (!PyUnicode_CheckExact(key) || PyUnicode_GetLength(key) >= 100)
        return false;
    PyObject *error_type, *error, *traceback;
    PyErr_Fetch(&error_type, &error, &traceback);
    PyObject *name = scope_utf8(key);
    const bool is_secret = name && scope_is_credential(PyBytes_AsString(name));
    if (name)
        Py_DecRef(name);
    PyErr_Restore(error_type, error, traceback);
    return is_secret;
}

/* GIL held; may allocate; leaves exceptions as they are. Each item has a word at least, which the others leave to it. */
static void put_items(struct scope_words *to, const struct scope_items *items, int depth, const uint64_t *end) {
    const bool is_dict = items->what == SCOPE_CONTAINER_DICT;
    for (uint32_t i = 0; i < items->count; i++) {
        if (is_dict && i % 2 && names_a_secret(items->items[i - 1]))
            scope_words_put_special(to, SCOPE_SPECIAL_REDACTED);
        else
            put(to, items->items[i], depth + 1, end - (items->count - 1 - i));
    }
}

/* GIL held; may allocate; leaves exceptions as they are. */
static void put_container(struct scope_words *to, PyObject *value, const PyTypeObject *type, int depth,
                          const uint64_t *end) {
    struct scope_items items;
    scope_items_take(&items, value, type);
    const uint64_t key = mix(key_of_items(&items, depth), to->chunk);
    if (put_same(to, key))
        return;
    if (end - to->next < 2 + (ptrdiff_t)items.count) {
        put_cut(to);
        return;
    }
    const uint64_t shown = items.what == SCOPE_CONTAINER_DICT ? items.count / 2 : items.count;
    const uint64_t length = items.length < UINT32_MAX ? (uint64_t)items.length : UINT32_MAX;
    const uint64_t id = ++last_id, is_cut = shown < length;
    const bool had_cut = to->has_cut;
    to->next[0] = length << 32 | shown << 16 | is_cut << 8 | (uint64_t)items.what << 4 | SCOPE_WORD_CONTAINER;
    to->next[1] = id;
    to->next += 2;
    to->has_cut = false;
    put_items(to, &items, depth, end);
    if (!to->has_cut)
        remember(to, key, id);
    to->has_cut |= had_cut;
}

/* GIL held; may allocate; leaves exceptions as they are. At least one word fits before `end`. */
static void put(struct scope_words *to, PyObject *value, int depth, const uint64_t *end) {
    const PyTypeObject *type = Py_TYPE(value);
    const uint64_t word = single_word(value, type);
    if (word) {
        *to->next++ = word;
    } else if (type == &PyFloat_Type) {
        if (end - to->next < 2) {
            put_cut(to);
            return;
        }
        *to->next++ = SCOPE_WORD_FLOAT;
        *to->next++ = bits_of_float(value);
    } else if (!scope_is_container(type)) {
        struct text_parts parts;
        take_text(&parts, value, type);
        put_taken(to, &parts, value, end);
    } else if (depth >= MOST_DEPTH) {
        scope_words_put_special(to, SCOPE_SPECIAL_CUT);
    } else {
        put_container(to, value, type, depth, end);
    }
}

/* GIL held; may allocate; leaves exceptions as they are. */
void scope_words_put_other(struct scope_words *to, PyObject *value) {
    if (value)
        put(to, value, 0, to->end);
    else
        scope_words_put_special(to, SCOPE_SPECIAL_UNBOUND);
}
