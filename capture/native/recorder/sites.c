/* Code object -> site number.
 *
 * An open-address table that lives under the GIL: hooks read it, the first sight of a code object writes it. It never
 * runs Python code, so a hook cannot be interrupted between looking and writing. */
#include "sites.h"

#include "defs.h"
#include "filter.h"
#include "pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 12
#define GENERATOR_LIKE (0x20 | 0x80 | 0x100 | 0x200) /* CO_GENERATOR, COROUTINE, ITERABLE_COROUTINE, ASYNC_GENERATOR */

static struct scope_code empty[2]; /* so that a lookup without a table finds nothing instead of faulting */
struct scope_code_table scope_codes = {.entries = empty, .shift = 63, .mask = 1};

static uint32_t sites;
static PyObject **instructions; /* by site: co_code of generators, read to tell a yield from a return */
static uint32_t instructions_capacity;

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

/* GIL held; allocates plain memory; 0 or -1 without an exception. */
int scope_codes_open(void) {
    scope_codes.count = sites = 0;
    return resize(FIRST_BITS) ? 0 : -1;
}

/* GIL held; releases every code object, which may run foreign finalizers: hooks must be inactive. */
void scope_codes_close(void) {
    struct scope_code_table old = scope_codes;
    scope_codes = (struct scope_code_table){.entries = empty, .shift = 63, .mask = 1};
    for (uint32_t i = 0; i < instructions_capacity; i++)
        if (instructions[i])
            Py_DecRef(instructions[i]);
    free(instructions);
    instructions = NULL;
    instructions_capacity = 0;
    if (old.entries == empty)
        return;
    for (uint32_t i = 0; i <= old.mask; i++)
        if (old.entries[i].code)
            Py_DecRef(old.entries[i].code);
    free(old.entries);
}

/* GIL held; does not allocate. */
uint32_t scope_codes_recorded(void) {
    return sites;
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

/* GIL held; allocates; the number, 0 when there is none. */
static long number_of(PyObject *object, const char *attribute) {
    PyObject *value = PyObject_GetAttrString(object, attribute);
    long number = value ? PyLong_AsLong(value) : 0;
    PyErr_Clear();
    if (value)
        Py_DecRef(value);
    return number;
}

/* GIL held; allocates; new reference to bytes: globals()[name] when that is a str, else "". */
static PyObject *global_text(PyObject *globals, const char *name) {
    PyObject *value = NULL;
    if (globals && PyDict_Check(globals))
        value = PyDict_GetItemString(globals, name); /* borrowed; never runs a subclass's __getitem__ */
    return scope_utf8(value);
}

/* GIL held; allocates plain memory; steals `bytes`. */
static void keep_instructions(uint32_t site, PyObject *bytes) {
    if (site >= instructions_capacity) {
        uint32_t capacity = site + 1024;
        PyObject **more = realloc(instructions, capacity * sizeof *more);
        if (!more) {
            Py_DecRef(bytes);
            return;
        }
        memset(more + instructions_capacity, 0, (capacity - instructions_capacity) * sizeof *more);
        instructions = more;
        instructions_capacity = capacity;
    }
    instructions[site] = bytes;
}

/* GIL held; does not allocate; borrowed memory or NULL. The instructions of a generator-like code object. */
const unsigned char *scope_code_bytes(const struct scope_code *known, Py_ssize_t *size) {
    char *bytes = NULL;
    if (known->site >= instructions_capacity || !instructions[known->site] ||
        PyBytes_AsStringAndSize(instructions[known->site], &bytes, size) != 0) {
        PyErr_Clear();
        return NULL;
    }
    return (const unsigned char *)bytes;
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
        full = full[0] ? full : co_name;
        entry->flags = 0;
        if (strcmp(co_name, "join") == 0 && strcmp(in, "threading") == 0 &&
            (strcmp(full, "Thread.join") == 0 || scope_python.version < 0x030b))
            entry->flags |= SCOPE_CODE_JOIN;
        if (!scope_filter_wants_code(path, in, full, PyBytes_AsString(module_file))) {
            entry->flags |= SCOPE_CODE_LEFT_OUT;
        } else {
            char line[16];
            snprintf(line, sizeof line, "%ld", number_of(entry->code, "co_firstlineno"));
            if (sites < SCOPE_CODE_LIMIT &&
                scope_define(SCOPE_DEF_SITE, sites + 1, (const char *[]){full, in, path, line, co_name}, 5)) {
                entry->site = ++sites;
                scope_pool.header->site_count = sites;
            } else {
                entry->flags |= SCOPE_CODE_OVERFLOW;
            }
        }
        if (entry->site && number_of(entry->code, "co_flags") & GENERATOR_LIKE) {
            entry->flags |= SCOPE_CODE_GENERATOR;
            if (scope_python.version < 0x030c)
                keep_instructions(entry->site, PyObject_GetAttrString(entry->code, "co_code"));
        }
    }
    PyErr_Clear();
    PyObject *parts[] = {file, name, qualname, module, module_file};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; does not allocate; borrowed. There must be room. */
static struct scope_code *insert(struct scope_code entry) {
    Py_IncRef(entry.code);
    uint32_t at = scope_code_slot(entry.code);
    while (scope_codes.entries[at].code)
        at = (at + 1) & scope_codes.mask;
    scope_codes.entries[at] = entry;
    scope_codes.count += 1;
    return &scope_codes.entries[at];
}

/* GIL held; allocates; borrowed, or NULL when the code object must be treated as not recorded. First sight of `code`;
 * `globals` is borrowed and may be NULL. The result is valid until the next call. */
const struct scope_code *scope_code_learn(PyObject *code, PyObject *globals) {
    static const struct scope_code overflow = {.flags = SCOPE_CODE_OVERFLOW};
    if (scope_codes.entries == empty)
        return NULL;
    if (scope_codes.count >= SCOPE_CODE_LIMIT)
        return &overflow;
    if (scope_codes.count * 2 > scope_codes.mask && !resize(64 - scope_codes.shift + 1))
        return &overflow;
    struct scope_code entry = {.code = code};
    int collecting = PyGC_Disable(); /* a finalizer must not run in the middle of a hook */
    describe(&entry, globals);
    if (collecting)
        PyGC_Enable();
    return insert(entry);
}

/* GIL held; allocates plain memory at first sight; false when there is none. Has `code` count as recorded under a number
 * that has no definition, or, with 0, as left out again. */
bool scope_code_pretend(PyObject *code, uint32_t site) {
    if (scope_codes.entries == empty)
        return false;
    struct scope_code *known = (struct scope_code *)scope_code_find(code);
    if (!known && scope_codes.count * 2 > scope_codes.mask && !resize(64 - scope_codes.shift + 1))
        return false;
    if (!known)
        known = insert((struct scope_code){.code = code});
    known->site = site;
    known->flags = site ? 0 : SCOPE_CODE_LEFT_OUT;
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
