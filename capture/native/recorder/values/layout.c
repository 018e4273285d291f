/* Where exact built-in objects keep what they hold.
 *
 * Each part is proved on objects whose content is known; one that does not read as it should is read through the stable
 * ABI instead, which takes longer and says the same.
 *
 * Source: CPython, Include/cpython/unicodeobject.h, longintrepr.h, floatobject.h, listobject.h, tupleobject.h. */
#include "values/layout.h"

#include "filter.h"

struct scope_layout scope_layout = {.ascii_bits = UINT32_MAX};

/* GIL held; allocates; never leaves an exception. A str: 16 length, 24 hash, 32 state, one bit of which says ASCII; then,
 * from 40 or 48, the characters. Before 3.12 the bit below says whether they are there, and not elsewhere. */
static void find_str(void) {
    PyObject *plain = PyUnicode_FromString("qz"), *accented = PyUnicode_FromString("\xc3\xa9\xc3\xa8");
    if (plain && accented) {
        const uint64_t state = scope_word_at(plain, 32);
        const uint64_t differs = state & ~scope_word_at(accented, 32) & 0xff; /* the rest is not initialised */
        const uint64_t bits = scope_python.version < 0x030c ? differs | differs >> 1 : differs;
        const bool is_one = differs && !(differs & (differs - 1)) && (state & bits) == bits;
        for (size_t at = 40; at <= 48 && is_one && !scope_layout.ascii_at; at += 8)
            if (memcmp((char *)plain + at, "qz", 3) == 0) {
                scope_layout.ascii_at = at;
                scope_layout.ascii_bits = (uint32_t)bits;
            }
        const bool is_unset = scope_word_at(plain, 24) == UINT64_MAX;
        const uint64_t hash = (uint64_t)PyObject_Hash(plain);
        scope_layout.hashes = is_unset && scope_word_at(plain, 24) == hash && scope_word_at(plain, 16) == 2;
    }
    PyErr_Clear();
    if (plain)
        Py_DecRef(plain);
    if (accented)
        Py_DecRef(accented);
}

/* GIL held; allocates; never leaves an exception. Whether all numbers of one digit read as they are, and no others do. */
static bool ints_read_as(enum scope_int_layout layout) {
    static const long long numbers[] = {0, 1, -1, 7, -5, 255, 300, -300, 12345678, (1 << 30) - 1, -((1 << 30) - 1)};
    static const long long others[] = {1ll << 30, -(1ll << 30), (1ll << 59) + 1, INT64_MAX, INT64_MIN};
    bool known = true;
    scope_layout.ints = layout;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers + sizeof others / sizeof *others; i++) {
        const size_t count = sizeof numbers / sizeof *numbers;
        const long long number = i < count ? numbers[i] : others[i - count];
        int64_t read;
        PyObject *value = PyLong_FromLongLong(number);
        known = known && value &&
                (i < count ? scope_small_int(value, &read) && read == number : !scope_small_int(value, &read));
        if (value)
            Py_DecRef(value);
    }
    PyErr_Clear();
    return known;
}

/* GIL held; allocates; never leaves an exception. */
static void find_numbers(void) {
    PyObject *real = PyFloat_FromDouble(1234.5678);
    const double expected = 1234.5678;
    uint64_t word;
    memcpy(&word, &expected, sizeof word);
    scope_layout.floats = real && scope_word_at(real, 16) == word;
    if (real)
        Py_DecRef(real);
    PyErr_Clear();
    if (!ints_read_as(SCOPE_INTS_TAGGED) && !ints_read_as(SCOPE_INTS_SIZED))
        scope_layout.ints = SCOPE_INTS_UNKNOWN;
}

/* GIL held; allocates; never leaves an exception. All have their length at 16; a tuple of 3.14 and later its hash before its
 * items. */
static void find_items(void) {
    PyObject *items[] = {PyFloat_FromDouble(1.5), PyFloat_FromDouble(2.5), PyFloat_FromDouble(3.5)};
    PyObject *tuple = items[0] && items[1] && items[2] ? PyTuple_Pack(3, items[0], items[1], items[2]) : NULL;
    PyObject *list = tuple ? PySequence_List(tuple) : NULL;
    if (list && scope_word_at(tuple, 16) == 3)
        for (size_t at = 24; at <= 32 && !scope_layout.tuple_items; at += 8)
            if (memcmp((char *)tuple + at, items, 2 * sizeof *items) == 0)
                scope_layout.tuple_items = at;
    if (list && scope_word_at(list, 16) == 3 && scope_layout.tuple_items &&
        memcmp((void *)(uintptr_t)scope_word_at(list, 24), items, sizeof items) == 0)
        scope_layout.list_items = 24;
    PyObject *dict = PyDict_New();
    scope_layout.dict_lengths = dict && tuple && scope_word_at(dict, 16) == 0 &&
                                PyDict_SetItem(dict, items[0], items[1]) == 0 && scope_word_at(dict, 16) == 1 &&
                                PyDict_SetItem(dict, items[1], items[2]) == 0 && scope_word_at(dict, 16) == 2 &&
                                PyDict_DelItem(dict, items[0]) == 0 && scope_word_at(dict, 16) == 1;
    PyErr_Clear();
    PyObject *parts[] = {dict, list, tuple, items[0], items[1], items[2]};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; allocates; runs our code; new reference or NULL with an exception. */
static PyObject *new_asynchronous_generator(void) {
    PyObject *code = Py_CompileString("async def numbers():\n    yield 4.5\n", SCOPE_OWN_CODE, Py_file_input);
    PyObject *globals = code ? PyDict_New() : NULL;
    PyObject *result = globals ? PyEval_EvalCode(code, globals, globals) : NULL;
    PyObject *function = result ? PyDict_GetItemString(globals, "numbers") : NULL; /* borrowed */
    PyObject *generator = function ? PyObject_CallNoArgs(function) : NULL;
    PyObject *parts[] = {code, globals, result};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    return generator;
}

/* GIL held; allocates; runs our code; never leaves an exception. The type has no name that could be asked for; it lives as
 * long as the interpreter. Sent to like an ordinary one, such a generator gives what it wraps its value in. */
static void find_yielded(void) {
    PyObject *generator = new_asynchronous_generator(), *yielded = NULL;
    if (generator && PyIter_Send(generator, Py_None, &yielded) == PYGEN_NEXT && Py_TYPE(yielded) != &PyFloat_Type) {
        PyObject *value = (PyObject *)(uintptr_t)scope_word_at(yielded, 16);
        if (value && Py_TYPE(value) == &PyFloat_Type && PyFloat_AsDouble(value) == 4.5)
            scope_layout.yielded = Py_TYPE(yielded);
    }
    PyErr_Clear();
    if (yielded)
        Py_DecRef(yielded);
    if (generator)
        Py_DecRef(generator);
    PyErr_Clear();
}

/* GIL held; allocates with the collector as it is; runs our code on a thread that is not recorded; never leaves an
 * exception. */
void scope_layout_find(void) {
    scope_layout = (struct scope_layout){.ascii_bits = UINT32_MAX};
    find_str();
    find_numbers();
    find_items();
    find_yielded();
}
