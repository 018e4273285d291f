/* The locals of a function, and which of them each of its lines may bind.
 *
 * Reading all locals at each line would cost more the more there are. A line binds the few that its instructions store
 * to or delete, which is read from the bytecode once for each code object; cells count with every line, since inner
 * functions bind them while an outer line runs. Instructions of no line count with all lines. A line is loud unless none
 * of its instructions changes a list, dict or set that a local holds, but by calling code of the program.
 *
 * Where an instruction has a slot of more than 8 bits, the upper ones stand in front of it; they are not read, and all
 * slots with the same lower ones count. That the opcodes are those of the interpreter that runs is proved on code of
 * ours whose stores are known; where the proof fails, every line counts with all slots, which costs more and says the
 * same.
 *
 * Source: CPython 3.10 to 3.15, Objects/codeobject.c (the order of the slots: locals, then cells that are no locals, then free variables; 3.10 has a cell of each parameter besides its slot). */
#include "code_slots.h"

#include "code_attributes.h"
#include "defs.h"
#include "filter.h"
#include "identities.h"
#include "opcodes.h"
#include "secrets.h"
#include "unseen.h"

#include "scope_pool.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BITS 8
#define MOST_SLOTS 4096u          /* of a code object; later ones are not told */
#define MOST_LINES 65536          /* from its first one to its last */
#define MOST_SET_BYTES (1u << 20) /* of one code object; with more, every line counts with all slots */
#define MOST_NAMES 100000u
#define OPTIMIZED 0x1 /* CO_OPTIMIZED */

static struct scope_kept_slots nothing[2]; /* so that a lookup without a table finds nothing instead of faulting */
struct scope_kept_slots *scope_kept_slots = nothing;
uint32_t scope_kept_slots_shift = 63, scope_kept_slots_mask = 1;

static uint32_t count;
static uint64_t last_serial;
static size_t slots_bytes;
static struct scope_identities names = {.limit = MOST_NAMES};
static bool opcodes_are_proved;

/* GIL held; does not allocate. The entry of a code object, or the free one where it belongs. */
static struct scope_kept_slots *place_of(const PyObject *code) {
    uint32_t at = (uint32_t)(((uint64_t)(uintptr_t)code >> 4) * 0x9E3779B97F4A7C15u >> scope_kept_slots_shift);
    while (scope_kept_slots[at].code && scope_kept_slots[at].code != code)
        at = (at + 1) & scope_kept_slots_mask;
    return &scope_kept_slots[at];
}

/* GIL held; allocates plain memory; false when there is none. */
static bool make_room(void) {
    if (scope_kept_slots != nothing && count * 2 < scope_kept_slots_mask)
        return true;
    struct scope_kept_slots *old = scope_kept_slots;
    const uint32_t old_size = old == nothing ? 0 : scope_kept_slots_mask + 1;
    const uint32_t size = old_size ? old_size * 2 : 1u << FIRST_BITS;
    struct scope_kept_slots *bigger = calloc(size, sizeof *bigger);
    if (!bigger)
        return false;
    scope_kept_slots = bigger;
    scope_kept_slots_mask = size - 1;
    scope_kept_slots_shift = 64 - (uint32_t)__builtin_ctz(size);
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].code)
            *place_of(old[i].code) = old[i];
    if (old != nothing)
        free(old);
    return true;
}

/* GIL not needed; does not allocate. */
static inline void add_slot(uint64_t *set, uint32_t slot) {
    set[slot / SCOPE_SLOT_BITS] |= UINT64_C(1) << slot % SCOPE_SLOT_BITS;
}

/* GIL held; does not allocate; no exception. */
static bool has_name(PyObject *all, PyObject *name) {
    for (Py_ssize_t i = 0, size = PyTuple_Size(all); i < size; i++)
        if (PyUnicode_Compare(PyTuple_GetItem(all, i), name) == 0)
            return true;
    PyErr_Clear();
    return false;
}

/* GIL held; allocates plain memory; 0 when there is no room, or the definition could not be stored. */
static uint32_t number_of_name(const char *name) {
    const char *fields[] = {name};
    const uint64_t hash = scope_identity_hash(fields, 1);
    const uint32_t present = scope_identity_find(&names, hash);
    if (present)
        return present;
    const uint32_t id = scope_identity_next(&names);
    if (!id)
        scope_unseen("local-names-full", "");
    if (!id || !scope_define(SCOPE_DEF_NAME, id, fields, 1))
        return 0;
    scope_identity_add(&names, hash);
    return id;
}

/* GIL held; allocates; no exception. What has a name with a dot no program has named. */
static struct scope_slot slot_named(PyObject *name, bool is_cell) {
    PyObject *bytes = scope_utf8(name);
    const char *text = bytes ? PyBytes_AsString(bytes) : ".";
    const bool is_told = text[0] != '.';
    const struct scope_slot slot = {
        .name = is_told ? number_of_name(text) : 0,
        .is_cell = is_cell,
        .is_hidden = scope_is_credential(text),
        .is_told = is_told,
    };
    if (bytes)
        Py_DecRef(bytes);
    return slot;
}

/* The names of the three kinds of slots: strong references to tuples. */
struct slot_names {
    PyObject *locals, *cells, *free;
};

/* GIL held; allocates; false without an exception when they cannot be asked for. The names of a module or class are not in
 * slots; what is, are things of the interpreter's own. */
static bool names_of(struct slot_names *of, PyObject *code) {
    *of = (struct slot_names){scope_code_tuple(code, "co_varnames"), scope_code_tuple(code, "co_cellvars"),
                              scope_code_tuple(code, "co_freevars")};
    return scope_code_number(code, "co_flags") & OPTIMIZED && of->locals && of->cells && of->free;
}

/* GIL held; releases. */
static void let_names_go(const struct slot_names *of) {
    PyObject *parts[] = {of->locals, of->cells, of->free};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; allocates; no exception. Fills in what the slots are, at most MOST_SLOTS; how many there are. */
static uint32_t read_slots(struct scope_slot *slots, const struct slot_names *of) {
    const bool is_apart = scope_python.version == 0x030a; /* a parameter in a cell has two slots, and leaves its own */
    uint32_t at = 0;
    for (Py_ssize_t i = 0; i < PyTuple_Size(of->locals) && at < MOST_SLOTS; i++) {
        PyObject *name = PyTuple_GetItem(of->locals, i);
        const bool is_cell = has_name(of->cells, name);
        slots[at] = slot_named(name, is_cell);
        slots[at++].is_told &= !(is_cell && is_apart);
    }
    for (Py_ssize_t i = 0; i < PyTuple_Size(of->cells) && at < MOST_SLOTS; i++)
        if (is_apart || !has_name(of->locals, PyTuple_GetItem(of->cells, i)))
            slots[at++] = slot_named(PyTuple_GetItem(of->cells, i), true);
    for (Py_ssize_t i = 0; i < PyTuple_Size(of->free) && at < MOST_SLOTS; i++)
        slots[at++] = slot_named(PyTuple_GetItem(of->free, i), true);
    return at;
}

/* GIL not needed; does not allocate. All slots that have this number in their lower eight bits. */
static void add_all_like(const struct scope_code_slots *of, uint64_t *set, uint32_t low) {
    for (uint32_t slot = low; slot < of->count; slot += 256)
        add_slot(set, slot);
}

/* GIL not needed; does not allocate. What the instructions between two places bind; whether all of them are quiet. */
static bool add_bound(const struct scope_code_slots *of, uint64_t *set, const unsigned char *from,
                      const unsigned char *to) {
    bool is_quiet = true;
    for (; from + 1 < to; from += 2) {
        const unsigned char binds = scope_opcodes[from[0]], argument = from[1];
        is_quiet &= scope_is_quiet(from[0], argument);
        if (binds & SCOPE_BINDS_WHOLE)
            add_all_like(of, set, argument);
        if (binds & (SCOPE_BINDS_HIGH | SCOPE_BINDS_BOTH))
            add_all_like(of, set, argument >> 4);
        if (binds & SCOPE_BINDS_BOTH)
            add_all_like(of, set, argument & 15);
    }
    return is_quiet;
}

/* GIL held; allocates; no exception. How far below the first the last line of `code` is, and one more; -1 = not known. */
static long lines_in(PyObject *ranges, long first) {
    long lines = 0;
    for (Py_ssize_t i = 0; i < PyList_Size(ranges) && lines >= 0; i++) {
        PyObject *of = PyTuple_GetItem(PyList_GetItem(ranges, i), 2); /* borrowed; None = of no line */
        const long below = of == Py_None ? 0 : PyLong_AsLong(of) - first;
        lines = below < 0 || below >= MOST_LINES ? -1 : below < lines ? lines : below + 1;
    }
    PyErr_Clear();
    return lines;
}

/* GIL held; does not allocate; an exception stays. What each line binds by itself, and what is of no line, which
 * every line may; and whether it is loud. What the interpreter adds of no line, around a handler, is not. */
static void read_bound(struct scope_code_slots *of, PyObject *ranges, PyObject *instructions) {
    const unsigned char *begin = (const unsigned char *)PyBytes_AsString(instructions);
    const long size = (long)PyBytes_Size(instructions);
    uint64_t *nowhere = of->bound + (size_t)of->lines * of->width;
    for (Py_ssize_t i = 0; i < PyList_Size(ranges); i++) {
        PyObject *range = PyList_GetItem(ranges, i), *line = PyTuple_GetItem(range, 2); /* borrowed */
        const long from = PyLong_AsLong(PyTuple_GetItem(range, 0)), to = PyLong_AsLong(PyTuple_GetItem(range, 1));
        const size_t below = line == Py_None ? of->lines : (size_t)(PyLong_AsLong(line) - of->first);
        if (from >= 0 && from < to && to <= size &&
            !add_bound(of, of->bound + below * of->width, begin + from, begin + to))
            of->is_loud[below] = true;
    }
    for (uint32_t slot = 0; slot < of->count; slot++)
        if (of->slot[slot].is_cell)
            add_slot(nowhere, slot);
    for (size_t i = 0; i < (size_t)of->lines * of->width; i++)
        of->bound[i] = (of->bound[i] | nowhere[i % of->width]) & of->all[i % of->width];
}

/* GIL not needed; does not allocate. */
static size_t bound_bytes(const struct scope_code_slots *of) {
    return of->bound ? ((size_t)of->lines + 1) * (of->width * sizeof *of->bound + 1) : 0;
}

/* GIL held; allocates; no exception. Finds out what each line may bind; without that, all lines count with all slots. */
static void find_bound(struct scope_code_slots *of, PyObject *code) {
    PyObject *iterator = of->width && opcodes_are_proved ? PyObject_CallMethod(code, "co_lines", NULL) : NULL;
    PyObject *ranges = iterator ? PySequence_List(iterator) : NULL;
    PyObject *instructions = ranges ? PyObject_GetAttrString(code, "co_code") : NULL;
    const long lines = instructions && PyBytes_Check(instructions) ? lines_in(ranges, of->first) : -1;
    const size_t bytes = lines > 0 ? ((size_t)lines + 1) * of->width * sizeof *of->bound : 0;
    of->bound = bytes && bytes <= MOST_SET_BYTES ? calloc(1, bytes + (size_t)lines + 1) : NULL;
    if (of->bound) {
        of->is_loud = (bool *)of->bound + bytes;
        of->lines = (uint32_t)lines;
        slots_bytes += bound_bytes(of);
        read_bound(of, ranges, instructions);
    }
    PyErr_Clear();
    PyObject *parts[] = {iterator, ranges, instructions};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; allocates; new reference or NULL: the code of the function that a module defines. */
static PyObject *function_in(PyObject *module) {
    PyObject *constants = module ? scope_code_tuple(module, "co_consts") : NULL, *found = NULL;
    for (Py_ssize_t i = 0; constants && i < PyTuple_Size(constants) && !found; i++)
        if (Py_TYPE(PyTuple_GetItem(constants, i)) == Py_TYPE(module))
            found = PyTuple_GetItem(constants, i);
    if (found)
        Py_IncRef(found);
    if (constants)
        Py_DecRef(constants);
    return found;
}

#define PROVED_SLOTS 6u
#define PROVED_LINES 7u

/* GIL held; allocates; no exception. Has every line of a function of ours bind what it is known to bind? If not, each counts
 * with all slots. */
void scope_code_slots_prove(void) {
    static const char source[] = "def prove(a, b):\n"
                                 "    c = a\n"
                                 "    del b\n"
                                 "    a, d = c, a\n"
                                 "    for e in a: pass\n"
                                 "    if (f := d): c = e; d = e\n"
                                 "    return [e for e in f]\n";
    const uint64_t last = scope_python.version < 0x030c ? 0 : 1 << 4; /* there it has code of its own */
    const uint64_t expected[PROVED_LINES] = {0, 1 << 2, 1 << 1, 1 | 1 << 3, 1 << 4, 1 << 2 | 1 << 3 | 1 << 5, last};
    uint64_t all = (1u << PROVED_SLOTS) - 1;
    PyObject *module = Py_CompileString(source, SCOPE_OWN_CODE, Py_file_input), *code = function_in(module);
    struct scope_code_slots *of = calloc(1, sizeof *of + PROVED_SLOTS * sizeof *of->slot);
    scope_opcodes_assume(scope_python.version);
    opcodes_are_proved = true;
    if (code && of) {
        of->count = PROVED_SLOTS;
        of->width = of->first = 1;
        of->all = &all;
        find_bound(of, code);
        opcodes_are_proved = of->lines == PROVED_LINES && memcmp(of->bound, expected, sizeof expected) == 0;
        for (uint32_t line = 1; opcodes_are_proved && line < PROVED_LINES; line++)
            opcodes_are_proved = of->is_loud[line] == (line % 2 == 0);
        slots_bytes -= bound_bytes(of);
        free(of->bound);
    }
    free(of);
    PyErr_Clear();
    if (code)
        Py_DecRef(code);
    if (module)
        Py_DecRef(module);
    if (!opcodes_are_proved)
        scope_unseen("layout-unknown", "instructions");
}

/* GIL held; frees plain memory. */
static void let_go(struct scope_code_slots *slots) {
    slots_bytes -= bound_bytes(slots);
    free(slots->bound);
    free(slots->all);
    free(slots);
}

/* GIL held; allocates; NULL without an exception when there is no memory. Of code that has no locals, or whose names cannot
 * be asked for, there are no slots. */
static struct scope_code_slots *read_code(PyObject *code) {
    struct slot_names of;
    const bool has_names = names_of(&of, code);
    const Py_ssize_t named = has_names ? PyTuple_Size(of.locals) + PyTuple_Size(of.cells) + PyTuple_Size(of.free) : 0;
    const size_t most = named < (Py_ssize_t)MOST_SLOTS ? (size_t)named : MOST_SLOTS;
    struct scope_code_slots *slots = calloc(1, sizeof *slots + most * sizeof *slots->slot);
    uint64_t *all = calloc(most / SCOPE_SLOT_BITS + 1, sizeof *all);
    if (slots && all) {
        slots->count = has_names ? read_slots(slots->slot, &of) : 0;
        slots->width = (slots->count + SCOPE_SLOT_BITS - 1) / SCOPE_SLOT_BITS;
        slots->first = scope_code_number(code, "co_firstlineno");
        slots->serial = ++last_serial;
        slots->all = all;
    }
    let_names_go(&of);
    if (!slots || !all) {
        free(slots);
        free(all);
        return NULL;
    }
    for (uint32_t slot = 0; slot < slots->count; slot++)
        if (slots->slot[slot].is_told)
            add_slot(all, slot);
    if (slots->first >= 0)
        find_bound(slots, code);
    return slots;
}

/* GIL held, the collector off; allocates; borrowed until any code object goes; NULL without an exception: no memory. Of code
 * that scope_code_slots_forget() is told of when it goes. */
const struct scope_code_slots *scope_code_slots_learn(PyObject *code) {
    const struct scope_code_slots *present = scope_code_slots_find(code);
    if (present || !make_room())
        return present;
    struct scope_code_slots *slots = read_code(code);
    if (slots) {
        *place_of(code) = (struct scope_kept_slots){code, slots};
        count += 1;
        slots_bytes += sizeof *slots + slots->count * sizeof *slots->slot;
    }
    return slots;
}

/* GIL held; frees plain memory. Entries that had to step aside for this one move up. */
void scope_code_slots_forget(const PyObject *code) {
    struct scope_kept_slots *known = place_of(code);
    if (!known->code)
        return;
    slots_bytes -= sizeof *known->slots + known->slots->count * sizeof *known->slots->slot;
    let_go(known->slots);
    const uint32_t mask = scope_kept_slots_mask;
    uint32_t hole = (uint32_t)(known - scope_kept_slots);
    for (uint32_t at = (hole + 1) & mask; scope_kept_slots[at].code; at = (at + 1) & mask) {
        const uint32_t home = (uint32_t)(((uint64_t)(uintptr_t)scope_kept_slots[at].code >> 4) * 0x9E3779B97F4A7C15u >>
                                         scope_kept_slots_shift);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        scope_kept_slots[hole] = scope_kept_slots[at];
        hole = at;
    }
    scope_kept_slots[hole] = (struct scope_kept_slots){0};
    count -= 1;
}

/* GIL held; frees plain memory. Names keep their numbers. */
void scope_code_slots_close(void) {
    struct scope_kept_slots *old = scope_kept_slots;
    const uint32_t size = old == nothing ? 0 : scope_kept_slots_mask + 1;
    scope_kept_slots = nothing;
    scope_kept_slots_shift = 63;
    scope_kept_slots_mask = 1;
    for (uint32_t i = 0; i < size; i++)
        if (old[i].code)
            let_go(old[i].slots);
    if (old != nothing)
        free(old);
    count = 0;
    slots_bytes = 0;
}

/* GIL held; frees plain memory. The recording is over. */
void scope_code_slots_end(void) {
    scope_code_slots_close();
    scope_identities_close(&names);
}

/* GIL held; does not allocate. What the tables take of the target's memory. */
size_t scope_code_slots_bytes(void) {
    const size_t table = scope_kept_slots == nothing ? 0 : (size_t)scope_kept_slots_mask + 1;
    return table * sizeof *scope_kept_slots + slots_bytes + scope_identities_bytes(&names);
}
