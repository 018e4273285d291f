/* Types as small numbers, by their address, without keeping them; a definition each. */
#ifndef SCOPE_RECORDER_TYPES_H
#define SCOPE_RECORDER_TYPES_H

#include "identities.h"
#include "python_api.h"

#include "scope_pool.h"

struct scope_known_type {
    PyObject *type;      /* borrowed; NULL = free */
    PyObject *reference; /* strong: a weak reference that tells when it is gone */
    uint32_t id;
};

struct scope_types {
    enum scope_def kind;            /* of the definitions: one field, the qualified name */
    const char *full;               /* what is said where there is no number left; capture/unseen.py */
    struct scope_identities names;  /* a name is one number, however often such a type is made */
    struct scope_known_type *table; /* open addressing, at most half full; NULL = none yet */
    uint32_t bits, count;
    struct scope_types *next; /* of those that know a type */
};

uint32_t scope_type_learn(struct scope_types *all, PyObject *type);
bool scope_type_settle(struct scope_types *all, PyObject *type, uint32_t id);
void scope_types_close(struct scope_types *all);
size_t scope_types_bytes(const struct scope_types *all);

/* GIL not needed; does not allocate. */
static inline uint32_t scope_type_slot(const struct scope_types *all, const PyObject *type) {
    return (uint32_t)(((uint64_t)(uintptr_t)type >> 4) * 0x9E3779B97F4A7C15u >> (64 - all->bits));
}

/* GIL held; allocates at the first sight of a type, with the collector off; leaves exceptions as they are. 0 = no number. */
static inline uint32_t scope_type_number(struct scope_types *all, PyObject *type) {
    if (SCOPE_LIKELY(all->table != NULL))
        for (uint32_t at = scope_type_slot(all, type);; at = (at + 1) & ((1u << all->bits) - 1)) {
            if (SCOPE_LIKELY(all->table[at].type == type))
                return all->table[at].id;
            if (!all->table[at].type)
                break;
        }
    return scope_type_learn(all, type);
}

#endif
