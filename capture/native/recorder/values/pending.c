/* The latest values of attributes that change too often to write each of them.
 *
 * A loop may write to an attribute millions of times a second. Of one that does, the last value of each slice of time is
 * written, with the number of writes that it stands for. What is kept meanwhile is the value itself where it is a plain
 * number or a short text, whose end nobody notices, and of anything else the text: an object of the program's must die
 * when the program lets go of it. Making that text takes long, so only the first MOST_TEXTS of a slice are made; where
 * there were more, the value is flagged as one that may have changed.
 *
 * The table is small and nobody looks for a free place: another attribute at the same place has its value written. So
 * what comes in for the first time is limited too: MOST_NEW in a slice, over all attributes. */
#include "values/pending.h"

#include "pace.h"
#include "values/containers.h"
#include "values/state.h"

#include <stdlib.h>

#define SLOTS 1024u
#define MOST_NEW 64u
#define MOST_TEXTS 4u
#define LONGEST_KEPT 1024

enum shape { GONE, KEPT, SHOWN };

struct pending {
    uint64_t serial;
    uint64_t since_ns; /* when the slice began, as its attribute knows it */
    uint32_t id;       /* of the attribute; 0 = free */
    uint32_t changes;  /* in this slice, none of them written */
    uint32_t texts;    /* made in this slice */
    uint8_t shape;     /* enum shape */
    bool is_old;       /* later values were not made into texts */
    PyObject *value;   /* strong, where it is KEPT */
    struct scope_text text;
};

uint32_t scope_pending_count;

static struct pending *table;
static struct scope_pace newcomers;

/* GIL not needed; does not allocate. */
static struct pending *place_of(uint32_t id, uint64_t serial) {
    return &table[(serial * 31 + id) * 0x9E3779B97F4A7C15u >> 54];
}

/* GIL held; releases a number or a text, which runs nothing. */
static void let_go(struct pending *pending) {
    if (pending->value)
        Py_DecRef(pending->value);
    pending->value = NULL;
}

/* GIL held; releases. */
static void free_place(struct pending *pending) {
    if (!pending->id)
        return;
    let_go(pending);
    pending->id = 0;
    scope_pending_count -= 1;
}

/* GIL held; does not allocate. Whether a value is one of those that do not change, and whose end nobody notices. */
static bool is_plain(PyObject *value) {
    const PyTypeObject *type = Py_TYPE(value);
    return value == Py_None || type == &PyLong_Type || type == &PyFloat_Type || type == &PyBool_Type ||
           (type == &PyUnicode_Type && PyUnicode_GetLength(value) <= LONGEST_KEPT) ||
           (type == &PyBytes_Type && PyBytes_Size(value) <= LONGEST_KEPT);
}

/* GIL held; may allocate with the collector off; never leaves an exception. `value` NULL = deleted. */
static void keep(struct pending *pending, PyObject *value, bool redacted) {
    let_go(pending);
    if (!value) {
        pending->shape = GONE;
        return;
    }
    if (redacted) {
        scope_render_redacted(&pending->text);
    } else if (is_plain(value)) {
        Py_IncRef(value);
        pending->value = value;
        pending->shape = KEPT;
        return;
    } else if (pending->shape != SHOWN || pending->texts < MOST_TEXTS) {
        pending->texts += 1;
        pending->is_old = false;
        scope_render(&pending->text, value);
    } else {
        pending->is_old = true;
    }
    pending->shape = SHOWN;
}

/* GIL held; may allocate with the collector off; never leaves an exception. The end of a slice. */
static void write_last(struct scope_writer *w, struct pending *pending, uint64_t now_ns) {
    uint32_t flags = SCOPE_STATE_SAMPLED;
    if (pending->changes) {
        if (pending->shape == KEPT)
            scope_render(&pending->text, pending->value);
        if (pending->shape == GONE)
            flags |= SCOPE_STATE_DELETED;
        else if (pending->shape == SHOWN && pending->is_old)
            flags |= SCOPE_STATE_MUTABLE;
        scope_state_write_changes(w, pending->id, pending->serial, flags,
                                  pending->shape == GONE ? NULL : &pending->text, pending->changes);
        if (pending->shape == SHOWN)
            scope_containers_told(pending->id, pending->serial, &pending->text);
    }
    let_go(pending);
    pending->shape = GONE;
    pending->is_old = false;
    pending->changes = pending->texts = 0;
    pending->since_ns = now_ns;
}

/* GIL held; may allocate, with the collector off what is no plain memory; never leaves an exception. An attribute of an
 * instance was given a value, or deleted: NULL. */
enum scope_noted scope_pending_note(struct scope_writer *w, const struct scope_attribute_key *key, uint64_t serial,
                                    PyObject *value) {
    if (!table && !(table = calloc(SLOTS, sizeof *table)))
        return SCOPE_NOTED_NOWHERE;
    struct pending *pending = place_of(key->id, serial);
    if (pending->id == key->id && pending->serial == serial) {
        if (key->pace.slice_ns - pending->since_ns >= SCOPE_SLICE_NS)
            write_last(w, pending, key->pace.slice_ns);
        keep(pending, value, key->redacted);
        pending->changes += 1;
        return SCOPE_NOTED;
    }
    if (!scope_pace_allows(&newcomers, MOST_NEW, false))
        return SCOPE_NOTED_NOWHERE;
    if (pending->id) {
        write_last(w, pending, 0);
        free_place(pending);
    }
    pending->id = key->id;
    pending->serial = serial;
    pending->since_ns = key->pace.slice_ns;
    pending->changes = pending->texts = 0;
    pending->shape = GONE;
    pending->is_old = false;
    scope_pending_count += 1;
    return SCOPE_NOTED_FIRST;
}

/* GIL held; may allocate with the collector off; never leaves an exception. Before a value is written that is not noted: what
 * was noted of that attribute comes first. */
void scope_pending_settle(struct scope_writer *w, const struct scope_attribute_key *key, uint64_t serial) {
    struct pending *pending = place_of(key->id, serial);
    if (pending->id != key->id || pending->serial != serial)
        return;
    write_last(w, pending, 0);
    free_place(pending);
}

/* GIL held; may allocate with the collector off; never leaves an exception. Writes what slices have left that are over, or
 * `everything`, and forgets what has not changed since. */
void scope_pending_look(struct scope_writer *w, bool everything) {
    const uint64_t now_ns = scope_coarse_ns();
    for (uint32_t i = 0; w && table && scope_pending_count && i < SLOTS; i++) {
        struct pending *pending = &table[i];
        if (!pending->id || (!everything && now_ns - pending->since_ns < SCOPE_SLICE_NS))
            continue;
        const bool is_over = everything || !pending->changes;
        write_last(w, pending, now_ns);
        if (is_over)
            free_place(pending);
    }
}

/* GIL held; does not allocate. Memory of the table. */
size_t scope_pending_bytes(void) {
    return table ? SLOTS * sizeof *table : 0;
}

/* GIL held; releases. */
void scope_pending_close(void) {
    for (uint32_t i = 0; table && i < SLOTS; i++)
        free_place(&table[i]);
    free(table);
    table = NULL;
    newcomers = (struct scope_pace){0};
}
