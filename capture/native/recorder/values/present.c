/* What an instance holds now.
 *
 * Asking for its __dict__ would make one, and on 3.11 and later an instance with a __dict__ is slower for the rest of its
 * life. So: a __dict__ that exists is iterated; of inline values the names are read from the class's shared keys and the
 * values by name; __slots__ by their descriptors. PyObject_GenericGetAttr runs no code of the target for a name that the
 * class does not know; other names are passed over unless what the class has there is C.
 *
 * Layout (64 bit, GIL), proved on an instance of our own:
 *   an instance whose class has Py_TPFLAGS_MANAGED_DICT: -24 its __dict__; NULL or an odd number = there is none
 *   a class: 32 size of an instance | 208 where its weak references are | 288 where its __dict__ is
 *   a class: its name, __slots__, qualified name and shared keys, one after the other; where they begin is searched for
 *   shared keys: 9 log2 of the index's bytes | 10 kind, 2 = shared | 24 number of names | 32 index, then (name, unused)
 *
 * Source: CPython, Include/internal/pycore_dict.h, Include/internal/pycore_object.h, Include/cpython/object.h. */
#include "values/present.h"

#include "values/typenames.h"

#include <stddef.h>
#include <string.h>

#define MANAGED_DICT (1ul << 4)
#define SHARED_KEYS 2
#define MOST_SHARED 64

static const struct {
    ptrdiff_t offset; /* in a type */
    const char *name;
} SIZES[] = {{32, "__basicsize__"}, {208, "__weakrefoffset__"}, {288, "__dictoffset__"}};

static bool proved;
static size_t keys_offset; /* 0 = inline values do not exist, or their names cannot be found */
static uintptr_t plain[3]; /* the words of SIZES of a class without __slots__ */

/* GIL held; does not allocate. */
static uintptr_t word_at(const void *object, ptrdiff_t offset) {
    uintptr_t word;
    memcpy(&word, (const char *)object + offset, sizeof word);
    return word;
}

/* GIL held; does not allocate; borrowed. The instance's __dict__ if it exists, NULL if it does not. */
PyObject *scope_present_dict(PyObject *object) {
    if (!proved)
        return NULL;
    if (scope_python.version >= 0x030b && PyType_GetFlags(Py_TYPE(object)) & MANAGED_DICT) {
        uintptr_t word = word_at(object, -24);
        return word & 1 ? NULL : (PyObject *)word;
    }
    PyObject **pointer = scope_python.dict_pointer(object);
    return pointer ? *pointer : NULL;
}

/* GIL held; does not allocate. Whether instances hold nothing beside their __dict__: they are as large as those of a class that
 * has one, can be held weakly and has no __slots__. */
static bool is_plain(PyTypeObject *type) {
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (!plain[0] || word_at(type, SIZES[i].offset) != plain[i])
            return false;
    return true;
}

/* GIL held; allocates; never leaves an exception. Where a class keeps how large its instances are; of one without __slots__. */
static void find_sizes(PyTypeObject *type) {
    bool found = true;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        plain[i] = word_at(type, SIZES[i].offset);
        found &= plain[i] == (uintptr_t)scope_type_integer(type, SIZES[i].name);
    }
    if (!found)
        plain[0] = 0;
}

/* GIL held; does not allocate; borrowed or NULL. */
static PyObject *shared_name(PyTypeObject *type, Py_ssize_t index) {
    const char *keys = (const char *)word_at(type, (ptrdiff_t)keys_offset);
    if (!keys || keys[10] != SHARED_KEYS || index >= MOST_SHARED || index >= (Py_ssize_t)word_at(keys, 24))
        return NULL;
    return (PyObject *)word_at(keys + 32 + ((size_t)1 << keys[9]), index * 16);
}

/* GIL held; allocates; 0 = not found. Where a class keeps its shared keys. */
static size_t find_keys(PyTypeObject *type) {
    PyObject *name = PyObject_GetAttrString((PyObject *)type, "__name__");
    PyObject *qualname = PyObject_GetAttrString((PyObject *)type, "__qualname__");
    size_t found = 0;
    for (ptrdiff_t at = 400; name && qualname && !found && at < 1000; at += 8)
        if (word_at(type, at) == (uintptr_t)name && word_at(type, at + 16) == (uintptr_t)qualname)
            found = (size_t)at + 24;
    if (name)
        Py_DecRef(name);
    if (qualname)
        Py_DecRef(qualname);
    return found;
}

/* GIL held; allocates; never leaves an exception. */
static bool prove(PyObject *instance) {
    PyTypeObject *type = Py_TYPE(instance);
    if (PyObject_SetAttrString(instance, "scope_first", Py_None) != 0 ||
        PyObject_SetAttrString(instance, "scope_second", Py_None) != 0)
        return false;
    bool managed = PyType_GetFlags(type) & MANAGED_DICT;
    if (scope_python.version >= 0x030b) {
        uintptr_t word = word_at(instance, -24);
        if (!managed || (word && !(word & 1)))
            return false;
        keys_offset = find_keys(type);
        PyObject *first = keys_offset ? shared_name(type, 0) : NULL, *second = first ? shared_name(type, 1) : NULL;
        if (!first || !second || shared_name(type, 2) || !PyUnicode_CheckExact(first) ||
            !PyUnicode_CheckExact(second) || PyUnicode_CompareWithASCIIString(first, "scope_first") != 0 ||
            PyUnicode_CompareWithASCIIString(second, "scope_second") != 0)
            return false;
    }
    PyObject *dict = PyObject_GenericGetDict(instance, NULL);
    bool same = false;
    if (dict && scope_python.version >= 0x030b)
        same = word_at(instance, -24) == (uintptr_t)dict;
    else if (dict && scope_python.dict_pointer(instance))
        same = *scope_python.dict_pointer(instance) == dict;
    if (dict)
        Py_DecRef(dict);
    return same;
}

/* GIL held; allocates; never leaves an exception. Proved once per process. */
bool scope_present_prove(void) {
    if (proved)
        return true;
    if (!scope_python.dict_pointer || !scope_python.type_lookup || !scope_python.member_descriptor)
        return false;
    PyObject *known = PyObject_CallFunction((PyObject *)&PyType_Type, "s(){}", "_scope_known");
    PyObject *instance = known ? PyObject_CallNoArgs(known) : NULL;
    proved = instance && prove(instance);
    if (proved)
        find_sizes((PyTypeObject *)known);
    if (!proved)
        keys_offset = 0;
    PyErr_Clear();
    if (instance)
        Py_DecRef(instance);
    if (known)
        Py_DecRef(known);
    return proved;
}

/* GIL held; allocates; new reference or NULL without an exception. What the instance itself holds by that name, where
 * reading it runs no code of the target. */
PyObject *scope_present_value(PyObject *object, PyObject *name) {
    PyObject *of_class = proved ? scope_python.type_lookup(Py_TYPE(object), name) : NULL; /* borrowed */
    if (!proved || (of_class && PyType_GetFlags(Py_TYPE(of_class)) & Py_TPFLAGS_HEAPTYPE &&
                    PyType_GetSlot(Py_TYPE(of_class), Py_tp_descr_get)))
        return NULL;
    PyObject *value = scope_python.get_attribute ? scope_python.get_attribute(object, name, NULL, 1)
                                                 : PyObject_GenericGetAttr(object, name);
    PyErr_Clear();
    if (value && value == of_class) {
        Py_DecRef(value);
        return NULL;
    }
    return value;
}

/* GIL held; allocates; never leaves an exception. */
static void by_name(PyObject *object, PyObject *name, scope_present_each each, void *context) {
    PyObject *value = scope_present_value(object, name);
    if (value)
        each(object, name, value, context);
    if (value)
        Py_DecRef(value);
}

/* GIL held; allocates; never leaves an exception. What __slots__ of the class and its bases hold. */
static void slot_values(PyObject *object, scope_present_each each, void *context) {
    PyObject *bases = scope_type_mro(Py_TYPE(object));
    for (Py_ssize_t i = 0, count = bases ? PyTuple_Size(bases) : 0; i < count; i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GetItem(bases, i);
        if (!(PyType_GetFlags(base) & Py_TPFLAGS_HEAPTYPE))
            continue;
        PyObject *dict = scope_type_dict(base), *items = dict ? PyMapping_Items(dict) : NULL;
        for (Py_ssize_t at = 0, most = items ? PyList_Size(items) : 0; at < most; at++) {
            PyObject *item = PyList_GetItem(items, at);
            if (Py_TYPE(PyTuple_GetItem(item, 1)) == scope_python.member_descriptor)
                by_name(object, PyTuple_GetItem(item, 0), each, context);
        }
        PyErr_Clear();
        if (items)
            Py_DecRef(items);
        if (dict)
            Py_DecRef(dict);
    }
    PyErr_Clear();
    if (bases)
        Py_DecRef(bases);
}

/* GIL held; allocates with the collector off; never leaves an exception. */
void scope_present_values(PyObject *object, scope_present_each each, void *context) {
    PyObject *dict = scope_present_dict(object), *name, *value;
    Py_ssize_t at = 0;
    if (!proved)
        return;
    while (dict && PyDict_Next(dict, &at, &name, &value))
        each(object, name, value, context);
    if (!dict && keys_offset && PyType_GetFlags(Py_TYPE(object)) & MANAGED_DICT)
        for (Py_ssize_t i = 0; (name = shared_name(Py_TYPE(object), i)); i++)
            by_name(object, name, each, context);
    if (!is_plain(Py_TYPE(object)))
        slot_values(object, each, context);
}
