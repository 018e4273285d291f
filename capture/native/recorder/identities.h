/* Which definitions are stored already: 64-bit hashes of what they say -> their numbers. */
#ifndef SCOPE_RECORDER_IDENTITIES_H
#define SCOPE_RECORDER_IDENTITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scope_identity {
    uint64_t hash; /* 0 = free */
    uint32_t id;
};

struct scope_identities {
    struct scope_identity *entries; /* open addressing, at most half full; NULL = none yet */
    uint32_t bits;
    uint32_t count; /* ids are 1 to count */
    uint32_t limit;
};

uint64_t scope_identity_hash(const char *const *fields, int count);
uint32_t scope_identity_find(const struct scope_identities *of, uint64_t hash);
uint32_t scope_identity_next(struct scope_identities *of);
void scope_identity_add(struct scope_identities *of, uint64_t hash);
void scope_identities_close(struct scope_identities *of);
size_t scope_identities_bytes(const struct scope_identities *of);

#endif
