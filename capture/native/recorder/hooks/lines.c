/* Which lines of recorded functions run, and when each of them ran first: 3.12 and later.
 *
 * A code object that is recorded is told of line by line from its first sight on (line_events.c). Each line answers DISABLE
 * when it has run once, after which it costs nothing, unless its steps are recorded; one that found no room for its event
 * does not, and tries again. Lines are those of a function, not of a code object: one that is made anew has only those told that had
 * not run yet, and is left alone where all had.
 *
 * Which lines there are is a definition of the site, told at first sight. The lines of a code object are those of its
 * instructions after RESUME: what comes before, and RESUME itself, has no LINE event. Where RESUME stands is read from the
 * code object, where it is the last number before two words in front of the instructions; both are proved on code of ours.
 *
 * Source: CPython 3.12 to 3.15, Include/cpython/code.h, Python/instrumentation.c (initialize_lines). */
#include "hooks/lines.h"

#include "clock.h"
#include "defs.h"
#include "filter.h"
#include "hooks/line_events.h"
#include "sites.h"
#include "tracks.h"
#include "unseen.h"
#include "writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LINES 65536u /* of a function, from its first one to its last */
#define UNIT_BYTES 2      /* of an instruction */
#define RESUME_FROM_END 16
#define TEXT_BYTES 4000u /* of a definition's field */
#define RANGE_BYTES 24u  /* "4294967295-4294967295," */
#define FIRST_SITES 1024u

struct site_lines {
    long first;           /* line of the site's definition */
    uint32_t bytes;       /* of each of the two bitmaps */
    unsigned char *there; /* its code has that many lines below the first; NULL = nothing is known of it */
    unsigned char *run;   /* behind it, the same memory */
};

static struct site_lines *sites; /* by site; NULL = lines are not followed */
static uint32_t site_count;
static size_t bitmap_bytes;
static Py_ssize_t instructions_at; /* bytes from the beginning of a code object; 0 = not proved */
static long resume_bytes;          /* of RESUME, with the cache that it has from 3.15 on */

/* GIL not needed; does not allocate. */
static bool has(const unsigned char *bits, uint32_t at) {
    return bits[at / 8] >> at % 8 & 1;
}

/* GIL held; allocates; new reference or NULL without an exception: the code object of that name among the constants. */
static PyObject *constant_code(PyObject *code, const char *name) {
    PyObject *constants = PyObject_GetAttrString(code, "co_consts"), *found = NULL;
    for (Py_ssize_t i = 0, count = constants ? PyTuple_Size(constants) : 0; i < count && !found; i++) {
        PyObject *one = PyTuple_GetItem(constants, i); /* borrowed */
        PyObject *called = Py_TYPE(one) == Py_TYPE(code) ? PyObject_GetAttrString(one, "co_name") : NULL;
        if (called && PyUnicode_CompareWithASCIIString(called, name) == 0) {
            Py_IncRef(one);
            found = one;
        }
        if (called)
            Py_DecRef(called);
    }
    if (constants)
        Py_DecRef(constants);
    PyErr_Clear();
    return found;
}

/* GIL held; does not allocate. How many instructions a code object has before RESUME. */
static int before_resume(const PyObject *code) {
    int count;
    memcpy(&count, (const char *)code + instructions_at - RESUME_FROM_END, sizeof count);
    return count;
}

/* GIL held; does not allocate. The opcode of one of its instructions, which has never run. */
static unsigned char opcode(const PyObject *code, int at) {
    return *((const unsigned char *)code + instructions_at + (Py_ssize_t)at * UNIT_BYTES);
}

/* GIL held; allocates; an exception stays. How long the instructions are of the first line that has any, 0 = not known. */
static long first_line_bytes(PyObject *code) {
    PyObject *ranges = PyObject_CallMethod(code, "co_lines", NULL);
    PyObject *range = ranges ? PyIter_Next(ranges) : NULL;
    const long bytes = range ? PyLong_AsLong(PyTuple_GetItem(range, 1)) : 0;
    if (range)
        Py_DecRef(range);
    if (ranges)
        Py_DecRef(ranges);
    return bytes;
}

/* GIL held; allocates; an exception stays. `plain` has nothing but RESUME in its first line and begins with it, `generator`
 * has it behind other instructions. */
static bool is_as_expected(PyObject *plain, PyObject *generator) {
    const int before = before_resume(generator);
    resume_bytes = first_line_bytes(plain);
    if (before_resume(plain) != 0 || before <= 0 || before > 16 || resume_bytes < UNIT_BYTES || resume_bytes > 16)
        return false;
    for (int i = 0; i < before; i++)
        if (opcode(generator, i) == opcode(plain, 0))
            return false;
    return opcode(generator, before) == opcode(plain, 0);
}

/* GIL held; allocates; no exception. */
bool scope_lines_prove(void) {
    if (instructions_at)
        return true;
    PyObject *module = Py_CompileString("def plain():\n"
                                        "    pass\n"
                                        "def outer(held):\n"
                                        "    def generator():\n"
                                        "        yield held\n"
                                        "    return generator\n",
                                        SCOPE_OWN_CODE, Py_file_input);
    PyObject *size = module ? PyObject_GetAttrString((PyObject *)Py_TYPE(module), "__basicsize__") : NULL;
    PyObject *plain = module ? constant_code(module, "plain") : NULL;
    PyObject *outer = module ? constant_code(module, "outer") : NULL;
    PyObject *generator = outer ? constant_code(outer, "generator") : NULL;
    instructions_at = size ? PyLong_AsSsize_t(size) : 0;
    if (instructions_at <= RESUME_FROM_END || !plain || !generator || !is_as_expected(plain, generator))
        instructions_at = 0;
    PyObject *parts[] = {module, size, plain, outer, generator};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    PyErr_Clear();
    return instructions_at != 0;
}

/* GIL held; allocates plain memory; 0 or -1 with an exception. */
int scope_lines_put(void) {
    site_count = FIRST_SITES;
    bitmap_bytes = 0;
    sites = calloc(site_count, sizeof *sites);
    if (sites)
        return 0;
    PyErr_NoMemory();
    return -1;
}

/* GIL held; does not allocate. */
void scope_lines_begin(PyObject *frames) {
    (void)frames;
    scope_line_events_begin();
}

/* GIL held; allocates; no exception. */
void scope_lines_sweep(PyObject *frames) {
    (void)frames;
    scope_line_events_sweep();
}

/* GIL held; frees plain memory; no exception. */
void scope_lines_undo(void) {
    scope_line_events_let_go();
    for (uint32_t i = 0; sites && i < site_count; i++)
        free(sites[i].there);
    free(sites);
    sites = NULL;
    site_count = 0;
    bitmap_bytes = 0;
}

/* GIL held; does not allocate. What the tables take of the target's memory. */
size_t scope_lines_bytes(void) {
    return site_count * sizeof *sites + bitmap_bytes;
}

/* GIL held; allocates plain memory; NULL when there is none. What is known of the lines of a site, with room for as many. */
static struct site_lines *lines_of(uint32_t site, long first, uint32_t lines) {
    if (site >= site_count) {
        const uint32_t count = site * 2;
        struct site_lines *grown = realloc(sites, count * sizeof *sites);
        if (!grown)
            return NULL;
        memset(grown + site_count, 0, (count - site_count) * sizeof *grown);
        sites = grown;
        site_count = count;
    }
    struct site_lines *of = &sites[site];
    const uint32_t bytes = (lines + 7) / 8;
    if (bytes <= of->bytes)
        return of;
    unsigned char *both = calloc(2, bytes);
    if (!both)
        return NULL;
    if (of->there) {
        memcpy(both, of->there, of->bytes);
        memcpy(both + bytes, of->run, of->bytes);
        free(of->there);
    }
    bitmap_bytes += 2 * (bytes - of->bytes);
    *of = (struct site_lines){.first = first, .bytes = bytes, .there = both, .run = both + bytes};
    return of;
}

/* GIL held; allocates; the lines of `code` below its first one as bits, which are clear before; no exception. How many bits
 * that takes, 0 = it has none; -1 = it has lines that are too far away, or cannot be asked. */
static long lines_in(PyObject *code, long first, unsigned char *bits) {
    PyObject *ranges = PyObject_CallMethod(code, "co_lines", NULL);
    const long body = (long)before_resume(code) * UNIT_BYTES + resume_bytes;
    long lines = ranges ? 0 : -1;
    for (PyObject *range; lines >= 0 && (range = PyIter_Next(ranges)); Py_DecRef(range)) {
        PyObject *of = PyTuple_GetItem(range, 2); /* borrowed; None = of no line */
        if (of == Py_None || PyLong_AsLong(PyTuple_GetItem(range, 1)) <= body)
            continue;
        const long line = PyLong_AsLong(of), below = line - first;
        if (line > 0 && (below < 0 || below >= (long)MOST_LINES)) {
            lines = -1;
        } else if (line > 0) {
            bits[below / 8] |= (unsigned char)(1u << below % 8);
            lines = below < lines ? lines : below + 1;
        }
    }
    if (ranges)
        Py_DecRef(ranges);
    PyErr_Clear();
    return lines;
}

/* GIL held; does not allocate. Tells which lines a site has, as ranges; false when not all could be stored. */
static bool tell(uint32_t site, long first, const unsigned char *bits, uint32_t lines) {
    char text[TEXT_BYTES];
    size_t length = 0;
    for (uint32_t at = 0; at < lines;) {
        if (!has(bits, at)) {
            at++;
            continue;
        }
        const uint32_t from = at;
        while (at < lines && has(bits, at))
            at++;
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%ld", length ? "," : "", first + from);
        if (at - from > 1)
            length += (size_t)snprintf(text + length, sizeof text - length, "-%ld", first + at - 1);
        if (length + RANGE_BYTES > sizeof text) {
            if (!scope_define(SCOPE_DEF_LINES, site, (const char *[]){text}, 1))
                return false;
            length = 0;
        }
    }
    return !length || scope_define(SCOPE_DEF_LINES, site, (const char *[]){text}, 1);
}

/* GIL held, the collector off; allocates; no exception. First sight of code that is recorded: tells which lines it has, and
 * whether any of them has not run. */
bool scope_lines_meet(PyObject *code, uint32_t site) {
    if (!sites)
        return false;
    PyObject *number = PyObject_GetAttrString(code, "co_firstlineno");
    const long first = number ? PyLong_AsLong(number) : -1;
    if (number)
        Py_DecRef(number);
    PyErr_Clear();
    unsigned char fresh[MOST_LINES / 8] = {0};
    const long lines = first < 0 ? -1 : lines_in(code, first, fresh);
    struct site_lines *of = lines > 0 ? lines_of(site, first, (uint32_t)lines) : NULL;
    if (lines < 0)
        scope_unseen("lines-far", "");
    if (!of)
        return false;
    bool all_have_run = true, is_new = false;
    for (uint32_t i = 0; i < ((uint32_t)lines + 7) / 8; i++) {
        all_have_run &= !(fresh[i] & ~of->run[i]);
        const unsigned char known = of->there[i];
        of->there[i] |= fresh[i];
        fresh[i] &= (unsigned char)~known;
        is_new |= fresh[i] != 0;
    }
    if (is_new && !tell(site, first, fresh, (uint32_t)lines))
        scope_unseen("codes-full", "");
    return !all_have_run;
}

/* GIL held, given up while a thread waits for space; may find file space; no exception. A line of that site is about to run:
 * whether it need not be told of again. */
bool scope_lines_runs(uint32_t site, long line) {
    if (site >= site_count || !sites[site].there)
        return true;
    const long below = line - sites[site].first;
    if (below < 0 || below >= (long)sites[site].bytes * 8 || has(sites[site].run, (uint32_t)below))
        return true;
    struct scope_writer *w = scope_writer_of_this_thread(NULL);
    if (!w || w->ended)
        return w;
    struct scope_record *record = scope_reserve(w, 1, NULL, true); /* also of a thread whose calls are left out */
    if (!record || !scope_active || w->session != scope_session)
        return false;
    scope_fill(record, scope_ticks(), site, scope_head(SCOPE_LINE_FIRST, 0, (uint32_t)below));
    scope_publish(w, 1);
    if (site < site_count && sites[site].there && below < (long)sites[site].bytes * 8) /* it may have waited */
        sites[site].run[below / 8] |= (unsigned char)(1u << below % 8);
    return true;
}
