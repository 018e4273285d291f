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
    struct scope_track_slot *tracks;
    unsigned char *chunks;
    bool no_more_space; /* the file system refused to grow the file */
};

extern struct scope_pool scope_pool;

int scope_pool_create(const char *path, uint32_t chunk_count, uint32_t when_full, uint32_t hexversion);
void scope_pool_close(void);
void scope_pool_forget(void);
struct scope_chunk *scope_pool_claim(uint32_t track_serial, uint64_t seq_start, uint64_t dropped_before);
bool scope_pool_has_breathing_space(void);
struct scope_track_slot *scope_pool_take_slot(void);

#endif
