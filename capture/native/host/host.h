/* What the host-side C library offers through ctypes. It never touches Python objects: every call runs without the GIL. */
#ifndef SCOPE_HOST_H
#define SCOPE_HOST_H

#include <stddef.h>
#include <stdint.h>

#define SCOPE_EXPORT __attribute__((visibility("default")))

#define SCOPE_CLOCK_TSC 1u
#define SCOPE_CLOCK_MONOTONIC 2u

/* One chunk that holds records the journal does not have yet, or that can be freed. */
struct scope_scan_entry { /* 64 bytes */
    uint32_t index;
    uint32_t track_serial;
    uint32_t state;
    uint32_t generation;
    uint32_t committed; /* record slots */
    uint32_t drained;   /* record slots */
    uint32_t drained_events;
    uint32_t new_events; /* events in slots [drained, committed) */
    uint64_t seq_start;
    uint64_t dropped_before;
    uint32_t capacity; /* record slots */
    uint32_t pad;
    uint64_t place; /* of the chunk, in bytes from the pool's start */
};

/* One thread that fell asleep, or woke. */
struct scope_sleep_change { /* 24 bytes */
    int64_t at_ns;          /* CLOCK_MONOTONIC; it sleeps at least since then, or has slept at least until then */
    uint64_t futex;         /* the address that it waits at, 0 when it waits for something else */
    int32_t thread_id;
    uint16_t sleeps; /* 1: fell asleep, 0: woke */
    uint16_t why;    /* enum why of sleepers.c */
};

SCOPE_EXPORT uint64_t scope_ticks(uint32_t clock_kind);
SCOPE_EXPORT void scope_clock_pair(uint32_t clock_kind, uint64_t out[4]);
SCOPE_EXPORT int scope_hide_name(const char *name);
SCOPE_EXPORT int scope_find_secret(const unsigned char *text, size_t count, size_t from, size_t *start, size_t *end);
SCOPE_EXPORT int32_t scope_pool_scan(const unsigned char *base, uint64_t size, struct scope_scan_entry *out,
                                     int32_t cap);
SCOPE_EXPORT int32_t scope_pool_drops(const unsigned char *base, uint64_t size, uint64_t *out, int32_t cap);
SCOPE_EXPORT int32_t scope_pool_advance(unsigned char *base, uint64_t size, const struct scope_scan_entry *entry);
SCOPE_EXPORT int32_t scope_pool_guard(unsigned char *base, uint64_t size);
SCOPE_EXPORT void scope_pool_unguard(unsigned char *base);
SCOPE_EXPORT int32_t scope_seccomp_filters(int32_t tid, void *out, uint32_t capacity, uint32_t *lengths,
                                           uint32_t filters_max);

struct scope_sleepers;
SCOPE_EXPORT struct scope_sleepers *scope_sleepers_open(int pid, int files);
SCOPE_EXPORT int scope_sleepers_look(struct scope_sleepers *all, int64_t budget_ns, int most,
                                     struct scope_sleep_change *changes, int64_t *round_ns);
SCOPE_EXPORT void scope_sleepers_ask_all(struct scope_sleepers *all);
SCOPE_EXPORT void scope_sleepers_close(struct scope_sleepers *all);

struct scope_record;
struct scope_names;
SCOPE_EXPORT int64_t scope_value_texts(const struct scope_record *heads, int64_t head_count, const uint64_t *words,
                                       int64_t word_count, const int64_t *rows, int64_t runs, const unsigned char *what,
                                       const struct scope_names *parameters, const struct scope_names *types,
                                       const struct scope_names *variables, int64_t *row, int64_t *line, int64_t *end,
                                       unsigned char **text);
SCOPE_EXPORT void scope_free_texts(unsigned char *text);
SCOPE_EXPORT void scope_count_changes(const unsigned char *text, const int64_t *offsets, const int64_t *places,
                                      int64_t count, int64_t *room);
SCOPE_EXPORT void scope_split_changes(const unsigned char *text, const int64_t *offsets, const int64_t *places,
                                      int64_t count, int64_t *event, int64_t *name_ends, int64_t *value_ends,
                                      unsigned char *is_bound, unsigned char *names, unsigned char *values);
SCOPE_EXPORT void scope_count_records(const struct scope_record *records, int64_t count, const unsigned char *layouts,
                                      int64_t *room);
SCOPE_EXPORT void scope_split_records(const struct scope_record *records, int64_t count, const unsigned char *layouts,
                                      struct scope_record *heads, int64_t *looked_row, int64_t *looked_next,
                                      int64_t *text_row, uint64_t *serial, int64_t *changes, int64_t *ends,
                                      unsigned char *text, uint64_t *words);
SCOPE_EXPORT int64_t scope_upgrade_records(const struct scope_record *records, int64_t count, struct scope_record *out);
SCOPE_EXPORT void scope_session_ns(const uint64_t *ticks, int64_t count, const uint64_t *base, const int64_t *base_ns,
                                   const double *slopes, int64_t pairs, int64_t *ns);

#endif
