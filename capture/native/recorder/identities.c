/* Which definitions are stored already.
 *
 * A program may make the same function, the same exception type a million times; each is one definition. Only a hash of
 * 64 bits is kept: among a quarter of a million different ones the chance that any two agree is one in 500 million. */
#include "identities.h"

#include <stdlib.h>

#define FIRST_BITS 10

/* GIL not needed; does not allocate. FNV-1a 64 over the fields and their ends; never 0. */
uint64_t scope_identity_hash(const char *const *fields, int count) {
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < count; i++) {
        const char *text = fields[i];
        do
            hash = (hash ^ (unsigned char)*text) * 1099511628211u;
        while (*text++);
    }
    return hash ? hash : 1;
}

/* GIL held; does not allocate. The entry of `hash`, or the free one where it belongs. */
static struct scope_identity *slot_of(struct scope_identity *entries, uint32_t bits, uint64_t hash) {
    const uint32_t mask = (1u << bits) - 1;
    uint32_t at = (uint32_t)(hash * 0x9E3779B97F4A7C15u >> (64 - bits));
    while (entries[at].hash && entries[at].hash != hash)
        at = (at + 1) & mask;
    return &entries[at];
}

/* GIL held; does not allocate. 0 = not known. */
uint32_t scope_identity_find(const struct scope_identities *of, uint64_t hash) {
    return of->entries ? slot_of(of->entries, of->bits, hash)->id : 0;
}

/* GIL held; allocates plain memory. The number that the next definition gets, 0 when there is no room for one. */
uint32_t scope_identity_next(struct scope_identities *of) {
    if (of->count >= of->limit)
        return 0;
    if (!of->entries || of->count * 2 >= 1u << of->bits) {
        const uint32_t bits = of->entries ? of->bits + 1 : FIRST_BITS;
        struct scope_identity *entries = calloc((size_t)1 << bits, sizeof *entries);
        if (!entries)
            return 0;
        for (uint32_t i = 0; of->entries && i < 1u << of->bits; i++)
            if (of->entries[i].hash)
                *slot_of(entries, bits, of->entries[i].hash) = of->entries[i];
        free(of->entries);
        of->entries = entries;
        of->bits = bits;
    }
    return of->count + 1;
}

/* GIL held; does not allocate. scope_identity_next() has made room, and its number is stored. */
void scope_identity_add(struct scope_identities *of, uint64_t hash) {
    *slot_of(of->entries, of->bits, hash) = (struct scope_identity){.hash = hash, .id = ++of->count};
}

/* GIL held; frees plain memory. */
void scope_identities_close(struct scope_identities *of) {
    free(of->entries);
    of->entries = NULL;
    of->count = of->bits = 0;
}

/* GIL held; does not allocate. */
size_t scope_identities_bytes(const struct scope_identities *of) {
    return of->entries ? sizeof *of->entries << of->bits : 0;
}
