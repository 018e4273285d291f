/* Code object -> site number.
 *
 * An open-address table that lives under the GIL: hooks read it, the first sight of a code object writes it, and the end
 * of one takes it out. It never runs Python code, so a hook cannot be interrupted between looking and writing. Nothing
 * of the program's is kept: code objects are addresses here. Functions that say the same of themselves (name, module,
 * file, first line) are one site, however often the program makes them anew. */
#include "sites.h"

#include "code_attributes.h"
#include "call_places.h"
#include "code_slots.h"
#include "costs.h"
#include "defs.h"
#include "filter.h"
#include "identities.h"
#include "lifetimes.h"
#include "parameters.h"
#include "pool.h"
#include "secrets.h"
#include "unseen.h"
#include "upward.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 12
#define SITE_FIELDS 6
#define GENERATOR_LIKE (0x20 | 0x80 | 0x100 | 0x200) /* CO_GENERATOR, COROUTINE, ITERABLE_COROUTINE, ASYNC_GENERATOR */

static struct scope_code empty[2]; /* so that a lookup without a table finds nothing instead of faulting */
struct scope_code_table scope_codes = {.entries = empty, .shift = 63, .mask = 1};

static bool telling_values;
static struct scope_identities sites = {.limit = SCOPE_SITE_LIMIT};

/* GIL held; allocates plain memory; false when there is none. */
static bool resize(unsigned bits) {
    struct scope_code *entries = calloc((size_t)1 << bits, sizeof *entries);
    if (!entries)
        return false;
    struct scope_code_table old = scope_codes;
    scope_codes.entries = entries;
    scope_codes.shift = 64 - bits;
    scope_codes.mask = (1u << bits) - 1;
    for (uint32_t i = 0; old.entries != empty && i <= old.mask; i++) {
        if (!old.entries[i].code)
            continue;
        uint32_t at = scope_code_slot(old.entries[i].code);
        while (entries[at].code)
            at = (at + 1) & scope_codes.mask;
        entries[at] = old.entries[i];
    }
    if (old.entries != empty)
        free(old.entries);
    return true;
}

/* GIL held; does not allocate; leaves exceptions as they are. Entries that had to step aside for this one move up, so
 * that a search still ends at the first free place. */
static void forget(const PyObject *code) {
    const struct scope_code *known = scope_code_find(code);
    if (!known)
        return;
    scope_parameters_forget(code);
    scope_code_slots_forget(code);
    scope_call_places_forget(code);
    struct scope_code *entries = scope_codes.entries;
    uint32_t hole = (uint32_t)(known - entries);
    for (uint32_t at = (hole + 1) & scope_codes.mask; entries[at].code; at = (at + 1) & scope_codes.mask) {
        const uint32_t home = scope_code_slot(entries[at].code);
        if (((at - home) & scope_codes.mask) < ((at - hole) & scope_codes.mask))
            continue;
        entries[hole] = entries[at];
        hole = at;
    }
    entries[hole] = (struct scope_code){0};
    scope_codes.count -= 1;
}

/* GIL held; allocates plain memory; 0 or -1 with an exception. */
int scope_codes_open(void) {
    scope_codes_close(); /* a forked child still has its parent's */
    if (!resize(FIRST_BITS)) {
        PyErr_NoMemory();
        return -1;
    }
    return scope_lifetimes_watch(forget);
}

/* GIL held; frees plain memory. */
void scope_codes_close(void) {
    struct scope_code_table old = scope_codes;
    scope_codes = (struct scope_code_table){.entries = empty, .shift = 63, .mask = 1};
    for (uint32_t i = 0; old.entries != empty && i <= old.mask; i++)
        if (old.entries[i].code)
            scope_lifetime_unwatch(old.entries[i].code);
    scope_lifetimes_unwatch();
    scope_parameters_close();
    scope_code_slots_end();
    scope_call_places_clear();
    scope_identities_close(&sites);
    if (old.entries != empty)
        free(old.entries);
}

/* GIL held; does not allocate. Every code object is seen for the first time again, and judged by what the filter says now.
 * The numbers of functions stay, and so does what tells of the end of a code object. */
void scope_codes_forget(void) {
    if (scope_codes.entries != empty)
        memset(scope_codes.entries, 0, ((size_t)scope_codes.mask + 1) * sizeof *scope_codes.entries);
    scope_codes.count = 0;
    scope_parameters_close();
    scope_code_slots_close();
    scope_call_places_clear();
}

/* GIL held; frees plain memory. Whether arguments and results are told from here on. */
void scope_codes_tell_values(bool told) {
    telling_values = told;
    scope_codes_forget();
}

/* GIL held; does not allocate. */
uint32_t scope_codes_recorded(void) {
    return sites.count;
}

/* GIL held; does not allocate. What the tables take of the target's memory. */
size_t scope_codes_bytes(void) {
    const size_t entries = scope_codes.entries == empty ? 0 : (size_t)scope_codes.mask + 1;
    return entries * sizeof *scope_codes.entries + scope_identities_bytes(&sites) + scope_parameters_bytes();
}

/* GIL held; allocates; new reference to bytes: the text of one attribute, "" when it has none. */
static PyObject *text_of(PyObject *object, const char *attribute) {
    PyObject *value = PyObject_GetAttrString(object, attribute);
    if (!value)
        PyErr_Clear();
    PyObject *bytes = scope_utf8(value);
    if (value)
        Py_DecRef(value);
    return bytes;
}

/* GIL held; allocates; new reference to bytes: globals()[name] when that is a str, else "". */
static PyObject *global_text(PyObject *globals, const char *name) {
    PyObject *value = NULL;
    if (globals && PyDict_Check(globals))
        value = PyDict_GetItemString(globals, name); /* borrowed; never runs a subclass's __getitem__ */
    return scope_utf8(value);
}

/* GIL held; allocates plain memory; 0 when there is no room, or the definition could not be stored. */
static uint32_t site_of(const char *const fields[SITE_FIELDS]) {
    const uint64_t hash = scope_identity_hash(fields, SITE_FIELDS);
    const uint32_t present = scope_identity_find(&sites, hash);
    if (present)
        return present;
    const uint32_t site = scope_identity_next(&sites);
    if (!site || !scope_define(SCOPE_DEF_SITE, site, fields, SITE_FIELDS))
        return 0;
    scope_identity_add(&sites, hash);
    scope_pool.header->site_count = site;
    return site;
}

/* GIL held; allocates plain memory. What is told of the values of code that is recorded. */
static uint32_t about_values(const PyObject *code, const struct scope_parameters *parameters, const char *name) {
    if (!telling_values)
        return 0;
    const bool is_odd = parameters->cells || parameters->hidden;
    if (is_odd && !scope_parameters_keep(code, parameters))
        return 0;
    return SCOPE_CODE_RESULT | (scope_is_credential(name) ? SCOPE_CODE_HIDDEN_RESULT : 0) |
           (is_odd ? SCOPE_CODE_ODD : 0) | parameters->count << SCOPE_CODE_ARGUMENTS_SHIFT;
}

/* GIL held; allocates. Names the code, asks the filter and, when wanted, stores the definition. */
static void describe(struct scope_code *entry, PyObject *globals) {
    PyObject *file = text_of(entry->code, "co_filename");
    PyObject *name = text_of(entry->code, "co_name");
    PyObject *qualname = scope_python.version >= 0x030b ? text_of(entry->code, "co_qualname") : scope_utf8(NULL);
    PyObject *module = global_text(globals, "__name__");
    PyObject *module_file = global_text(globals, "__file__");
    entry->flags = SCOPE_CODE_OVERFLOW;
    if (file && name && qualname && module && module_file) {
        const char *co_name = PyBytes_AsString(name);
        const char *full = PyBytes_AsString(qualname);
        const char *path = PyBytes_AsString(file);
        const char *in = PyBytes_AsString(module);
        if (strcmp(in, "greenlet") == 0)
            scope_upward.meet_greenlet();
        full = full[0] ? full : co_name;
        entry->flags = 0;
        if (strcmp(co_name, "join") == 0 && strcmp(in, "threading") == 0 &&
            (strcmp(full, "Thread.join") == 0 || scope_python.version < 0x030b))
            entry->flags |= SCOPE_CODE_JOIN;
        if (strcmp(co_name, "callHandlers") == 0 && strcmp(in, "logging") == 0)
            entry->flags |= SCOPE_CODE_LOGS;
        if (strcmp(co_name, "_showwarnmsg") == 0 && (strcmp(in, "warnings") == 0 || strcmp(in, "_py_warnings") == 0))
            entry->flags |= SCOPE_CODE_WARNS;
        if (!scope_filter_wants_code(path, in, full, PyBytes_AsString(module_file))) {
            entry->flags |= SCOPE_CODE_LEFT_OUT;
        } else {
            char line[16];
            struct scope_parameters parameters;
            scope_parameters_read(&parameters, entry->code);
            snprintf(line, sizeof line, "%ld", scope_code_number(entry->code, "co_firstlineno"));
            entry->site = site_of((const char *[]){full, in, path, line, co_name, parameters.names});
            entry->flags |= entry->site ? about_values(entry->code, &parameters, co_name) : SCOPE_CODE_OVERFLOW;
            if (entry->site && scope_features.steps &&
                scope_filter_wants_lines(path, in, full, PyBytes_AsString(module_file)))
                entry->flags |= SCOPE_CODE_STEPS;
        }
        if (entry->site && scope_code_number(entry->code, "co_flags") & GENERATOR_LIKE)
            entry->flags |= SCOPE_CODE_GENERATOR;
    }
    PyErr_Clear();
    PyObject *parts[] = {file, name, qualname, module, module_file};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; allocates; borrowed, or NULL when its end would not be heard of. There must be room. The instructions of
 * a generator are kept along with it where a yield can only be told from a return by looking at them. */
static struct scope_code *insert(struct scope_code entry) {
    PyObject *instructions = NULL;
    if ((entry.flags & SCOPE_CODE_GENERATOR) && scope_python.version < 0x030c)
        instructions = PyObject_GetAttrString(entry.code, "co_code");
    PyErr_Clear();
    if (!scope_lifetime_watch(entry.code, instructions))
        return NULL;
    uint32_t at = scope_code_slot(entry.code);
    while (scope_codes.entries[at].code)
        at = (at + 1) & scope_codes.mask;
    scope_codes.entries[at] = entry;
    scope_codes.count += 1;
    return &scope_codes.entries[at];
}

/* GIL held; does not allocate; borrowed. What counts as known of a function that finds no place. */
static const struct scope_code *no_room(void) {
    static const struct scope_code overflow = {.flags = SCOPE_CODE_OVERFLOW};
    scope_unseen("codes-full", "");
    return &overflow;
}

/* GIL held; allocates; borrowed, or NULL when the code object must be treated as not recorded. First sight of `code`;
 * `globals` is borrowed and may be NULL. The result is valid until the next call, or until any code object dies. */
const struct scope_code *scope_code_learn(PyObject *code, PyObject *globals) {
    if (scope_codes.entries == empty)
        return NULL;
    if (scope_codes.count >= SCOPE_CODE_LIMIT)
        return no_room();
    if (scope_codes.count * 2 > scope_codes.mask && !resize(64 - scope_codes.shift + 1))
        return no_room();
    struct scope_code entry = {.code = code};
    scope_counts[SCOPE_COST_FIRST_SIGHT] += 1;
    int collecting = PyGC_Disable(); /* a finalizer must not run in the middle of a hook */
    describe(&entry, globals);
    struct scope_code *known = insert(entry);
    if (!known)
        scope_parameters_forget(code);
    else if (known->site)
        known->flags |= scope_upward.meet_code(code, known->site, known->flags);
    if (collecting)
        PyGC_Enable();
    if (entry.flags & SCOPE_CODE_OVERFLOW)
        scope_unseen("codes-full", "");
    return known ? known : no_room();
}

/* GIL held; allocates plain memory at first sight; false when there is none. Has `code` count as recorded under a number
 * that has no definition, or, with 0, as not recorded. */
bool scope_code_pretend(PyObject *code, uint32_t site, uint32_t flags) {
    if (scope_codes.entries == empty)
        return false;
    struct scope_code *known = (struct scope_code *)scope_code_find(code);
    if (!known && scope_codes.count * 2 > scope_codes.mask && !resize(64 - scope_codes.shift + 1))
        return false;
    if (!known && !(known = insert((struct scope_code){.code = code})))
        return false;
    known->site = site;
    known->flags = flags;
    if (site && !flags && scope_code_number(code, "co_flags") & GENERATOR_LIKE)
        known->flags = SCOPE_CODE_GENERATOR;
    return true;
}

/* GIL held; allocates at first sight; borrowed or NULL. The entry of `code`, which `frame` runs. */
const struct scope_code *scope_code_of_frame(PyObject *code, PyFrameObject *frame) {
    const struct scope_code *known = scope_code_find(code);
    if (known)
        return known;
    PyObject *globals = scope_python.frame_globals ? scope_python.frame_globals(frame)
                                                   : PyObject_GetAttrString((PyObject *)frame, "f_globals");
    known = scope_code_learn(code, globals);
    if (globals)
        Py_DecRef(globals);
    PyErr_Clear();
    return known;
}
