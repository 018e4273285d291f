/* Cells, one key of one object each, numbered in the order of their first write, and the present version of each. */
#include "cells.h"

#include <stdlib.h>
#include <time.h>

struct cell {
    int64_t object, key, version;
};

struct scope_cells {
    struct cell *cells;
    int64_t count, room;
    int64_t *places; /* open addressing: number of a cell + 1, 0 = free */
    uint64_t mask, seed;
};

/* No GIL; does not allocate. The seed keeps a hostile session from choosing what collides. */
static inline uint64_t place_of(const struct scope_cells *cells, int64_t object, int64_t key) {
    uint64_t both = ((uint64_t)object ^ cells->seed) * 0x9E3779B97F4A7C15u;
    both = (both ^ both >> 32 ^ (uint64_t)key) * 0xD6E8FEB86659FD93u;
    return (both ^ both >> 32) & cells->mask;
}

/* No GIL; allocates; false without memory. Makes room for one more cell. */
static bool make_room(struct scope_cells *cells) {
    if (cells->count == cells->room) {
        int64_t room = cells->room ? cells->room * 2 : 64;
        struct cell *more = realloc(cells->cells, (size_t)room * sizeof *more);
        if (!more)
            return false;
        cells->cells = more;
        cells->room = room;
    }
    if (cells->places && (uint64_t)cells->count * 2 < cells->mask)
        return true;
    uint64_t mask = cells->places ? cells->mask * 2 + 1 : 255;
    int64_t *places = calloc(mask + 1, sizeof *places);
    if (!places)
        return false;
    free(cells->places);
    cells->places = places;
    cells->mask = mask;
    for (int64_t i = 0; i < cells->count; i++) {
        uint64_t at = place_of(cells, cells->cells[i].object, cells->cells[i].key);
        while (places[at])
            at = (at + 1) & mask;
        places[at] = i + 1;
    }
    return true;
}

/* No GIL; allocates; NULL without memory. */
SCOPE_EXPORT struct scope_cells *scope_cells_new(void) {
    struct scope_cells *cells = calloc(1, sizeof *cells);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (cells)
        cells->seed = ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)(uintptr_t)cells) * 0x9E3779B97F4A7C15u;
    return cells;
}

/* No GIL; frees. */
SCOPE_EXPORT void scope_cells_free(struct scope_cells *cells) {
    free(cells->cells);
    free(cells->places);
    free(cells);
}

/* No GIL; allocates. `rows` writes in order: gives each the version that counts up from `first_version`, tells its cell
 * and the version that it replaces, 0 = none. The number of cells thereafter; -1 without memory. */
SCOPE_EXPORT int64_t scope_cells_write(struct scope_cells *cells, const int64_t *object, const int64_t *key,
                                       int64_t rows, int64_t first_version, int64_t *cell, int64_t *replaced) {
    for (int64_t i = 0; i < rows; i++) {
        if (!make_room(cells))
            return -1;
        uint64_t at = place_of(cells, object[i], key[i]);
        for (; cells->places[at]; at = (at + 1) & cells->mask) {
            const struct cell *known = &cells->cells[cells->places[at] - 1];
            if (known->object == object[i] && known->key == key[i])
                break;
        }
        if (!cells->places[at]) {
            cells->cells[cells->count] = (struct cell){object[i], key[i], 0};
            cells->places[at] = ++cells->count;
        }
        cell[i] = cells->places[at] - 1;
        replaced[i] = cells->cells[cell[i]].version;
        cells->cells[cell[i]].version = first_version + i;
    }
    return cells->count;
}

/* No GIL; does not allocate. Where the values stand that the writes of one batch replace: for each write, how many rows
 * before it, or 0; and the event of that row, or 0. `outside` gets the rows that replace a version from before the batch,
 * `last` those that nothing in it replaces; how many there are stands in `found`. `is_last` is room for `rows` bytes. */
SCOPE_EXPORT void scope_cells_before(const int64_t *replaced, int64_t rows, int64_t first_version, const int64_t *event,
                                     int32_t *back, int64_t *replaced_event, int64_t *outside, int64_t *last,
                                     unsigned char *is_last, int64_t found[2]) {
    int64_t outsiders = 0, lasts = 0;
    for (int64_t i = 0; i < rows; i++) {
        const int64_t before = replaced[i] - first_version;
        is_last[i] = 1;
        back[i] = 0;
        replaced_event[i] = 0;
        if (before >= 0) {
            back[i] = (int32_t)(i - before);
            replaced_event[i] = event[before];
            is_last[before] = 0;
        } else if (replaced[i]) {
            outside[outsiders++] = i;
        }
    }
    for (int64_t i = 0; i < rows; i++)
        if (is_last[i])
            last[lasts++] = i;
    found[0] = outsiders;
    found[1] = lasts;
}

/* No GIL; does not allocate. Gives the cells, in order, the versions listed. */
SCOPE_EXPORT void scope_cells_set(struct scope_cells *cells, const int64_t *version, int64_t count) {
    for (int64_t i = 0; i < count && i < cells->count; i++)
        cells->cells[i].version = version[i];
}
