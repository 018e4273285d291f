/* Types as small numbers.
 *
 * Types are addresses here; a weak reference tells when one is gone, so that nothing keeps it. A program that makes the
 * same type a million times has one number for it. */
#include "values/types.h"

#include "defs.h"
#include "unseen.h"
#include "values/typenames.h"

#include <stdlib.h>

#define FIRST_BITS 8
#define MOST_BITS 17 /* 64 Ki types that are alive at once */

static struct scope_types *first; /* of those that know a type */

/* GIL held; does not allocate. The entry of a type, or the free one where it belongs. */
static struct scope_known_type *place_of(struct scope_types *all, const PyObject *type) {
    const uint32_t mask = (1u << all->bits) - 1;
    uint32_t at = scope_type_slot(all, type);
    while (all->table[at].type && all->table[at].type != type)
        at = (at + 1) & mask;
    return &all->table[at];
}

/* GIL held; allocates plain memory; false when there is no place for one more. */
static bool make_room(struct scope_types *all) {
    if (all->table && all->count * 2 < 1u << all->bits)
        return true;
    const uint32_t bits = all->table ? all->bits + 1 : FIRST_BITS;
    struct scope_known_type *bigger = bits <= MOST_BITS ? calloc((size_t)1 << bits, sizeof *bigger) : NULL;
    if (!bigger)
        return false;
    if (!all->table) {
        all->next = first;
        first = all;
    }
    struct scope_known_type *old = all->table;
    const uint32_t old_size = old ? 1u << all->bits : 0;
    all->table = bigger;
    all->bits = bits;
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].type)
            *place_of(all, old[i].type) = old[i];
    free(old);
    return true;
}

/* GIL held; does not allocate. Entries that had to step aside for this one move up. */
static void take_out(struct scope_types *all, uint32_t hole) {
    const uint32_t mask = (1u << all->bits) - 1;
    for (uint32_t at = (hole + 1) & mask; all->table[at].type; at = (at + 1) & mask) {
        if (((at - scope_type_slot(all, all->table[at].type)) & mask) < ((at - hole) & mask))
            continue;
        all->table[hole] = all->table[at];
        hole = at;
    }
    all->table[hole] = (struct scope_known_type){0};
    all->count -= 1;
}

/* GIL held; releases; new reference. Called by the interpreter when a type is gone, of which `self` is the address. */
static PyObject *on_type_gone(PyObject *self, PyObject *reference) {
    const PyObject *type = PyLong_AsVoidPtr(self);
    for (struct scope_types *all = first; all; all = all->next) {
        const struct scope_known_type *known = place_of(all, type);
        if (known->type && known->reference == reference) {
            take_out(all, (uint32_t)(known - all->table));
            Py_DecRef(reference);
            break;
        }
    }
    SCOPE_RETURN_NONE;
}

static PyMethodDef on_type_gone_method = {"scope_type_gone", on_type_gone, METH_O, NULL};

/* GIL held; allocates; 0 when there is no room, or the definition could not be stored. */
static uint32_t number_of_name(struct scope_types *all, PyTypeObject *type) {
    char name[SCOPE_TYPE_NAME_BYTES];
    scope_type_name(type, name);
    const char *fields[] = {name};
    const uint64_t hash = scope_identity_hash(fields, 1);
    const uint32_t present = scope_identity_find(&all->names, hash);
    if (present)
        return present;
    const uint32_t id = scope_identity_next(&all->names);
    if (!id)
        scope_unseen(all->full, "");
    if (!id || !scope_define(all->kind, id, fields, 1))
        return 0;
    scope_identity_add(&all->names, hash);
    return id;
}

/* GIL held; allocates with the collector off; leaves exceptions as they are. The first sight of a type; 0 = no number. */
uint32_t scope_type_learn(struct scope_types *all, PyObject *type) {
    PyObject *error_type, *error, *traceback;
    PyErr_Fetch(&error_type, &error, &traceback);
    int collecting = PyGC_Disable(); /* a type that goes now would move the entries */
    const uint32_t id = number_of_name(all, (PyTypeObject *)type);
    PyObject *address = make_room(all) ? PyLong_FromVoidPtr(type) : NULL;
    PyObject *callback = address ? PyCFunction_NewEx(&on_type_gone_method, address, NULL) : NULL;
    PyObject *reference = callback ? PyWeakref_NewRef(type, callback) : NULL;
    if (reference) {
        *place_of(all, type) = (struct scope_known_type){type, reference, id};
        all->count += 1;
    }
    PyErr_Clear();
    if (callback)
        Py_DecRef(callback);
    if (address)
        Py_DecRef(address);
    if (collecting)
        PyGC_Enable();
    PyErr_Restore(error_type, error, traceback);
    return id;
}

/* GIL held; allocates plain memory; false when there is none. Has a type that never goes count as this number, which needs no
 * definition. */
bool scope_type_settle(struct scope_types *all, PyObject *type, uint32_t id) {
    if (!make_room(all))
        return false;
    struct scope_known_type *place = place_of(all, type);
    all->count += place->type == NULL;
    *place = (struct scope_known_type){type, NULL, id};
    return true;
}

/* GIL held; releases weak references, frees plain memory: hooks must be inactive. */
void scope_types_close(struct scope_types *all) {
    struct scope_known_type *table = all->table;
    const uint32_t size = table ? 1u << all->bits : 0;
    for (struct scope_types **at = &first; *at; at = &(*at)->next)
        if (*at == all) {
            *at = all->next;
            break;
        }
    all->table = NULL;
    all->bits = all->count = 0;
    for (uint32_t i = 0; i < size; i++)
        if (table[i].reference)
            Py_DecRef(table[i].reference);
    free(table);
    scope_identities_close(&all->names);
}

/* GIL held; does not allocate. What the tables take of the target's memory. */
size_t scope_types_bytes(const struct scope_types *all) {
    const size_t table = all->table ? sizeof *all->table << all->bits : 0;
    return table + scope_identities_bytes(&all->names);
}
