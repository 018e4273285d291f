/* What has been written of values already: a value that comes again in the same chunk costs one word. */
#ifndef SCOPE_RECORDER_WRITTEN_H
#define SCOPE_RECORDER_WRITTEN_H

#include "values/words.h"

#define SCOPE_WRITTEN_BITS 15

struct scope_written {
    uint64_t key; /* 0 = free */
    uint64_t ticks, id;
};

extern struct scope_written *scope_written; /* direct-mapped by the upper bits of the key; never NULL */
extern uint32_t scope_written_shift;
extern uint64_t scope_fresh_ticks; /* how long what is written may be referred to; 0: not at all */

bool scope_written_open(void);
void scope_written_close(void);
void scope_written_sweep(void);
size_t scope_written_bytes(void);
uint64_t scope_written_next_id(void);
uint64_t scope_key_of_bytes(const unsigned char *bytes, size_t count);

/* GIL not needed; does not allocate. Two numbers as one: the halves of their product.
 * Source: Wang Yi, wyhash (public domain), whose mixing step this is. */
static inline uint64_t scope_mix(uint64_t a, uint64_t b) {
    const __uint128_t product = (__uint128_t)(a ^ 0xa0761d6478bd642fu) * (b ^ 0xe7037ed1a0b428dbu);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* GIL held; does not allocate. Whether the value with this key stands in this chunk, written not long ago; then the word that
 * says so is put. */
static inline bool scope_written_again(struct scope_words *to, uint64_t key) {
    const struct scope_written *found = &scope_written[key >> scope_written_shift];
    if (found->key != key || to->ticks - found->ticks >= scope_fresh_ticks)
        return false;
    *to->next++ = found->id << 4 | SCOPE_WORD_SAME;
    return true;
}

/* GIL held; does not allocate. All of it has been written. */
static inline void scope_written_now(const struct scope_words *to, uint64_t key, uint64_t id) {
    scope_written[key >> scope_written_shift] = (struct scope_written){.key = key, .ticks = to->ticks, .id = id};
}

#endif
