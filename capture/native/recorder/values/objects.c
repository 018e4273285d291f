/* Serial numbers of instances: addresses are reused, serials never.
 *
 * An instance gets its serial when it is allocated, or at the first sight of one that is older than the recording. So a
 * serial ends with the next birth at its address, and nothing has to hear of deaths: no weak reference, no object of
 * the program's kept alive. The table holds addresses, as many as ever lived at once, up to MOST_OBJECTS. */
#include "values/objects.h"

#include "unseen.h"

#include <stdlib.h>

#define MOST_OBJECTS 1000000u /* 2 Mi entries of 16 bytes: 32 MiB */

struct known {
    PyObject *object; /* an address, never used as an object */
    uint64_t serial;
};

static struct known *table; /* open addressing */
static uint32_t mask, count, shift;
static uint64_t last_serial;

/* GIL held; does not allocate. */
static inline uint32_t slot_of(const PyObject *object) {
    return (uint32_t)(((uint64_t)(uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u >> shift);
}

/* GIL held; does not allocate. The entry of an address, or the free one where it belongs. */
static inline struct known *entry_of(const PyObject *object) {
    uint32_t at = slot_of(object);
    while (table[at].object && table[at].object != object)
        at = (at + 1) & mask;
    return &table[at];
}

/* GIL held; allocates plain memory; false when there is no place for one more. */
static bool make_room(void) {
    if (table && count * 2 < mask)
        return true;
    struct known *old = table;
    uint32_t old_mask = mask, bigger = old ? mask * 2 + 1 : 4095;
    if (count >= MOST_OBJECTS) {
        scope_unseen("objects-full", "");
        return false;
    }
    struct known *more = calloc((size_t)bigger + 1, sizeof *more);
    if (!more)
        return false;
    table = more;
    mask = bigger;
    shift = (uint32_t)__builtin_clzll(bigger);
    for (uint32_t i = 0; old && i <= old_mask; i++)
        if (old[i].object)
            *entry_of(old[i].object) = old[i];
    free(old);
    return true;
}

/* GIL held; may allocate plain memory; leaves exceptions as they are. An instance has just been allocated. */
void scope_object_born(PyObject *object) {
    if (SCOPE_UNLIKELY(!table) && !make_room())
        return;
    struct known *entry = entry_of(object);
    if (!entry->object) {
        if (!make_room())
            return;
        entry = entry_of(object);
        entry->object = object;
        count += 1;
    }
    entry->serial = ++last_serial | SCOPE_OBJECT_FRESH;
}

/* GIL held; may allocate plain memory; leaves exceptions as they are. Where the instance's serial is kept, until the next
 * call of this module; a new one when it has none. NULL = too many objects. */
uint64_t *scope_object_serial(PyObject *object) {
    if (SCOPE_LIKELY(table != NULL)) {
        struct known *entry = entry_of(object);
        if (SCOPE_LIKELY(entry->object != NULL))
            return &entry->serial;
    }
    scope_object_born(object);
    struct known *entry = table ? entry_of(object) : NULL;
    return entry && entry->object ? &entry->serial : NULL;
}

/* GIL held; does not allocate. Memory of the table. */
size_t scope_objects_bytes(void) {
    return table ? ((size_t)mask + 1) * sizeof *table : 0;
}

/* GIL held; does not allocate. A recording begins. */
void scope_objects_open(void) {
    last_serial = 0;
}

/* GIL held; frees plain memory. Who is seen again in this recording gets a new serial: what was at its address meanwhile is
 * not known. */
void scope_objects_close(void) {
    free(table);
    table = NULL;
    mask = count = 0;
}
