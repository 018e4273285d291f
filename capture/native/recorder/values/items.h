/* What is shown of a list, tuple, set, frozenset or dict: its first items. */
#ifndef SCOPE_RECORDER_ITEMS_H
#define SCOPE_RECORDER_ITEMS_H

#include "python_api.h"

#include "scope_values.h"

#define SCOPE_MOST_ITEMS 8u /* pairs of a dict */

struct scope_items {
    enum scope_container_what what;
    uint32_t count;                        /* of `items`; of a dict keys and values take turns */
    Py_ssize_t length;                     /* of the container */
    PyObject *items[2 * SCOPE_MOST_ITEMS]; /* borrowed: the container has them, and nothing runs that could change it */
};

void scope_items_take(struct scope_items *items, PyObject *value, enum scope_container_what what);

#endif
