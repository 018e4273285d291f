/* Values over time as events: numbering the keys and writing one value. */
#include "values/state.h"

#include "values/layout.h"
#include "values/typenames.h"

#include "defs.h"
#include "tracks.h"

#include <dlfcn.h>
#include <string.h>

static uint32_t last_key;
static PyTypeObject *function_type;

/* GIL held; allocates; never leaves an exception. */
void scope_state_open(void) {
    last_key = 0;
    scope_layout_find();
    function_type = dlsym(RTLD_DEFAULT, "PyFunction_Type");
}

/* GIL held; does not allocate. A new key's number, 0 when its definition could not be stored. */
uint32_t scope_state_define(const char *owner, const char *key, const char *kind) {
    if (!scope_define(SCOPE_DEF_STATE_KEY, last_key + 1, (const char *[]){owner, key, kind}, 3))
        return 0;
    return ++last_key;
}

/* GIL held; may reserve file space; NULL = count a drop. Nearly always there is room. */
static inline struct scope_record *reserve(struct scope_writer *w, uint32_t slots) {
    if (SCOPE_LIKELY(w->slot && !w->gap_events && w->next + slots <= w->capacity))
        return &w->records[w->next];
    return scope_reserve(w, slots, NULL, w == scope_tls);
}

/* GIL held; may reserve file space. Only the thread itself may wait for space or end a gap. `changes` is written when it
 * is not 0. */
static inline void write_state(struct scope_writer *w, uint32_t key, uint64_t object, uint32_t flags,
                               const struct scope_text *text, uint64_t changes) {
    if (!key || !w || w->quiet || w->ended)
        return;
    const uint32_t counted = changes ? 8 : 0;
    const uint32_t length = counted + (text ? text->length : 0);
    const uint32_t bytes = 8 + length, slots = 1 + (bytes + 15) / 16;
    struct scope_record *record = reserve(w, slots);
    if (!scope_active && w == scope_tls)
        return;
    if (!record) {
        scope_drop(w, SCOPE_GAP_POOL_FULL);
        return;
    }
    if (text)
        flags |= (text->truncated ? SCOPE_STATE_TRUNCATED : 0) | (text->redacted ? SCOPE_STATE_REDACTED : 0) |
                 (text->mutable ? SCOPE_STATE_MUTABLE : 0);
    scope_own_soon(record + SCOPE_RECORDS_AHEAD);
    unsigned char *raw = (unsigned char *)(record + 1);
    memset(record + slots - 1, 0, sizeof *record);
    memcpy(raw, &object, 8);
    if (counted) {
        memcpy(raw + 8, &changes, 8);
        flags |= SCOPE_STATE_COUNTED;
    }
    if (!counted && length && length <= 8) {
        uint64_t word; /* a number, a bool: a call of memcpy takes longer than the rest */
        memcpy(&word, text->bytes, 8);
        word &= UINT64_MAX >> (64 - 8 * length);
        memcpy(raw + 8, &word, 8);
    } else if (length > counted)
        memcpy(raw + 8 + counted, text->bytes, length - counted);
    scope_fill(record, scope_ticks(), key, scope_head(SCOPE_STATE, flags | SCOPE_PAYLOAD, bytes));
    scope_publish(w, slots);
}

/* GIL held; may reserve file space. One value of one key on the track of `w`; text NULL for a deletion. */
void scope_state_write(struct scope_writer *w, uint32_t key, uint64_t object, uint32_t flags,
                       const struct scope_text *text) {
    write_state(w, key, object, flags, text, 0);
}

/* GIL held; may reserve file space. A value that stands for so many changes; 0 = for itself. `object` 0: of a global. */
void scope_state_write_changes(struct scope_writer *w, uint32_t key, uint64_t object, uint32_t flags,
                               const struct scope_text *text, uint64_t changes) {
    write_state(w, key, object, flags, text, changes);
}

/* GIL held; does not allocate. Data, as opposed to what a program is made of. */
bool scope_state_is_interesting(PyObject *value) {
    PyTypeObject *type = Py_TYPE(value);
    if (type == function_type || PyType_Check(value) || PyModule_Check(value) || PyCFunction_Check(value))
        return false;
    if (!(PyType_GetFlags(type) & Py_TPFLAGS_HEAPTYPE))
        return true;
    char name[SCOPE_TYPE_NAME_BYTES]; /* `from __future__ import annotations` leaves one in every module */
    scope_type_name(type, name);
    return strcmp(name, "__future__._Feature") != 0;
}
