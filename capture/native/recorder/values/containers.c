/* Containers that watched instances hold, which change without a write to the attribute: looked at again.
 *
 * What is written of a dict, list or set is what it held when the attribute was given it. Others have it by another name,
 * in a generator, on another thread, or change it in C; nobody asks the instance. So its text is flagged "mutable", for
 * which a reader takes it as sampled, and four times a second the latest MOST_HELD of them are compared with what was
 * written last. A weak reference tells whether the instance is still there: nothing keeps it, or what it holds. One that
 * cannot be referred to weakly (__slots__ without __weakref__) keeps its flag and is not looked at. */
#include "values/containers.h"

#include "clock.h"
#include "unseen.h"
#include "values/present.h"
#include "values/state.h"

#include <stdlib.h>

#define SLOTS 8192u /* open addressing, at most half full */
#define MOST_HELD (SLOTS / 2)

struct held {
    PyObject *instance; /* strong: a weak reference; NULL = free */
    PyObject *name;     /* strong, interned */
    uint64_t serial;
    uint64_t hash; /* of the text written last */
    uint32_t key;
};

static struct held *table;
static uint32_t count, looked_at;

/* GIL not needed; does not allocate. */
static uint32_t slot_of(uint32_t key, uint64_t serial) {
    return (uint32_t)((serial * 31 + key) * 0x9E3779B97F4A7C15u >> 51);
}

/* GIL held; does not allocate. The entry, or the free one where it belongs. */
static uint32_t place_of(uint32_t key, uint64_t serial) {
    uint32_t at = slot_of(key, serial);
    while (table[at].instance && (table[at].key != key || table[at].serial != serial))
        at = (at + 1) % SLOTS;
    return at;
}

/* GIL held; releases a weak reference, which runs nothing. Entries that had to step aside for this one move up. */
static void take_out(uint32_t hole) {
    const struct held gone = table[hole];
    for (uint32_t at = (hole + 1) % SLOTS; table[at].instance; at = (at + 1) % SLOTS) {
        if ((at - slot_of(table[at].key, table[at].serial)) % SLOTS < (at - hole) % SLOTS)
            continue;
        table[hole] = table[at];
        hole = at;
    }
    table[hole] = (struct held){0};
    count -= 1;
    Py_DecRef(gone.instance);
    Py_DecRef(gone.name);
}

/* GIL held; does not allocate; borrowed, NULL = gone. */
static PyObject *instance_of(const struct held *held) {
    PyObject *instance = PyWeakref_GetObject(held->instance);
    return instance == Py_None ? NULL : instance;
}

/* GIL held; releases weak references. Those whose instances are gone. */
static void forget_the_dead(void) {
    for (uint32_t at = 0; at < SLOTS; at++)
        while (table[at].instance && !instance_of(&table[at])) /* another one may move up here */
            take_out(at);
}

/* GIL held; allocates; never leaves an exception. */
static void add(PyObject *object, PyObject *name, uint32_t key, uint64_t serial, uint64_t hash) {
    if (count == MOST_HELD)
        forget_the_dead();
    if (count == MOST_HELD) {
        scope_unseen("containers-full", "");
        return;
    }
    int collecting = PyGC_Disable();
    PyObject *instance = PyWeakref_NewRef(object, NULL);
    if (instance) {
        Py_IncRef(name);
        table[place_of(key, serial)] = (struct held){instance, name, serial, hash, key};
        count += 1;
    }
    PyErr_Clear();
    if (collecting)
        PyGC_Enable();
}

/* GIL held; allocates; never leaves an exception. An attribute that has held containers was given this value, as it was
 * written; NULL: it was deleted. */
void scope_containers_note(PyObject *object, PyObject *name, uint32_t key, uint64_t serial,
                           const struct scope_text *text) {
    const bool shows_one = text && text->mutable;
    if (!table && shows_one)
        table = calloc(SLOTS, sizeof *table);
    if (!table)
        return;
    const uint32_t at = place_of(key, serial);
    if (table[at].instance && !shows_one)
        take_out(at);
    else if (table[at].instance)
        table[at].hash = scope_text_hash(text);
    else if (shows_one)
        add(object, name, key, serial, scope_text_hash(text));
}

/* GIL held; does not allocate. What such an attribute holds has been written elsewhere. */
void scope_containers_told(uint32_t key, uint64_t serial, const struct scope_text *text) {
    struct held *held = table ? &table[place_of(key, serial)] : NULL;
    if (held && held->instance)
        held->hash = scope_text_hash(text);
}

/* GIL held; allocates with the collector off; never leaves an exception. */
static void look_at(struct scope_writer *w, struct held *held, PyObject *instance) {
    struct scope_text text;
    PyObject *value = scope_present_value(instance, held->name);
    if (!value)
        return;
    scope_render(&text, value);
    const uint64_t hash = scope_text_hash(&text);
    if (hash != held->hash)
        scope_state_write(w, held->key, held->serial, SCOPE_STATE_SAMPLED, &text);
    held->hash = hash;
    Py_DecRef(value);
}

/* GIL held, not given up; allocates with the collector off; never leaves an exception. Writes what has changed; who changed it
 * is not known. Of many each look sees some. */
void scope_containers_look(struct scope_writer *w, uint64_t patience_ns) {
    const uint64_t until_ns = scope_mono_ns() + patience_ns;
    for (uint32_t seen = 0, steps = 0; w && table && count && steps < SLOTS; steps++) {
        const uint32_t at = looked_at++ % SLOTS;
        PyObject *instance = table[at].instance ? instance_of(&table[at]) : NULL;
        if (table[at].instance && !instance) {
            take_out(at);
            looked_at -= 1;
        } else if (instance) {
            look_at(w, &table[at], instance);
            if (++seen % 16 == 0 && scope_mono_ns() > until_ns)
                return;
        }
    }
}

/* GIL held; does not allocate. Memory of the table. */
size_t scope_containers_bytes(void) {
    return table ? SLOTS * sizeof *table : 0;
}

/* GIL held; releases weak references. */
void scope_containers_close(void) {
    for (uint32_t at = 0; table && at < SLOTS; at++)
        if (table[at].instance) {
            Py_DecRef(table[at].instance);
            Py_DecRef(table[at].name);
        }
    free(table);
    table = NULL;
    count = looked_at = 0;
}
