/* The parameters of a function.
 *
 * Few functions have one that an inner function uses or whose name says that it is a secret; these are kept in a table of
 * their own, by the address of the code object, so that all others need nothing but their number. */
#include "parameters.h"

#include "code_attributes.h"
#include "secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VARARGS 0x04
#define VARKEYWORDS 0x08
#define FIRST_BITS 8

struct kept {
    const PyObject *code; /* borrowed: sites.c has it forgotten when it goes; NULL = free */
    struct scope_odd_parameters *odd;
};

static struct kept *table; /* open addressing, at most half full */
static uint32_t bits, count;

/* GIL held; does not allocate; no exception. Where a name is in a tuple of names, -1 = nowhere. */
static Py_ssize_t index_of(PyObject *names, PyObject *name) {
    for (Py_ssize_t i = 0; names && i < PyTuple_Size(names); i++)
        if (PyUnicode_Compare(PyTuple_GetItem(names, i), name) == 0)
            return i;
    PyErr_Clear();
    return -1;
}

/* GIL not needed; does not allocate. Of the parameter `i`. After one that does not fit there is none. */
static void add_name(struct scope_parameters *of, long i, const char *stars, const char *name) {
    const size_t length = strlen(of->names), more = (i > 0) + strlen(stars) + strlen(name);
    of->is_cut |= length + more >= sizeof of->names;
    if (!of->is_cut)
        snprintf(of->names + length, sizeof of->names - length, "%s%s%s", i ? "," : "", stars, name);
}

/* GIL held; does not allocate; no exception. What is odd of the parameter `i`. */
static void judge(struct scope_parameters *of, long i, const char *name, Py_ssize_t cell, long locals) {
    of->cells |= (uint64_t)(cell >= 0) << i;
    of->hidden |= (uint64_t)scope_is_credential(name) << i;
    of->cell_slots[i] = (uint16_t)(locals + cell);
}

/* GIL held; allocates; never leaves an exception. The iterator that the code of a comprehension gets, which no program has
 * named, is no parameter. */
void scope_parameters_read(struct scope_parameters *of, PyObject *code) {
    const long flags = scope_code_number(code, "co_flags"), locals = scope_code_number(code, "co_nlocals");
    const long named = scope_code_number(code, "co_argcount") + scope_code_number(code, "co_kwonlyargcount");
    const long stars = (flags & VARARGS) != 0, all = named + stars + ((flags & VARKEYWORDS) != 0);
    *of = (struct scope_parameters){0};
    PyObject *names = all > 0 ? scope_code_tuple(code, "co_varnames") : NULL;
    PyObject *cells = names ? scope_code_tuple(code, "co_cellvars") : NULL;
    bool is_named = true;
    for (long i = 0; names && is_named && i < all && i < PyTuple_Size(names); i++) {
        PyObject *object = PyTuple_GetItem(names, i), *bytes = scope_utf8(object); /* the first is borrowed */
        const char *name = bytes ? PyBytes_AsString(bytes) : "";
        is_named = name[0] != '.';
        if (is_named)
            add_name(of, i, i < named ? "" : i < named + stars ? "*" : "**", name);
        if (is_named && i < (long)SCOPE_MOST_PARAMETERS) {
            judge(of, i, name, index_of(cells, object), locals);
            of->count += 1;
        }
        if (bytes)
            Py_DecRef(bytes);
    }
    if (names)
        Py_DecRef(names);
    if (cells)
        Py_DecRef(cells);
}

/* GIL not needed; does not allocate. */
static uint32_t slot_of(const PyObject *code) {
    return (uint32_t)(((uint64_t)(uintptr_t)code >> 4) * 0x9E3779B97F4A7C15u >> (64 - bits));
}

/* GIL held; does not allocate. The entry of a code object, or the free one where it belongs. */
static struct kept *place_of(const PyObject *code) {
    uint32_t at = slot_of(code);
    while (table[at].code && table[at].code != code)
        at = (at + 1) & ((1u << bits) - 1);
    return &table[at];
}

/* GIL held; allocates plain memory; false when there is none. */
static bool make_room(void) {
    if (table && count * 2 < 1u << bits)
        return true;
    struct kept *old = table, *bigger = calloc((size_t)1 << (old ? bits + 1 : FIRST_BITS), sizeof *bigger);
    const uint32_t old_size = old ? 1u << bits : 0;
    if (!bigger)
        return false;
    table = bigger;
    bits = old ? bits + 1 : FIRST_BITS;
    for (uint32_t i = 0; i < old_size; i++)
        if (old[i].code)
            *place_of(old[i].code) = old[i];
    free(old);
    return true;
}

/* GIL held; allocates plain memory; false when there is none. */
bool scope_parameters_keep(const PyObject *code, const struct scope_parameters *of) {
    struct scope_odd_parameters *odd = malloc(sizeof *odd);
    if (!odd || !make_room()) {
        free(odd);
        return false;
    }
    odd->cells = of->cells;
    odd->hidden = of->hidden;
    memcpy(odd->cell_slots, of->cell_slots, sizeof odd->cell_slots);
    struct kept *place = place_of(code);
    count += place->code == NULL;
    free(place->odd);
    *place = (struct kept){code, odd};
    return true;
}

/* GIL held; does not allocate; borrowed until any code object goes, NULL = none of them is odd. */
const struct scope_odd_parameters *scope_parameters_find(const PyObject *code) {
    return table ? place_of(code)->odd : NULL;
}

/* GIL held; frees plain memory. Entries that had to step aside for this one move up. */
void scope_parameters_forget(const PyObject *code) {
    struct kept *known = table ? place_of(code) : NULL;
    if (!known || !known->code)
        return;
    const uint32_t mask = (1u << bits) - 1;
    uint32_t hole = (uint32_t)(known - table);
    free(known->odd);
    for (uint32_t at = (hole + 1) & mask; table[at].code; at = (at + 1) & mask) {
        if (((at - slot_of(table[at].code)) & mask) < ((at - hole) & mask))
            continue;
        table[hole] = table[at];
        hole = at;
    }
    table[hole] = (struct kept){0};
    count -= 1;
}

/* GIL held; frees plain memory. */
void scope_parameters_close(void) {
    for (uint32_t i = 0; table && i < 1u << bits; i++)
        free(table[i].odd);
    free(table);
    table = NULL;
    bits = count = 0;
}

/* GIL held; does not allocate. What the table takes of the target's memory. */
size_t scope_parameters_bytes(void) {
    return table ? (sizeof *table << bits) + count * sizeof(struct scope_odd_parameters) : 0;
}
