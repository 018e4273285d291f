/* The shared-memory file: creating it, claiming chunks, handing out track slots. Knows nothing of Python. */
#ifndef SCOPE_RECORDER_POOL_H
#define SCOPE_RECORDER_POOL_H

#include "scope_pool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scope_pool {
    size_t bytes;
    struct scope_pool_header *header; /* NULL = no pool */
    uint32_t *table;
    unsigned char *blocks;
    bool no_more_space; /* the file system refused to grow the file */
};

extern struct scope_pool scope_pool;

int scope_pool_create(const char *path, uint32_t block_count, uint32_t when_full, uint32_t hexversion);
void scope_pool_close(void);
void scope_pool_forget(void);
struct scope_chunk *scope_pool_claim(uint32_t track_serial, uint64_t seq_start, uint64_t dropped_before, bool large);
void scope_pool_take_over(struct scope_chunk *chunk, uint32_t track_serial, uint64_t seq_start,
                          uint64_t dropped_before);
uint32_t scope_pool_free_parts(uint32_t enough);
bool scope_pool_reserve_slots(uint32_t count);
bool scope_pool_add_slots(struct scope_chunk *chunk);
struct scope_track_slot *scope_pool_take_slot(uint32_t serial);
void scope_pool_return_slot(struct scope_track_slot *slot);

#endif
