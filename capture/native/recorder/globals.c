/* Module globals over time: watched through dict watchers on 3.12+, compared four times a second before.
 *
 * Only modules that the filter wants, and of them only data: no dunder names, functions, classes, modules. */
#include "filter.h"
#include "state.h"
#include "tracks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum dict_event { ADDED, MODIFIED, DELETED, CLONED, CLEARED, DEALLOCATED };

struct module {
    PyObject *dict; /* strong */
    char name[256];
};

struct global {
    PyObject *dict; /* borrowed from its module */
    PyObject *key;  /* strong */
    uint32_t id;
    bool redacted, present;
    uint32_t seen_in; /* number of the poll that saw it last */
    uint64_t hash;    /* of the last text, when polling */
};

static struct module *modules;
static uint32_t module_count, module_capacity;
static struct global *globals; /* open addressing by (dict, key) */
static uint32_t global_count, global_mask;
static int watcher = -1;
static uint32_t polls;
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
    if (strncmp(text, "__", 2) != 0) {
        Py_IncRef(key);
        globals[at] = (struct global){.dict = dict,
                                      .key = key,
                                      .redacted = scope_is_credential(text),
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

/* GIL held; allocates; never leaves an exception. `key` got `value`. When polling, an unchanged text is not written. */
static void note(struct scope_writer *w, PyObject *dict, PyObject *key, PyObject *value, uint32_t flags) {
    struct scope_text text;
    PyObject *canonical = key;
    Py_IncRef(canonical);
    if (PyUnicode_CheckExact(key))
        PyUnicode_InternInPlace(&canonical);
    struct global *entry = entry_of(dict, canonical, scope_state_is_interesting(value));
    Py_DecRef(canonical);
    if (!entry)
        return;
    if (entry->redacted)
        scope_render_redacted(&text);
    else
        scope_render(&text, value);
    uint64_t hash = flags & SCOPE_STATE_SAMPLED ? hash_of(&text) : 0;
    bool same = flags & SCOPE_STATE_SAMPLED && entry->present && entry->hash == hash;
    entry->hash = hash;
    entry->present = true;
    entry->seen_in = polls;
    if (!same)
        scope_state_write(w, entry->id, 0, flags, &text);
}

/* GIL held; does not allocate. */
static void note_deleted(struct scope_writer *w, struct global *entry, uint32_t flags) {
    if (!entry || !entry->present)
        return;
    entry->present = false;
    scope_state_write(w, entry->id, 0, flags | SCOPE_STATE_DELETED, NULL);
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
    if (!scope_active || scope_tls == &scope_muted || (scope_python.finalizing && scope_python.finalizing()))
        return 0;
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    int collecting = PyGC_Disable();
    struct scope_writer *w = scope_writer_of_this_thread(NULL);
    if (event == ADDED || event == MODIFIED) {
        note(w, dict, key, value, 0);
    } else if (event == DELETED) {
        note_deleted(w, entry_of(dict, key, false), 0);
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
    module_count += 1;
    note_all(scope_tracks_main(), dict, dict, SCOPE_STATE_FIRST | (watcher < 0 ? SCOPE_STATE_SAMPLED : 0));
    if (watcher >= 0)
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

/* GIL held; allocates; never leaves an exception. Changes since the last poll, on the main thread's track: who wrote
 * them is not known, and the flag says so. */
static void poll_modules(void) {
    struct scope_writer *w = scope_tracks_main();
    polls += 1;
    for (uint32_t i = 0; i < module_count; i++)
        note_all(w, modules[i].dict, modules[i].dict, SCOPE_STATE_SAMPLED);
    for (uint32_t i = 0; globals && i <= global_mask; i++)
        if (globals[i].key && globals[i].seen_in != polls)
            note_deleted(w, &globals[i], SCOPE_STATE_SAMPLED);
}

/* GIL held; allocates; never leaves an exception. -1 = no watchers here: poll. Writes the first values. */
int scope_globals_start(void) {
    modules_seen = -1;
    watcher = -1;
    if (scope_python.dict_add_watcher && scope_python.dict_watch)
        watcher = scope_python.dict_add_watcher(on_dict_event);
    PyErr_Clear();
    look_for_modules();
    return watcher;
}

/* GIL held; allocates; never leaves an exception. New modules, and changes where there are no watchers. */
void scope_globals_sweep(bool poll) {
    int collecting = PyGC_Disable();
    look_for_modules();
    if (poll && watcher < 0)
        poll_modules();
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
}

/* GIL held; releases dicts, which may run finalizers: recording must be off. Never leaves an exception. */
void scope_globals_stop(void) {
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
    for (uint32_t i = 0; old_globals && i <= old_mask; i++)
        if (old_globals[i].key)
            Py_DecRef(old_globals[i].key);
    for (uint32_t i = 0; i < old_count; i++)
        Py_DecRef(old_modules[i].dict);
    free(old_globals);
    free(old_modules);
}
