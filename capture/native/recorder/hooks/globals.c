/* Module globals over time: watched through dict watchers on 3.12+, compared four times a second before.
 *
 * A watcher that does nothing makes a loop of three assignments at module level 1.18 times as slow on 3.12, 1.16 on 3.13,
 * 1.10 on 3.14 (without Scope, minima of 40): the rest of what such a loop costs is CPython's way to it.
 *
 * Only modules that the filter wants, and of them only data: no dunder names, functions, classes, modules. What is known of
 * a name, and which of its values are written: values/global_names.c. */
#include "hooks/globals.h"

#include "filter.h"
#include "values/global_names.h"
#include "values/state.h"
#include "track_list.h"
#include "tracks.h"
#include "unseen.h"

#include <stdio.h>
#include <string.h>

#define COUNTED_BLINDLY 16u /* a look or the next of so many changes ends the slice of a name that has calmed down */
#define POLL_NS 2000000u    /* how long one look may compare, with the GIL */
#define CONTAINERS_NS 1000000u
#define LAST_NS 10000000u /* and the last one, after which nobody will be held up again */

enum dict_event { ADDED, MODIFIED, DELETED, CLONED, CLEARED, DEALLOCATED };

static int watcher = -1;
static uint32_t polls, poll_module;
static Py_ssize_t poll_at;      /* where the next look goes on in the module of that number */
static Py_ssize_t poll_size;    /* names that it had then */
static uint32_t container_at;   /* where the next look at containers goes on */
static Py_ssize_t modules_seen; /* len(sys.modules) at the last look */

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

/* GIL held; allocates; never leaves an exception. `key` got `value`. When polling, an unchanged value is not written. */
static void note(struct scope_writer *w, PyObject *dict, PyObject *key, PyObject *value, uint32_t flags) {
    struct scope_global *entry = scope_global_known(dict, key);
    if (!entry)
        entry = scope_global_entry(dict, key, scope_state_is_interesting(value));
    if (!entry)
        return;
    entry->seen_in = polls;
    if (flags & SCOPE_STATE_SAMPLED) {
        struct scope_text text;
        uint64_t hash = cheap_hash(value);
        if (!hash) {
            scope_render(&text, value);
            hash = scope_text_hash(&text);
        }
        if (entry->present && entry->hash == hash)
            return;
        entry->hash = hash;
    }
    scope_global_write(w, entry, value, flags);
}

/* GIL held; allocates; never leaves an exception. */
static void note_deleted(struct scope_writer *w, struct scope_global *entry, uint32_t flags) {
    if (entry && (entry->present || entry->unwritten))
        scope_global_write(w, entry, NULL, flags);
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
    struct scope_global *entry = event <= DELETED ? scope_global_known(dict, key) : NULL;
    if (entry && entry->unwritten % COUNTED_BLINDLY) { /* busy: the clock is read every so many changes only */
        entry->changes += 1;
        entry->unwritten += 1;
        return 0;
    }
    PyObject *type, *error, *traceback;
    if (scope_python.finalizing && scope_python.finalizing())
        return 0;
    if (entry && !entry->whole && !PyErr_Occurred() && scope_global_is_only_counted(entry))
        return 0;
    PyErr_Fetch(&type, &error, &traceback);
    int collecting = PyGC_Disable();
    struct scope_writer *w = scope_writer_of_this_thread(NULL);
    if (event == ADDED || event == MODIFIED) {
        note(w, dict, key, value, 0);
    } else if (event == DELETED) {
        note_deleted(w, entry ? entry : scope_global_entry(dict, key, false), 0);
    } else if (event == CLONED && PyDict_Check(key)) {
        note_all(w, dict, key, 0);
    } else if (event == CLEARED) {
        struct scope_global *entries = scope_globals.entries;
        for (uint32_t i = 0; entries && i <= scope_globals.mask; i++)
            if (entries[i].key && entries[i].dict == dict)
                note_deleted(w, &entries[i], 0);
    }
    if (collecting)
        PyGC_Enable();
    PyErr_Restore(type, error, traceback);
    return 0;
}

/* GIL held; may allocate; never leaves an exception. Names of the interpreter's own, and what is no name. */
static bool is_own_business(PyObject *key) {
    PyObject *name = PyUnicode_CheckExact(key) ? scope_utf8(key) : NULL;
    const bool own = !name || strncmp(PyBytes_AsString(name), "__", 2) == 0;
    if (name)
        Py_DecRef(name);
    return own;
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
    if (scope_globals_have_module(dict))
        return;
    dict_text(dict, "__name__", name, sizeof name);
    dict_text(dict, "__file__", file, sizeof file);
    bool main_without_file = !file[0] && strcmp(name, "__main__") == 0;
    if (!name[0] || (!file[0] && !main_without_file) ||
        !scope_filter_wants_code(file[0] ? file : "<string>", name, "<module>", file) ||
        !scope_globals_add_module(dict, name))
        return;
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
    struct scope_global *entries = scope_globals.entries;
    for (uint32_t i = 0; entries && i <= scope_globals.mask; i++) {
        struct scope_global *entry = &entries[i];
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
    for (; poll_module < scope_globals.module_count; poll_module++, poll_at = 0) {
        struct scope_module *module = &scope_globals.modules[poll_module];
        PyObject *dict = module->dict, *key, *value;
        const uint32_t flags = SCOPE_STATE_SAMPLED | (module->is_known ? 0 : SCOPE_STATE_FIRST_KNOWN);
        while (PyDict_Next(dict, &poll_at, &key, &value)) {
            note(w, dict, key, value, flags);
            if (++looked % 64 == 0 && scope_mono_ns() > until_ns)
                return;
        }
        module->is_known = true;
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
    for (; poll_module < scope_globals.module_count; poll_module++, poll_at = 0) {
        struct scope_module *module = &scope_globals.modules[poll_module];
        PyObject *dict = module->dict, *key, *value;
        if (poll_at && PyDict_Size(dict) != poll_size)
            poll_at = 0;
        poll_size = PyDict_Size(dict);
        while (PyDict_Next(dict, &poll_at, &key, &value)) {
            const struct scope_global *entry = scope_global_known(dict, key);
            if (!entry || !(entry->present || entry->unwritten))
                note(w, dict, key, value, SCOPE_STATE_FIRST_KNOWN);
            if (++looked % 64 == 0 && scope_mono_ns() > until_ns)
                return;
        }
        module->is_known = true;
    }
}

/* GIL held; allocates with the collector off; never leaves an exception. Containers that watched names hold have changed without
 * a watcher being told: what differs from what was written last. Of many each look sees some. */
static void look_at_containers(uint64_t patience_ns) {
    struct scope_writer *w = scope_tracks_main();
    const uint64_t until_ns = scope_mono_ns() + patience_ns;
    struct scope_text text;
    uint32_t seen = 0;
    for (uint32_t steps = 0; w && scope_globals.mutable && steps <= scope_globals.mask; steps++) {
        struct scope_global *entry = &scope_globals.entries[container_at++ & scope_globals.mask];
        PyObject *value = entry->key && entry->mutable && !entry->unwritten
                              ? PyDict_GetItemWithError(entry->dict, entry->key) /* borrowed; nothing here changes it */
                              : NULL;
        PyErr_Clear();
        if (!value)
            continue;
        scope_render(&text, value);
        if (scope_text_hash(&text) != entry->hash)
            scope_global_write(w, entry, value, SCOPE_STATE_SAMPLED);
        if (++seen % 16 == 0 && scope_mono_ns() > until_ns)
            return;
    }
}

/* GIL held; allocates with the collector off; never leaves an exception. Says of which modules the looks have not seen
 * everything, and how many names that are. */
static void say_what_was_not_looked_at(void) {
    for (uint32_t i = 0; i < scope_globals.module_count; i++) {
        const struct scope_module *module = &scope_globals.modules[i];
        PyObject *dict = module->dict, *key, *value;
        Py_ssize_t at = 0, missing = 0;
        while (!module->is_known && PyDict_Next(dict, &at, &key, &value)) {
            const struct scope_global *entry = scope_global_known(dict, key);
            if (!(entry && (entry->present || entry->unwritten)) && scope_state_is_interesting(value) &&
                !is_own_business(key))
                missing += 1;
        }
        if (missing) {
            char detail[320];
            snprintf(detail, sizeof detail, "%zd of %s", missing, module->name);
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
    scope_globals_write_last(true);
    if (watcher >= 0)
        look_at_containers(LAST_NS);
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
    scope_globals_write_last(false);
    if (watcher >= 0)
        look_at_containers(CONTAINERS_NS);
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
}

/* GIL held; releases dicts, which may run finalizers, on a thread that is not recorded. Never leaves an exception. */
void scope_globals_undo(void) {
    for (uint32_t i = 0; i < scope_globals.module_count && watcher >= 0; i++) {
        scope_python.dict_unwatch(watcher, scope_globals.modules[i].dict);
        PyErr_Clear();
    }
    if (watcher >= 0)
        scope_python.dict_clear_watcher(watcher);
    PyErr_Clear();
    watcher = -1;
    poll_module = 0;
    poll_at = 0;
    container_at = 0;
    scope_globals_close();
}

/* GIL held; allocates with the collector off; never leaves an exception. Other modules are wanted: all is looked at anew. */
void scope_globals_change(void) {
    scope_globals_finish();
    scope_globals_undo();
    scope_globals_begin(NULL);
}
