/* Names of modules: one entry each, and how its values are written, those of a busy one once a slice of time. */
#ifndef SCOPE_RECORDER_GLOBAL_NAMES_H
#define SCOPE_RECORDER_GLOBAL_NAMES_H

#include "writer.h"

struct scope_module {
    PyObject *dict; /* strong */
    bool is_known;  /* looks have seen all of it */
    char name[256];
};

struct scope_global {
    PyObject *dict; /* borrowed from its module */
    PyObject *key;  /* strong; NULL = free */
    uint32_t id;
    bool redacted, present;
    bool whole;          /* every change is written */
    bool mutable;        /* it holds a container, which may change unseen */
    uint32_t seen_in;    /* number of the poll that saw it last */
    uint64_t hash;       /* of the last value, when polling, and of a container */
    uint64_t slice_ns;   /* when the present slice began */
    uint64_t changed_ns; /* the last change */
    uint32_t changes;    /* in this slice */
    uint32_t allowed;    /* of them, to be written */
    uint32_t unwritten;  /* changes that the next value written stands for, beside its own */
};

struct scope_globals {
    struct scope_global *entries; /* open addressing by (dict, key); NULL = none yet */
    uint32_t mask, count;
    uint32_t unwritten; /* entries with unwritten changes */
    uint32_t mutable;   /* entries that hold containers */
    struct scope_module *modules;
    uint32_t module_count, module_capacity;
};

extern struct scope_globals scope_globals;

bool scope_globals_have_module(const PyObject *dict);
bool scope_globals_add_module(PyObject *dict, const char *name);
struct scope_global *scope_global_entry(PyObject *dict, PyObject *key, bool create);
bool scope_global_is_only_counted(struct scope_global *entry);
void scope_global_write(struct scope_writer *w, struct scope_global *entry, PyObject *value, uint32_t flags);
void scope_globals_write_last(bool everything);
void scope_globals_close(void);

/* GIL held; does not allocate. */
static inline uint32_t scope_global_slot(const PyObject *dict, const PyObject *key) {
    uint64_t both = ((uint64_t)(uintptr_t)dict >> 4) * 31 + ((uint64_t)(uintptr_t)key >> 4);
    return (uint32_t)(both * 0x9E3779B97F4A7C15u >> 32) & scope_globals.mask;
}

/* GIL held; does not allocate; until the next entry is made; NULL = not known, or known under an equal text elsewhere. */
static inline struct scope_global *scope_global_known(const PyObject *dict, const PyObject *key) {
    struct scope_global *entries = scope_globals.entries;
    if (!entries)
        return NULL;
    uint32_t at = scope_global_slot(dict, key);
    for (; entries[at].key; at = (at + 1) & scope_globals.mask)
        if (entries[at].key == key && entries[at].dict == dict)
            return &entries[at];
    return NULL;
}

#endif
