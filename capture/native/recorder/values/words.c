/* A value as words of 64 bits.
 *
 * Only exact built-in types are looked into: a subclass could answer with code of its own. Everything else is an address
 * and the number of its type. Bounds: 200 bytes of a text, 8 items, depth 2, whatever the size of the value.
 *
 * A text or container has a key: a hash of all that would be shown of it, found without writing anything. Where nothing
 * with that key stands in the chunk (written.h), it is written, which is when secrets are looked for. So nothing is ever
 * shown that the value does not hold now. */
#include "values/words.h"

#include "secrets.h"
#include "values/items.h"
#include "values/texts.h"
#include "values/types.h"
#include "values/written.h"

#define MOST_DEPTH 2
#define MOST_NAME_CHARACTERS 100
#define JUDGED 1024u

/* What has words of its own, in the place of a type's number. */
enum exact {
    AN_INT = UINT16_MAX + 1,
    A_FLOAT,
    A_STR,
    A_BYTES,
    A_BOOL,
    NONE,
    AN_ELLIPSIS,
    A_CONTAINER, /* and enum scope_container_what */
};

/* Keys of dicts that were judged in this recording, by what they say. */
static struct judged {
    uint64_t hash; /* 0 = none */
    bool is_secret;
} judged[JUDGED];

static unsigned users; /* how many hooks have it open */
static struct scope_types types = {.kind = SCOPE_DEF_TYPE, .full = "types-full", .names = {.limit = UINT16_MAX}};

/* GIL held; allocates plain memory; false when there is none. Each hook that tells values opens it, and closes it, also after
 * that. */
bool scope_words_open(void) {
    const struct {
        PyTypeObject *type;
        uint32_t what;
    } exact[] = {{&PyLong_Type, AN_INT},
                 {&PyFloat_Type, A_FLOAT},
                 {&PyUnicode_Type, A_STR},
                 {&PyBytes_Type, A_BYTES},
                 {&PyBool_Type, A_BOOL},
                 {Py_TYPE(Py_None), NONE},
                 {Py_TYPE(Py_Ellipsis), AN_ELLIPSIS},
                 {&PyList_Type, A_CONTAINER + SCOPE_CONTAINER_LIST},
                 {&PyTuple_Type, A_CONTAINER + SCOPE_CONTAINER_TUPLE},
                 {&PySet_Type, A_CONTAINER + SCOPE_CONTAINER_SET},
                 {&PyFrozenSet_Type, A_CONTAINER + SCOPE_CONTAINER_FROZENSET},
                 {&PyDict_Type, A_CONTAINER + SCOPE_CONTAINER_DICT}};
    users += 1;
    if (users > 1)
        return true;
    bool opened = scope_written_open();
    memset(judged, 0, sizeof judged);
    for (size_t i = 0; opened && i < sizeof exact / sizeof *exact; i++)
        opened = scope_type_settle(&types, (PyObject *)exact[i].type, exact[i].what);
    return opened;
}

/* GIL held; releases weak references, frees plain memory. */
void scope_words_close(void) {
    users -= 1;
    if (users > 0)
        return;
    scope_written_close();
    scope_types_close(&types);
}

/* GIL held; does not allocate. What the tables take of the target's memory. */
size_t scope_words_bytes(void) {
    return scope_written_bytes() + scope_types_bytes(&types);
}

/* GIL held; does not allocate; no exception. An int as a word; 0 = it has more than 60 bits. */
static inline uint64_t int_word(PyObject *value) {
    int64_t number;
    if (SCOPE_LIKELY(scope_small_int(value, &number)))
        return (uint64_t)number << 4 | SCOPE_WORD_INT;
    int overflow = 0;
    const long long longer = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow || longer >> 59 != longer >> 60 ? 0 : (uint64_t)longer << 4 | SCOPE_WORD_INT;
}

/* GIL held; does not allocate; no exception. */
static inline uint64_t bits_of_float(PyObject *value) {
    if (SCOPE_LIKELY(scope_layout.floats))
        return scope_word_at(value, 16);
    const double number = PyFloat_AsDouble(value);
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

/* GIL not needed; does not allocate. */
static inline uint64_t special_word(enum scope_special special) {
    return (uint64_t)special << 4 | SCOPE_WORD_SPECIAL;
}

/* GIL not needed; does not allocate. */
static inline uint64_t bool_word(PyObject *value) {
    return special_word(value == Py_True ? SCOPE_SPECIAL_TRUE : SCOPE_SPECIAL_FALSE);
}

/* GIL not needed; does not allocate. An object whose type has this number. */
static inline uint64_t object_word(PyObject *value, uint64_t number) {
    return number << 48 | ((uint64_t)(uintptr_t)value & 0xfffffffffff0u) | SCOPE_WORD_OBJECT;
}

static uint64_t key_of_items(const struct scope_items *items, int depth);

/* GIL held; may allocate; leaves exceptions as they are. All that would be shown of a value, as one number. */
static uint64_t key_of(PyObject *value, int depth) {
    const uint32_t what = scope_type_number(&types, (PyObject *)Py_TYPE(value));
    uint64_t word;
    switch (what) {
    case AN_INT:
        word = int_word(value);
        return word ? word : scope_key_of_long_int(value);
    case A_STR:
        return scope_key_of_str(value);
    case A_FLOAT:
        return scope_mix(bits_of_float(value), SCOPE_WORD_FLOAT);
    case A_BYTES:
        return scope_key_of_bytes_object(value);
    case A_BOOL:
        return bool_word(value);
    case NONE:
        return special_word(SCOPE_SPECIAL_NONE);
    case AN_ELLIPSIS:
        return special_word(SCOPE_SPECIAL_ELLIPSIS);
    default:
        if (what < A_CONTAINER)
            return object_word(value, what);
        if (depth >= MOST_DEPTH)
            return special_word(SCOPE_SPECIAL_CUT);
        struct scope_items items;
        scope_items_take(&items, value, what - A_CONTAINER);
        return key_of_items(&items, depth);
    }
}

/* GIL held; may allocate; leaves exceptions as they are. As key_of(), of what most items are without a look at the table of
 * types. */
static inline uint64_t key_of_item(PyObject *item, int depth) {
    const PyTypeObject *type = Py_TYPE(item);
    int64_t number;
    if (SCOPE_LIKELY(type == &PyLong_Type && scope_small_int(item, &number)))
        return (uint64_t)number << 4 | SCOPE_WORD_INT;
    if (SCOPE_LIKELY(type == &PyUnicode_Type))
        return scope_key_of_str(item);
    return key_of(item, depth);
}

/* GIL held; may allocate; leaves exceptions as they are. Containers of different depth show their items differently. Each
 * place has a function of its own, and their sum is the key: no multiplication waits for the one before. */
static uint64_t key_of_items(const struct scope_items *items, int depth) {
    const uint64_t what = (uint64_t)items->what << 8 | (uint64_t)depth << 4 | SCOPE_WORD_CONTAINER;
    uint64_t key = scope_mix(what, (uint64_t)items->length), place = 0;
    for (uint32_t i = 0; i < items->count; i++) {
        place += 0x9E3779B97F4A7C15u;
        key += scope_mix(key_of_item(items->items[i], depth + 1), place);
    }
    return key;
}

static void put(struct scope_words *to, PyObject *value, int depth, const uint64_t *end);

/* GIL held; allocates; leaves exceptions as they are. */
static SCOPE_NOT_INLINE bool is_credential(PyObject *name) {
    PyObject *error_type, *error, *traceback;
    PyErr_Fetch(&error_type, &error, &traceback);
    PyObject *bytes = scope_utf8(name);
    const bool is_secret = bytes && scope_is_credential(PyBytes_AsString(bytes));
    if (bytes)
        Py_DecRef(bytes);
    PyErr_Restore(error_type, error, traceback);
    return is_secret;
}

/* GIL held; may allocate; leaves exceptions as they are. Whether a key of a dict says that its value is a secret. A program
 * has few keys and looks for each a million times, and a look through the table of names takes half a microsecond. */
static bool names_a_secret(PyObject *key) {
    if (!PyUnicode_CheckExact(key) || PyUnicode_GetLength(key) >= MOST_NAME_CHARACTERS)
        return false;
    const uint64_t hash = scope_key_of_str(key);
    struct judged *known = &judged[hash % JUDGED];
    if (known->hash != hash)
        *known = (struct judged){.hash = hash, .is_secret = is_credential(key)};
    return known->is_secret;
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

/* GIL held; may allocate; leaves exceptions as they are. One that has not been written yet. */
static void put_new_container(struct scope_words *to, const struct scope_items *items, uint64_t key, int depth,
                              const uint64_t *end) {
    if (end - to->next < 2 + (ptrdiff_t)items->count) {
        scope_words_put_cut(to);
        return;
    }
    const uint64_t shown = items->what == SCOPE_CONTAINER_DICT ? items->count / 2 : items->count;
    const uint64_t length = items->length < UINT32_MAX ? (uint64_t)items->length : UINT32_MAX;
    const uint64_t id = scope_written_next_id(), is_cut = shown < length;
    const bool had_cut = to->has_cut;
    to->next[0] = length << 32 | shown << 16 | is_cut << 8 | (uint64_t)items->what << 4 | SCOPE_WORD_CONTAINER;
    to->next[1] = id;
    to->next += 2;
    to->has_cut = false;
    put_items(to, items, depth, end);
    if (!to->has_cut)
        scope_written_now(to, key, id);
    to->has_cut |= had_cut;
}

/* GIL held; may allocate; leaves exceptions as they are. */
static void put_container(struct scope_words *to, PyObject *value, enum scope_container_what what, int depth,
                          const uint64_t *end) {
    struct scope_items items;
    if (depth >= MOST_DEPTH) {
        scope_words_put_special(to, SCOPE_SPECIAL_CUT);
        return;
    }
    scope_items_take(&items, value, what);
    const uint64_t key = scope_mix(key_of_items(&items, depth), to->chunk);
    if (!scope_written_again(to, key))
        put_new_container(to, &items, key, depth, end);
}

/* GIL held; may allocate; leaves exceptions as they are. At least one word fits before `end`. */
static void put(struct scope_words *to, PyObject *value, int depth, const uint64_t *end) {
    const uint32_t what = scope_type_number(&types, (PyObject *)Py_TYPE(value));
    uint64_t word;
    switch (what) {
    case AN_INT:
        word = int_word(value);
        if (word)
            *to->next++ = word;
        else
            scope_put_long_int(to, value, end);
        return;
    case A_STR:
        scope_put_str(to, value, end);
        return;
    case A_FLOAT:
        if (end - to->next < 2) {
            scope_words_put_cut(to);
            return;
        }
        *to->next++ = SCOPE_WORD_FLOAT;
        *to->next++ = bits_of_float(value);
        return;
    case A_BYTES:
        scope_put_bytes(to, value, end);
        return;
    case A_BOOL:
        *to->next++ = bool_word(value);
        return;
    case NONE:
        scope_words_put_special(to, SCOPE_SPECIAL_NONE);
        return;
    case AN_ELLIPSIS:
        scope_words_put_special(to, SCOPE_SPECIAL_ELLIPSIS);
        return;
    default:
        if (what < A_CONTAINER)
            *to->next++ = object_word(value, what);
        else
            put_container(to, value, what - A_CONTAINER, depth, end);
    }
}

/* GIL held; may allocate; leaves exceptions as they are. */
void scope_words_put_other(struct scope_words *to, PyObject *value) {
    if (SCOPE_UNLIKELY(!value)) {
        scope_words_put_special(to, SCOPE_SPECIAL_UNBOUND);
        return;
    }
    const PyTypeObject *type = Py_TYPE(value);
    if (type == &PyUnicode_Type)
        scope_put_str(to, value, to->end);
    else if (type == &PyList_Type)
        put_container(to, value, SCOPE_CONTAINER_LIST, 0, to->end);
    else if (type == &PyDict_Type)
        put_container(to, value, SCOPE_CONTAINER_DICT, 0, to->end);
    else
        put(to, value, 0, to->end);
}

/* GIL held; may allocate; leaves exceptions as they are. */
uint64_t scope_words_key_of_other(PyObject *value) {
    return value ? key_of(value, 0) : 0;
}
