/* Serial numbers of instances: addresses are reused, serials never.
 *
 * Of a class that is watched whole an instance gets its serial when it is allocated, or at the first sight of one that is
 * older than the recording. So a serial ends with the next birth at its address, and nothing has to hear of deaths. The
 * function that tells of births has a price, which CPython 3.13 pays for good (hooks/classes.c). Of other classes only some
 * instances are followed; a weak reference to each says whether it is still the one at its address. It has no callback, and
 * none that the program has made is another one: they share it.
 *
 * The table holds addresses, as many as ever lived at once, up to MOST_OBJECTS; of those that are held weakly up to
 * MOST_LIVES, of which the dead are forgotten when there is no room, once in LOOK_NS. */
#include "values/objects.h"

#include "clock.h"
#include "unseen.h"

#include <stdlib.h>
#include <string.h>

#define MOST_OBJECTS 1000000u /* 2 Mi entries of 32 bytes: 64 MiB */
#define MOST_LIVES 65536u
#define LOOK_NS 1000000000u
#define REFERENT 16 /* of a weak reference, behind its head; proved on each that is made */

static struct scope_object *table; /* open addressing */
static uint32_t mask, count, lives, shift;
static uint64_t last_serial, looked_ns;

/* GIL held; does not allocate. */
static inline uint32_t slot_of(const PyObject *object) {
    return (uint32_t)(((uint64_t)(uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u >> shift);
}

/* GIL held; does not allocate. The entry of an address, or the free one where it belongs. */
static inline struct scope_object *entry_of(const PyObject *object) {
    uint32_t at = slot_of(object);
    while (table[at].object && table[at].object != object)
        at = (at + 1) & mask;
    return &table[at];
}

/* GIL held; does not allocate; borrowed. What a weak reference refers to: None where that is gone. The function for it takes
 * longer than all else here, and each write asks. */
static inline PyObject *referent_of(const PyObject *life) {
    PyObject *referent;
    memcpy(&referent, (const char *)life + REFERENT, sizeof referent);
    return referent;
}

/* GIL held; does not allocate. Whether the entry is that of the object at its address. */
static inline bool is_alive(const struct scope_object *entry) {
    return !entry->life || referent_of(entry->life) == entry->object;
}

/* GIL held; allocates plain memory, releases weak references, which runs nothing; false without any. */
static bool rebuild(uint32_t bigger, bool with_the_dead) {
    struct scope_object *old = table, *more = calloc((size_t)bigger + 1, sizeof *more);
    const uint32_t old_mask = mask;
    if (!more)
        return false;
    table = more;
    mask = bigger;
    shift = (uint32_t)__builtin_clzll(bigger);
    for (uint32_t i = 0; old && i <= old_mask; i++) {
        if (!old[i].object)
            continue;
        if (with_the_dead || is_alive(&old[i])) {
            *entry_of(old[i].object) = old[i];
        } else {
            Py_DecRef(old[i].life);
            lives -= 1;
            count -= 1;
        }
    }
    free(old);
    return true;
}

/* GIL held; allocates plain memory; false when there is no place for one more. */
static bool make_room(void) {
    if (table && count * 2 < mask)
        return true;
    if (count >= MOST_OBJECTS) {
        scope_unseen("objects-full", "");
        return false;
    }
    return rebuild(table ? mask * 2 + 1 : 4095, true);
}

/* GIL held; allocates plain memory, releases weak references; false when there is no place for one more that is held weakly. */
static bool make_room_for_a_life(void) {
    if (lives < MOST_LIVES)
        return true;
    const uint64_t now_ns = scope_coarse_ns();
    if (now_ns - looked_ns < LOOK_NS)
        return false;
    looked_ns = now_ns;
    return rebuild(mask, false) && lives < MOST_LIVES;
}

/* GIL held; may allocate plain memory; NULL = too many objects. */
static struct scope_object *entry_for(PyObject *object) {
    if (SCOPE_UNLIKELY(!table) && !make_room())
        return NULL;
    struct scope_object *entry = entry_of(object);
    if (!entry->object) {
        if (!make_room())
            return NULL;
        entry = entry_of(object);
        entry->object = object;
        count += 1;
    }
    return entry;
}

/* GIL held; releases a weak reference. The entry is that of another instance from now on. */
static void begin(struct scope_object *entry, PyObject *life) {
    lives += (life != NULL) - (entry->life != NULL);
    if (entry->life)
        Py_DecRef(entry->life);
    *entry = (struct scope_object){
        .object = entry->object, .life = life, .serial = ++last_serial, .is_fresh = true, .is_left = false};
}

/* GIL held; may allocate plain memory; leaves exceptions as they are. An instance has just been allocated. */
void scope_object_born(PyObject *object) {
    struct scope_object *entry = entry_for(object);
    if (entry)
        begin(entry, NULL);
}

/* GIL held; does not allocate. An instance has just been allocated that is not followed: what was known of its address is
 * over. */
void scope_object_passed_over(PyObject *object) {
    struct scope_object *entry = table ? entry_of(object) : NULL;
    if (entry && entry->object)
        entry->serial = 0;
}

/* GIL held; does not allocate. What is known of an instance that is followed, until the next call of this module; NULL =
 * it is not, or not yet. */
struct scope_object *scope_object_known(PyObject *object) {
    if (SCOPE_UNLIKELY(!table))
        return NULL;
    struct scope_object *entry = entry_of(object);
    return SCOPE_LIKELY(entry->object && entry->serial && is_alive(entry)) ? entry : NULL;
}

/* GIL held; may allocate with the collector off; leaves no exception. An instance that is not known is followed from now on,
 * until the next call of this module; NULL = too many objects, or it cannot be told when it is gone. */
struct scope_object *scope_object_met(PyObject *object, bool births_are_told) {
    PyObject *life = NULL;
    if (!births_are_told) {
        if (!make_room_for_a_life())
            return NULL;
        int collecting = PyGC_Disable();
        life = PyWeakref_NewRef(object, NULL);
        PyErr_Clear();
        if (collecting)
            PyGC_Enable();
        if (life && referent_of(life) != object) {
            Py_DecRef(life);
            life = NULL;
        }
        if (!life)
            return NULL;
    }
    struct scope_object *entry = entry_for(object);
    if (entry)
        begin(entry, life);
    else if (life)
        Py_DecRef(life);
    return entry;
}

/* GIL held; does not allocate. Memory of the table. */
size_t scope_objects_bytes(void) {
    return table ? ((size_t)mask + 1) * sizeof *table : 0;
}

/* GIL held; does not allocate. A recording begins. */
void scope_objects_open(void) {
    last_serial = 0;
}

/* GIL held; frees plain memory, releases weak references. Who is seen again in this recording gets a new serial: what was at
 * its address meanwhile is not known. */
void scope_objects_close(void) {
    for (uint32_t i = 0; lives && table && i <= mask; i++)
        if (table[i].life)
            Py_DecRef(table[i].life);
    free(table);
    table = NULL;
    mask = count = lives = 0;
    looked_ns = 0;
}
