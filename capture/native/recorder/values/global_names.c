/* Names of modules: one entry each, and how its values are written.
 *
 * A loop at module level changes its variables millions of times a second. Of a name that changes more than
 * MOST_IN_A_SLICE times in SLICE_NS the last value of each slice is written, flagged "sampled", with the number of
 * changes that it stands for; every change is counted, none is rendered in vain. A name that --state asks for stays
 * whole. The last value of a slice is written at the first change after it, at a look, or at the end. */
#include "values/global_names.h"

#include "filter.h"
#include "secrets.h"
#include "values/state.h"
#include "track_list.h"
#include "tracks.h"
#include "unseen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_NS 10000000u
#define MOST_IN_A_SLICE 16u
#define MOST_NAMES 65536u

struct scope_globals scope_globals;

/* GIL held; allocates plain memory; false when there is none. */
static bool make_room(void) {
    if (scope_globals.entries && scope_globals.count * 2 < scope_globals.mask)
        return true;
    struct scope_global *old = scope_globals.entries;
    const uint32_t old_mask = scope_globals.mask, mask = old ? old_mask * 2 + 1 : 1023;
    struct scope_global *bigger = calloc((size_t)mask + 1, sizeof *bigger);
    if (!bigger)
        return false;
    scope_globals.entries = bigger;
    scope_globals.mask = mask;
    for (uint32_t i = 0; old && i <= old_mask; i++) {
        if (!old[i].key)
            continue;
        uint32_t at = scope_global_slot(old[i].dict, old[i].key);
        while (bigger[at].key)
            at = (at + 1) & mask;
        bigger[at] = old[i];
    }
    free(old);
    return true;
}

/* GIL held; does not allocate; borrowed or NULL. */
static const struct scope_module *module_of(const PyObject *dict) {
    for (uint32_t i = 0; i < scope_globals.module_count; i++)
        if (scope_globals.modules[i].dict == dict)
            return &scope_globals.modules[i];
    return NULL;
}

/* GIL held; does not allocate. */
bool scope_globals_have_module(const PyObject *dict) {
    return module_of(dict) != NULL;
}

/* GIL held; allocates plain memory; false without any. One that is not there yet. */
bool scope_globals_add_module(PyObject *dict, const char *name) {
    struct scope_globals *all = &scope_globals;
    if (all->module_count == all->module_capacity) {
        const uint32_t capacity = all->module_capacity ? all->module_capacity * 2 : 64;
        struct scope_module *more = realloc(all->modules, capacity * sizeof *more);
        if (!more)
            return false;
        all->modules = more;
        all->module_capacity = capacity;
    }
    struct scope_module *module = &all->modules[all->module_count++];
    Py_IncRef(dict);
    module->dict = dict;
    module->is_known = false;
    snprintf(module->name, sizeof module->name, "%s", name);
    return true;
}

/* GIL held; allocates at the first sight of a key. The entry of an interned key; NULL when it is not to be recorded.
 * Keys compare by address: equal interned texts are one object. */
static struct scope_global *entry_of(PyObject *dict, PyObject *key, bool create) {
    if (!PyUnicode_CheckExact(key) || !make_room())
        return NULL;
    struct scope_global *entries = scope_globals.entries;
    uint32_t at = scope_global_slot(dict, key);
    for (; entries[at].key; at = (at + 1) & scope_globals.mask)
        if (entries[at].key == key && entries[at].dict == dict)
            return &entries[at];
    const struct scope_module *module = module_of(dict);
    PyObject *name = create && module ? scope_utf8(key) : NULL;
    const char *text = name ? PyBytes_AsString(name) : "__";
    struct scope_global *entry = NULL;
    if (scope_globals.count >= MOST_NAMES && module) {
        scope_unseen("names-full", module->name);
    } else if (strncmp(text, "__", 2) != 0) {
        Py_IncRef(key);
        entries[at] = (struct scope_global){.dict = dict,
                                            .key = key,
                                            .redacted = scope_is_credential(text),
                                            .whole = scope_filter_wants_class(module->name, text),
                                            .allowed = MOST_IN_A_SLICE,
                                            .id = scope_state_define(module->name, text, "global")};
        scope_globals.count += 1;
        entry = &entries[at];
    }
    if (name)
        Py_DecRef(name);
    return entry;
}

/* GIL held; allocates at the first sight of a key; never leaves an exception; until the next entry is made. The entry of a
 * key that is perhaps not interned; NULL when it is not to be recorded. */
struct scope_global *scope_global_entry(PyObject *dict, PyObject *key, bool create) {
    PyObject *canonical = key;
    Py_IncRef(canonical);
    if (PyUnicode_CheckExact(key))
        PyUnicode_InternInPlace(&canonical);
    struct scope_global *entry = entry_of(dict, canonical, create);
    Py_DecRef(canonical);
    return entry;
}

/* GIL held; allocates; never leaves an exception. Writes what the name holds now, or that it is gone: NULL. */
void scope_global_write(struct scope_writer *w, struct scope_global *entry, PyObject *value, uint32_t flags) {
    struct scope_text text;
    const uint64_t own = flags & SCOPE_STATE_SAMPLED ? 0 : 1; /* the last value of a slice is among those counted */
    const uint64_t changes = entry->unwritten ? entry->unwritten + own : 0;
    if (entry->unwritten)
        scope_globals.unwritten -= 1;
    entry->unwritten = 0;
    entry->present = value != NULL;
    if (!value)
        flags |= SCOPE_STATE_DELETED;
    else if (entry->redacted)
        scope_render_redacted(&text);
    else
        scope_render(&text, value);
    scope_globals.mutable -= entry->mutable;
    entry->mutable = value && text.mutable;
    scope_globals.mutable += entry->mutable;
    if (entry->mutable)
        entry->hash = scope_text_hash(&text);
    scope_state_write_changes(w, entry->id, 0, flags, value ? &text : NULL, changes);
}

/* GIL held; allocates; never leaves an exception. The last value of a slice that is over. */
static void write_last(struct scope_writer *w, struct scope_global *entry) {
    scope_global_write(w, entry, PyDict_GetItemWithError(entry->dict, entry->key), SCOPE_STATE_SAMPLED);
    PyErr_Clear();
}

/* GIL held; does not allocate, except at the end of a slice. Before a change of a watched dict, of a name that is not written
 * whole: true when it is only counted. */
bool scope_global_is_only_counted(struct scope_global *entry) {
    const uint64_t now_ns = scope_coarse_ns();
    if (now_ns - entry->slice_ns >= SLICE_NS) {
        bool is_busy = entry->changes > MOST_IN_A_SLICE && now_ns - entry->changed_ns < 5 * SLICE_NS;
        if (entry->unwritten)
            write_last(scope_writer_of_this_thread(NULL), entry);
        entry->slice_ns = now_ns;
        entry->changes = 0;
        entry->allowed = is_busy ? 0 : MOST_IN_A_SLICE;
    }
    entry->changed_ns = now_ns;
    if (++entry->changes <= entry->allowed)
        return false;
    if (!entry->unwritten++)
        scope_globals.unwritten += 1;
    return true;
}

/* GIL held; allocates; never leaves an exception. Last values of slices that are over, or of all: `everything`. */
void scope_globals_write_last(bool everything) {
    struct scope_writer *w = scope_globals.unwritten ? scope_tracks_main() : NULL;
    struct scope_global *entries = scope_globals.entries;
    const uint64_t now_ns = scope_coarse_ns();
    for (uint32_t i = 0; w && entries && i <= scope_globals.mask; i++)
        if (entries[i].unwritten && (everything || now_ns - entries[i].slice_ns >= SLICE_NS))
            write_last(w, &entries[i]);
}

/* GIL held; releases dicts, which may run finalizers, on a thread that is not recorded. Never leaves an exception. */
void scope_globals_close(void) {
    const struct scope_globals old = scope_globals;
    scope_globals = (struct scope_globals){0};
    for (uint32_t i = 0; old.entries && i <= old.mask; i++)
        if (old.entries[i].key)
            Py_DecRef(old.entries[i].key);
    for (uint32_t i = 0; i < old.module_count; i++)
        Py_DecRef(old.modules[i].dict);
    free(old.entries);
    free(old.modules);
}
