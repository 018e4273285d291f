/* The first items of a container, read where they lie. Exact types only: nothing of the program runs for it. */
#include "values/items.h"

#include "values/layout.h"

/* GIL held; does not allocate. Of a list or tuple. */
static inline void take_sequence(struct scope_items *items, PyObject *value, bool is_list) {
    const size_t at = is_list ? scope_layout.list_items : scope_layout.tuple_items;
    items->length = at ? (Py_ssize_t)scope_word_at(value, 16) : is_list ? PyList_Size(value) : PyTuple_Size(value);
    items->count = items->length < SCOPE_MOST_ITEMS ? (uint32_t)items->length : SCOPE_MOST_ITEMS;
    const unsigned char *from = (const unsigned char *)value + at;
    if (is_list && at)
        from = (const unsigned char *)(uintptr_t)scope_word_at(value, at);
    for (uint32_t i = 0; i < items->count && SCOPE_LIKELY(at != 0); i++)
        memcpy(&items->items[i], from + i * sizeof *items->items, sizeof *items->items);
    for (uint32_t i = 0; i < items->count && SCOPE_UNLIKELY(at == 0); i++)
        items->items[i] = is_list ? PyList_GetItem(value, i) : PyTuple_GetItem(value, i);
}

/* GIL held; does not allocate. */
static void take_dict(struct scope_items *items, PyObject *value) {
    Py_ssize_t at = 0;
    items->length = SCOPE_LIKELY(scope_layout.dict_lengths) ? (Py_ssize_t)scope_word_at(value, 16) : PyDict_Size(value);
    items->count = 0;
    const uint32_t most = items->length < SCOPE_MOST_ITEMS ? 2 * (uint32_t)items->length : 2 * SCOPE_MOST_ITEMS;
    while (items->count < most && PyDict_Next(value, &at, &items->items[items->count], &items->items[items->count + 1]))
        items->count += 2;
}

/* GIL held; does not allocate where the interpreter exports how it goes through a set, else an iterator with the collector
 * off; leaves exceptions as they are. */
static void take_set(struct scope_items *items, PyObject *value) {
    Py_ssize_t at = 0;
    Py_hash_t hash;
    items->length = PySet_Size(value);
    items->count = 0;
    if (scope_python.set_next) {
        while (items->count < SCOPE_MOST_ITEMS &&
               scope_python.set_next(value, &at, &items->items[items->count], &hash) == 1) {
            if (scope_python.set_next_is_new)
                Py_DecRef(items->items[items->count]);
            items->count += 1;
        }
        return;
    }
    PyObject *error_type, *error, *traceback;
    PyErr_Fetch(&error_type, &error, &traceback);
    int collecting = PyGC_Disable();
    PyObject *iterator = PyObject_GetIter(value), *item;
    while (iterator && items->count < SCOPE_MOST_ITEMS && (item = PyIter_Next(iterator))) {
        items->items[items->count++] = item;
        Py_DecRef(item);
    }
    if (iterator)
        Py_DecRef(iterator);
    if (collecting)
        PyGC_Enable();
    PyErr_Restore(error_type, error, traceback);
}

/* GIL held; may allocate an iterator; leaves exceptions as they are. Of an object of exactly that type. */
void scope_items_take(struct scope_items *items, PyObject *value, enum scope_container_what what) {
    items->what = what;
    if (what == SCOPE_CONTAINER_DICT)
        take_dict(items, value);
    else if (what == SCOPE_CONTAINER_LIST || what == SCOPE_CONTAINER_TUPLE)
        take_sequence(items, value, what == SCOPE_CONTAINER_LIST);
    else
        take_set(items, value);
}
