/* What has begun and not ended, in a hash table by key: the newest of each key heads those that it lies within. */
#include "pairs.h"

#include "pairing.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct slot {
    struct scope_begun begun; /* event_id 0 = free */
    uint32_t next;            /* 1 + slot of the next key of the same place, or the next free one; 0 = none */
    uint32_t outer;           /* 1 + slot of the begin of the same key that it lies within; 0 = none */
};

struct scope_pairs {
    struct scope_pair_rule rules[256];
    struct slot *slots;
    uint32_t used, room, free; /* `free`: 1 + the first free slot below `used` */
    uint32_t *places;          /* 1 + slot of the first key there; 0 = none */
    uint64_t mask, seed;
    struct scope_pair_counts counts;
};

struct key {
    int64_t object_id, ref, call_id;
    int32_t track_id;
    uint8_t pair;
};

static inline struct key key_of(const struct scope_pairs *pairs, const struct scope_begun *event) {
    const struct scope_pair_rule *rule = &pairs->rules[event->kind];
    return (struct key){
        rule->by & SCOPE_BY_OBJECT ? event->object_id : 0,
        rule->by & SCOPE_BY_REF ? event->ref : 0,
        rule->by & SCOPE_BY_CALL ? event->call_id : 0,
        rule->by & SCOPE_BY_TRACK ? event->track_id : 0,
        rule->pair,
    };
}

static inline bool is_same(struct key a, struct key b) {
    return a.object_id == b.object_id && a.ref == b.ref && a.call_id == b.call_id && a.track_id == b.track_id &&
           a.pair == b.pair;
}

static inline uint64_t mixed(uint64_t hash, uint64_t part) {
    hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}

/* The seed keeps a hostile session from choosing what collides. */
static inline uint64_t place_of(const struct scope_pairs *pairs, struct key key) {
    uint64_t hash = mixed(pairs->seed, (uint64_t)key.object_id);
    hash = mixed(hash, (uint64_t)key.ref);
    hash = mixed(hash, (uint64_t)key.call_id);
    hash = mixed(hash, (uint64_t)(uint32_t)key.track_id << 8 | key.pair);
    return hash & pairs->mask;
}

/* Where the key's newest begin hangs; what hangs there is 0 when it has none. */
static inline uint32_t *link_of(struct scope_pairs *pairs, struct key key) {
    uint32_t *link = &pairs->places[place_of(pairs, key)];
    while (*link && !is_same(key_of(pairs, &pairs->slots[*link - 1].begun), key))
        link = &pairs->slots[*link - 1].next;
    return link;
}

/* Allocates. Room for one more begin; false at the limit, and without memory. */
static bool make_room(struct scope_pairs *pairs) {
    if (pairs->counts.begun >= SCOPE_MAX_BEGUN)
        return false;
    if (!pairs->free && pairs->used == pairs->room) {
        uint32_t room = pairs->room ? pairs->room * 2 : 64;
        struct slot *slots = realloc(pairs->slots, (size_t)room * sizeof *slots);
        if (!slots)
            return false;
        pairs->slots = slots;
        pairs->room = room;
    }
    if ((uint64_t)pairs->counts.begun <= pairs->mask)
        return true;
    uint64_t before = pairs->mask, mask = before * 2 + 1;
    uint32_t *old = pairs->places, *places = calloc(mask + 1, sizeof *places);
    if (!places)
        return false;
    pairs->places = places;
    pairs->mask = mask;
    for (uint64_t i = 0; i <= before; i++)
        for (uint32_t at = old[i], next; at; at = next) {
            struct slot *slot = &pairs->slots[at - 1];
            uint64_t place = place_of(pairs, key_of(pairs, &slot->begun));
            next = slot->next;
            slot->next = places[place];
            places[place] = at;
        }
    free(old);
    return true;
}

/* Takes the begin that hangs there out; the one that it lies within takes its place. */
static void take(struct scope_pairs *pairs, uint32_t *link) {
    uint32_t at = *link;
    struct slot *slot = &pairs->slots[at - 1];
    if (slot->outer)
        pairs->slots[slot->outer - 1].next = slot->next;
    *link = slot->outer ? slot->outer : slot->next;
    slot->begun.event_id = 0;
    slot->next = pairs->free;
    pairs->free = at;
    pairs->counts.begun--;
}

/* Hangs a begin there, within the one that hangs there or before it. The caller has made room. */
static void put(struct scope_pairs *pairs, uint32_t *link, const struct scope_begun *begun, bool is_within) {
    uint32_t at = pairs->free;
    if (at)
        pairs->free = pairs->slots[at - 1].next;
    else
        at = ++pairs->used;
    uint32_t outer = is_within ? *link : 0;
    pairs->slots[at - 1] = (struct slot){*begun, outer ? pairs->slots[outer - 1].next : *link, outer};
    *link = at;
    pairs->counts.begun++;
}

/* Allocates; the caller owns the result. NULL when memory is out. `rules`: one for each of the 256 kinds. */
SCOPE_EXPORT struct scope_pairs *scope_pairs_new(const struct scope_pair_rule *rules) {
    struct scope_pairs *pairs = calloc(1, sizeof *pairs);
    uint32_t *places = calloc(64, sizeof *places);
    if (!pairs || !places) {
        free(pairs);
        free(places);
        return NULL;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pairs->seed = mixed((uint64_t)(uintptr_t)pairs, (uint64_t)now.tv_nsec);
    memcpy(pairs->rules, rules, sizeof pairs->rules);
    pairs->places = places;
    pairs->mask = 63;
    return pairs;
}

SCOPE_EXPORT void scope_pairs_free(struct scope_pairs *pairs) {
    if (!pairs)
        return;
    free(pairs->slots);
    free(pairs->places);
    free(pairs);
}

/* Allocates. Folds a batch in. For each end that finds its begin, and for each begin that comes in the place of one whose
 * end was lost, `row` gets its row and `begun` the begin that it found; returns how many. There is room for `capacity`
 * of them, of which no event takes more than one. */
SCOPE_EXPORT int64_t scope_pairs_run(struct scope_pairs *pairs, const struct scope_pair_events *events, int64_t rows,
                                     int64_t first_event_id, int64_t *row, struct scope_begun *begun,
                                     int64_t capacity) {
    int64_t found = 0, caller = 0;
    for (int64_t i = 0; i < rows; i++) {
        const uint8_t kind = events->kind[i];
        int64_t call_id = 0;
        if (events->asks[kind] && events->caller && caller < events->callers)
            call_id = events->caller[caller++];
        const struct scope_pair_rule *rule = &pairs->rules[kind];
        if (!rule->pair)
            continue;
        const struct scope_begun event = {
            first_event_id + i,
            events->time_ns[i],
            events->object_id[i],
            events->ref[i],
            call_id,
            events->track_id[i],
            events->site_id[i],
            kind,
            {0},
        };
        if ((rule->by & SCOPE_BY_OBJECT && !event.object_id) || (rule->by & SCOPE_BY_REF && !event.ref)) {
            pairs->counts.keyless++;
            continue;
        }
        bool has_room = rule->ends || make_room(pairs); /* before the link is looked for, which it may move */
        uint32_t *link = link_of(pairs, key_of(pairs, &event));
        const bool is_within = *link && !rule->ends && rule->nests;
        if (*link && !is_within) {
            if (found < capacity) {
                row[found] = i;
                begun[found++] = pairs->slots[*link - 1].begun;
            }
            take(pairs, link);
            has_room = true;
            pairs->counts.lost_ends += !rule->ends;
        } else {
            pairs->counts.lost_begins += rule->ends;
        }
        if (rule->ends)
            continue;
        if (has_room)
            put(pairs, link, &event, is_within);
        else
            pairs->counts.ignored++;
    }
    return found;
}

SCOPE_EXPORT void scope_pairs_counts(const struct scope_pairs *pairs, struct scope_pair_counts *out) {
    *out = pairs->counts;
}

/* Writes the counts.begun begins that have no end yet, in no order. */
SCOPE_EXPORT void scope_pairs_begun(const struct scope_pairs *pairs, struct scope_begun *out) {
    for (uint32_t i = 0; i < pairs->used; i++)
        if (pairs->slots[i].begun.event_id)
            *out++ = pairs->slots[i].begun;
}

/* Allocates. Takes in begins of a keyframe, in the order in which they began, and its counts. What is no begin by the
 * present rules is left out. False without memory. */
SCOPE_EXPORT int32_t scope_pairs_restore(struct scope_pairs *pairs, const struct scope_begun *begun, int64_t count,
                                         const struct scope_pair_counts *counts) {
    for (int64_t i = 0; i < count; i++) {
        const struct scope_pair_rule *rule = &pairs->rules[begun[i].kind];
        if (!rule->pair || rule->ends || begun[i].event_id <= 0)
            continue;
        if (!make_room(pairs))
            return 0;
        uint32_t *link = link_of(pairs, key_of(pairs, &begun[i]));
        const bool is_within = *link && rule->nests;
        if (*link && !is_within)
            take(pairs, link);
        put(pairs, link, &begun[i], is_within);
    }
    int64_t open = pairs->counts.begun;
    pairs->counts = *counts;
    pairs->counts.begun = open;
    return 1;
}
