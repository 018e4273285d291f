/* Module globals over time: watched through dict watchers on 3.12+, compared four times a second before.
 *
 * A watcher that does nothing makes a loop of three assignments at module level 1.18 times as slow on 3.12, 1.16 on 3.13,
 * 1.10 on 3.14 (without Scope, minima of 40): the rest of what such a loop costs is CPython's way to it.
 *
 * Only modules that the filter wants, and of them only data: no dunder names, functions, classes, modules.
 *
 * A loop at module level changes its variables millions of times a second. Of a name that changes more than
 * MOST_IN_A_SLICE times in SLICE_NS the last value of each slice is written, flagged "sampled", with the number of
 * changes that it stands for; every change is counted, none is rendered in vain. A name that --state asks for stays
 * whole. The last value of a slice is written at the first change after it, at a look, or at the end. */
#include "hooks/globals.h"

#include "filter.h"
#include "values/state.h"
#include "track_list.h"
#include "tracks.h"
#include "unseen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_NS 10000000u
#define MOST_IN_A_SLICE 16u
#define COUNTED_BLINDLY 16u /* a look or the next of so many changes ends the slice of a name that has calmed down */
#define MOST_NAMES 65536u
#define POLL_NS 2000000u  /* how long one look may compare, with the GIL */
#define LAST_NS 10000000u /* and the last one, after which nobody will be held up again */

enum dict_event { ADDED, MODIFIED, DELETED, CLONED, CLEARED, DEALLOCATED };

struct module {
    PyObject *dict; /* strong */
    bool is_known;  /* looks have seen all of it */
    char name[256];
};

struct global {
    PyObject *dict; /* borrowed from its module */
    PyObject *key;  /* strong */
    uint32_t id;
    bool redacted, present;
    bool whole;          /* every change is written */
    uint32_t seen_in;    /* number of the poll that saw it last */
    uint64_t hash;       /* of the last value, when polling */
    uint64_t slice_ns;   /* when the present slice began */
    uint64_t changed_ns; /* the last change */
    uint32_t changes;    /* in this slice */
    uint32_t allowed;    /* of them, to be written */
    uint32_t unwritten;  /* changes that the next value written stands for, beside its own */
};

static struct module *modules;
static uint32_t module_count, module_capacity;
static struct global *globals; /* open addressing by (dict, key) */
static uint32_t global_count, global_mask;
static int watcher = -1;
static uint32_t unwritten_names; /* globals with unwritten changes */
static uint32_t polls, poll_module;
static Py_ssize_t poll_at;      /* where the next look goes on in modules[poll_module] */
static Py_ssize_t poll_size;    /* names that it had then */
static Py_ssize_t modules_seen; /* len(sys.modules) at the last look */

/* GIL held; does not allocate. */
static uint32_t slot_of(const PyObject *dict, const PyObject *key) {
    uint64_t both = ((uint64_t)(uintptr_t)dict >> 4) * 31 + ((uint64_t)(uintptr_t)key >> 4);
    return (uint32_t)(both * 0x9E3779B97F4A7C15u >> 32) & global_mask;
}

/* GIL held; allocates plain memory; false when there is none. */
static bool make_room(void) {
    if (globals && global_count * 2 < global_mask)
        return true;
    uint32_t mask = globals ? global_mask * 2 + 1 : 1023, old_mask = global_mask;
    struct global *old = globals, *bigger = calloc((size_t)mask + 1, sizeof *bigger);
    if (!bigger)
        return false;
    globals = bigger;
    global_mask = mask;
    for (uint32_t i = 0; old && i <= old_mask; i++) {
        if (!old[i].key)
            continue;
        uint32_t at = slot_of(old[i].dict, old[i].key);
        while (globals[at].key)
            at = (at + 1) & global_mask;
        globals[at] = old[i];
    }
    free(old);
    return true;
}

/* GIL held; does not allocate; borrowed or NULL. */
static const struct module *module_of(const PyObject *dict) {
    for (uint32_t i = 0; i < module_count; i++)
        if (modules[i].dict == dict)
            return &modules[i];
    return NULL;
}

/* GIL held; may allocate; never leaves an exception. Names of the interpreter's own, and what is no name. */
static bool is_own_business(PyObject *key) {
    PyObject *name = PyUnicode_CheckExact(key) ? scope_utf8(key) : NULL;
    const bool own = !name || strncmp(PyBytes_AsString(name), "__", 2) == 0;
    if (name)
        Py_DecRef(name);
    return own;
}

/* GIL held; allocates at the first sight of a key. The entry of an interned key; NULL when it is not to be recorded.
 * Keys compare by address: equal interned texts are one object. */
static struct global *entry_of(PyObject *dict, PyObject *key, bool create) {
    if (!PyUnicode_CheckExact(key) || !make_room())
        return NULL;
    uint32_t at = slot_of(dict, key);
    for (; globals[at].key; at = (at + 1) & global_mask)
        if (globals[at].key == key && globals[at].dict == dict)
            return &globals[at];
    const struct module *module = module_of(dict);
    PyObject *name = create && module ? scope_utf8(key) : NULL;
    const char *text = name ? PyBytes_AsString(name) : "__";
    struct global *entry = NULL;
    if (global_count >= MOST_NAMES && module) {
        scope_unseen("names-full", module->name);
    } else if (strncmp(text, "__", 2) != 0) {
        Py_IncRef(key);
        globals[at] = (struct global){.dict = dict,
                                      .key = key,
                                      .redacted = scope_is_credential(text),
                                      .whole = scope_filter_wants_class(module->name, text),
                                      .allowed = MOST_IN_A_SLICE,
                                      .id = scope_state_define(module->name, text, "global")};
        global_count += 1;
        entry = &globals[at];
    }
    if (name)
        Py_DecRef(name);
    return entry;
}

/* GIL not needed; does not allocate. FNV-1a 64. */
static uint64_t hash_of(const struct scope_text *text) {
    uint64_t hash = 14695981039346656037u;
    for (uint32_t i = 0; i < text->length; i++)
        hash = (hash ^ (unsigned char)text->bytes[i]) * 1099511628211u;
    return hash;
}

/* GIL held; may allocate; never leaves an exception. What tells two values apart without rendering them, where that can be
 * had cheaply; 0 = render. */
static uint64_t cheap_hash(PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    uint64_t hash = 0;
    int overflow = 0;
    if (type == &PyLong_Type) {
        long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
        hash = overflow ? 0 : (uint64_t)number * 0x9E3779B97F4A7C15u | 1;
    } else if (value == Py_None || type == &PyBool_Type || type == &PyFloat_Type ||
               (type == &PyUnicode_Type && PyUnicode_GetLength(value) <= (Py_ssize_t)SCOPE_TEXT_BYTES)) {
        hash = ((uint64_t)PyObject_Hash(value) ^ (uint64_t)(uintptr_t)type) | 1;
    }
    PyErr_Clear();
    return hash;
}

/* GIL held; allocates; never leaves an exception. Writes what the name holds now, or that it is gone: NULL. */
static void write_value(struct scope_writer *w, struct global *entry, PyObject *value, uint32_t flags) {
    struct scope_text text;
    const uint64_t own = flags & SCOPE_STATE_SAMPLED ? 0 : 1; /* the last value of a slice is among those counted */
    const uint64_t changes = entry->unwritten ? entry->unwritten + own : 0;
    if (entry->unwritten)
        unwritten_names -= 1;
    entry->unwritten = 0;
    entry->present = value != NULL;
    if (!value)
        flags |= SCOPE_STATE_DELETED;
    else if (entry->redacted)
        scope_render_redacted(&text);
    else
        scope_render(&text, value);
    scope_state_write_changes(w, entry->id, flags, value ? &text : NULL, changes);
}

/* GIL held; allocates; never leaves an exception. The last value of a slice that is over. */
static void write_last(struct scope_writer *w, struct global *entry) {
    write_value(w, entry, PyDict_GetItemWithError(entry->dict, entry->key), SCOPE_STATE_SAMPLED);
    PyErr_Clear();
}

/* GIL held; does not allocate, except at the end of a slice. Before a change of a watched dict: true when it is only
 * counted. */
static inline bool is_only_counted(struct global *entry) {
    if (entry->whole)
        return false;
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
        unwritten_names += 1;
    return true;
}

/* GIL held; does not allocate; NULL = not known, or known under an equal text elsewhere. */
static inline struct global *known(const PyObject *dict, const PyObject *key) {
    if (!globals)
        return NULL;
    uint32_t at = slot_of(dict, key);
    for (; globals[at].key; at = (at + 1) & global_mask)
        if (globals[at].key == key && globals[at].dict == dict)
            return &globals[at];
    return NULL;
}

/* GIL held; allocates; never leaves an exception. The entry of a key that is perhaps not interned. */
static struct global *entry_of_any(PyObject *dict, PyObject *key, bool create) {
    PyObject *canonical = key;
    Py_IncRef(canonical);
    if (PyUnicode_CheckExact(key))
        PyUnicode_InternInPlace(&canonical);
    struct global *entry = entry_of(dict, canonical, create);
    Py_DecRef(canonical);
    return entry;
}

/* GIL held; allocates; never leaves an exception. `key` got `value`. When polling, an unchanged value is not written. */
static void note(struct scope_writer *w, PyObject *dict, PyObject *key, PyObject *value, uint32_t flags) {
    struct global *entry = known(dict, key);
    if (!entry)
        entry = entry_of_any(dict, key, scope_state_is_interesting(value));
    if (!entry)
        return;
    entry->seen_in = polls;
    if (flags & SCOPE_STATE_SAMPLED) {
        struct scope_text text;
        uint64_t hash = cheap_hash(value);
        if (!hash) {
            scope_render(&text, value);
            hash = hash_of(&text);
        }
        if (entry->present && entry->hash == hash)
            return;
        entry->hash = hash;
    }
    write_value(w, entry, value, flags);
}

/* GIL held; allocates; never leaves an exception. */
static void note_deleted(struct scope_writer *w, struct global *entry, uint32_t flags) {
    if (entry && (entry->present || entry->unwritten))
        write_value(w, entry, NULL, flags);
}

/* GIL held; allocates; the collector is off, so nothing can change the dict meanwhile. */
static void note_all(struct scope_writer *w, PyObject *dict, PyObject *source, uint32_t flags) {
    Py_ssize_t at = 0;
    PyObject *key, *value;
    while (PyDict_Next(source, &at, &key, &value))
        note(w, dict, key, value, flags);
}

/* GIL held; may be called with an exception set, which stays; allocates. Before a watched dict changes. */
static int on_dict_event(int event, PyObject *dict, PyObject *key, PyObject *value) {
    if (!scope_active || scope_tls == &scope_muted)
        return 0;
    struct global *entry = event <= DELETED ? known(dict, key) : NULL;
    if (entry && entry->unwritten % COUNTED_BLINDLY) { /* busy: the clock is read every so many changes only */
        entry->changes += 1;
        entry->unwritten += 1;
        return 0;
    }
    PyObject *type, *error, *traceback;
    if (scope_python.finalizing && scope_python.finalizing())
        return 0;
    if (SCOPE_LIKELY(entry != NULL) && !PyErr_Occurred() && is_only_counted(entry))
        return 0;
    PyErr_Fetch(&type, &error, &traceback);
    int collecting = PyGC_Disable();
    struct scope_writer *w = scope_writer_of_this_thread(NULL);
    if (event == ADDED || event == MODIFIED) {
        note(w, dict, key, value, 0);
    } else if (event == DELETED) {
        note_deleted(w, entry ? entry : entry_of_any(dict, key, false), 0);
    } else if (event == CLONED && PyDict_Check(key)) {
        note_all(w, dict, key, 0);
    } else if (event == CLEARED) {
        for (uint32_t i = 0; globals && i <= global_mask; i++)
            if (globals[i].key && globals[i].dict == dict)
                note_deleted(w, &globals[i], 0);
    }
    if (collecting)
        PyGC_Enable();
    PyErr_Restore(type, error, traceback);
    return 0;
}

/* GIL held; allocates; "" when it is no text. */
static void dict_text(PyObject *dict, const char *key, char *text, size_t size) {
    PyObject *bytes = scope_utf8(PyDict_GetItemString(dict, key));
    snprintf(text, size, "%s", bytes ? PyBytes_AsString(bytes) : "");
    if (bytes)
        Py_DecRef(bytes);
}

/* GIL held; allocates; never leaves an exception. Starts watching a module's globals when they are wanted and new. */
static void watch_module(PyObject *module) {
    if (!PyModule_Check(module))
        return;
    PyObject *dict = PyModule_GetDict(module); /* borrowed */
    char name[256], file[1024];
    if (module_of(dict))
        return;
    dict_text(dict, "__name__", name, sizeof name);
    dict_text(dict, "__file__", file, sizeof file);
    bool main_without_file = !file[0] && strcmp(name, "__main__") == 0;
    if (!name[0] || (!file[0] && !main_without_file) ||
        !scope_filter_wants_code(file[0] ? file : "<string>", name, "<module>", file))
        return;
    if (module_count == module_capacity) {
        uint32_t capacity = module_capacity ? module_capacity * 2 : 64;
        struct module *more = realloc(modules, capacity * sizeof *more);
        if (!more)
            return;
        modules = more;
        module_capacity = capacity;
    }
    Py_IncRef(dict);
    modules[module_count].dict = dict;
    snprintf(modules[module_count].name, sizeof modules->name, "%s", name);
    modules[module_count].is_known = false;
    module_count += 1;
    if (watcher >= 0) /* the next looks find what it holds by then, a little at a time */
        scope_python.dict_watch(watcher, dict);
    PyErr_Clear();
}

/* GIL held; allocates; never leaves an exception. Modules loaded since the last look. */
static void look_for_modules(void) {
    PyObject *loaded = PySys_GetObject("modules"); /* borrowed */
    if (!loaded || !PyDict_CheckExact(loaded) || PyDict_Size(loaded) == modules_seen)
        return;
    modules_seen = PyDict_Size(loaded);
    Py_ssize_t at = 0;
    PyObject *key, *module;
    while (PyDict_Next(loaded, &at, &key, &module))
        watch_module(module);
}

/* GIL held; allocates; never leaves an exception. Names that were there and are no more. */
static void poll_for_deleted(struct scope_writer *w) {
    for (uint32_t i = 0; globals && i <= global_mask; i++) {
        struct global *entry = &globals[i];
        if (!entry->key || !entry->present || entry->seen_in == polls)
            continue;
        if (!PyDict_GetItemWithError(entry->dict, entry->key)) /* else a table that grew has hidden it from the look */
            note_deleted(w, entry, SCOPE_STATE_SAMPLED);
        PyErr_Clear();
    }
}

/* GIL held; allocates; never leaves an exception. Changes since the last poll, on the main thread's track: who wrote
 * them is not known, and the flag says so. Big tables take several looks: no look holds the program up for long. */
static void poll_modules(uint64_t patience_ns) {
    struct scope_writer *w = scope_tracks_main();
    const uint64_t until_ns = scope_mono_ns() + patience_ns;
    uint32_t looked = 0;
    for (; poll_module < module_count; poll_module++, poll_at = 0) {
        PyObject *dict = modules[poll_module].dict, *key, *value;
        const uint32_t flags = SCOPE_STATE_SAMPLED | (modules[poll_module].is_known ? 0 : SCOPE_STATE_FIRST);
        while (PyDict_Next(dict, &poll_at, &key, &value)) {
            note(w, dict, key, value, flags);
            if (++looked % 64 == 0 && scope_mono_ns() > until_ns)
                return;
        }
        modules[poll_module].is_known = true;
    }
    poll_for_deleted(w);
    polls += 1;
    poll_module = 0;
}

/* GIL held; allocates; never leaves an exception. What watched modules hold that has not changed since they are watched; a
 * big module takes several looks. One that has got or lost names meanwhile is looked at from its start again, because its
 * table may have been made anew: what is known already is passed over. */
static void look_at_first_values(uint64_t patience_ns) {
    struct scope_writer *w = scope_tracks_main();
    const uint64_t until_ns = scope_mono_ns() + patience_ns;
    uint32_t looked = 0;
    for (; poll_module < module_count; poll_module++, poll_at = 0) {
        PyObject *dict = modules[poll_module].dict, *key, *value;
        if (poll_at && PyDict_Size(dict) != poll_size)
            poll_at = 0;
        poll_size = PyDict_Size(dict);
        while (PyDict_Next(dict, &poll_at, &key, &value)) {
            const struct global *entry = known(dict, key);
            if (!entry || !(entry->present || entry->unwritten))
                note(w, dict, key, value, SCOPE_STATE_FIRST);
            if (++looked % 64 == 0 && scope_mono_ns() > until_ns)
                return;
        }
        modules[poll_module].is_known = true;
    }
}

/* GIL held; allocates; never leaves an exception. Last values of slices that are over, or of all: `everything`. */
static void flush(bool everything) {
    struct scope_writer *w = unwritten_names ? scope_tracks_main() : NULL;
    const uint64_t now_ns = scope_coarse_ns();
    for (uint32_t i = 0; w && globals && i <= global_mask; i++)
        if (globals[i].unwritten && (everything || now_ns - globals[i].slice_ns >= SLICE_NS))
            write_last(w, &globals[i]);
}

/* GIL held; allocates with the collector off; never leaves an exception. Says of which modules the looks have not seen
 * everything, and how many names that are. */
static void say_what_was_not_looked_at(void) {
    for (uint32_t i = 0; i < module_count; i++) {
        PyObject *dict = modules[i].dict, *key, *value;
        Py_ssize_t at = 0, missing = 0;
        while (!modules[i].is_known && PyDict_Next(dict, &at, &key, &value)) {
            const struct global *entry = known(dict, key);
            if (!(entry && (entry->present || entry->unwritten)) && scope_state_is_interesting(value) &&
                !is_own_business(key))
                missing += 1;
        }
        if (missing) {
            char detail[320];
            snprintf(detail, sizeof detail, "%zd of %s", missing, modules[i].name);
            scope_unseen("names-not-looked-at", detail);
        }
    }
}

/* GIL held; allocates; never leaves an exception. The end, while recording is still on: what was only counted is written,
 * and what the looks have not seen by now is looked at once more, a little longer, or said to be missing. */
void scope_globals_finish(void) {
    int collecting = PyGC_Disable();
    look_for_modules();
    if (watcher >= 0)
        look_at_first_values(LAST_NS);
    else
        poll_modules(LAST_NS);
    flush(true);
    say_what_was_not_looked_at();
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
}

/* GIL held; allocates; never leaves an exception. Writes the first values. */
void scope_globals_begin(PyObject *frames) {
    (void)frames;
    modules_seen = -1;
    watcher = -1;
    if (scope_python.dict_add_watcher && scope_python.dict_watch)
        watcher = scope_python.dict_add_watcher(on_dict_event);
    PyErr_Clear();
    look_for_modules();
    if (watcher < 0)
        poll_modules(POLL_NS);
    else
        look_at_first_values(POLL_NS);
}

/* GIL held; allocates; never leaves an exception. New modules, and changes where there are no watchers. */
void scope_globals_sweep(PyObject *frames) {
    (void)frames;
    int collecting = PyGC_Disable();
    look_for_modules();
    if (watcher >= 0)
        look_at_first_values(POLL_NS);
    else
        poll_modules(POLL_NS);
    flush(false);
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
}

/* GIL held; releases dicts, which may run finalizers: recording must be off. Never leaves an exception. */
void scope_globals_undo(void) {
    for (uint32_t i = 0; i < module_count && watcher >= 0; i++) {
        scope_python.dict_unwatch(watcher, modules[i].dict);
        PyErr_Clear();
    }
    if (watcher >= 0)
        scope_python.dict_clear_watcher(watcher);
    PyErr_Clear();
    watcher = -1;
    struct module *old_modules = modules;
    struct global *old_globals = globals;
    uint32_t old_count = module_count, old_mask = global_mask;
    modules = NULL;
    globals = NULL;
    module_count = module_capacity = global_count = global_mask = 0;
    unwritten_names = poll_module = 0;
    poll_at = 0;
    for (uint32_t i = 0; old_globals && i <= old_mask; i++)
        if (old_globals[i].key)
            Py_DecRef(old_globals[i].key);
    for (uint32_t i = 0; i < old_count; i++)
        Py_DecRef(old_modules[i].dict);
    free(old_globals);
    free(old_modules);
}
