/* Numbers of attributes, and what the class does with a value that is assigned to one. */
#include "values/attribute_keys.h"

#include "secrets.h"
#include "values/class_choice.h"
#include "values/state.h"
#include "values/typenames.h"
#include "unseen.h"

#include <stdlib.h>

#define MOST_KEYS 65536u

static struct scope_attribute_key *table; /* open addressing by (type, name); names compare by address */
static uint32_t mask, count, shift;

/* GIL held; does not allocate. */
static inline uint32_t slot_of(const PyTypeObject *type, const PyObject *name) {
    uint64_t both = ((uint64_t)(uintptr_t)type >> 4) * 31 + ((uint64_t)(uintptr_t)name >> 4);
    return (uint32_t)(both * 0x9E3779B97F4A7C15u >> shift);
}

/* GIL held; does not allocate. The entry, or the free one where it belongs. */
static inline struct scope_attribute_key *entry_of(const PyTypeObject *type, const PyObject *name) {
    uint32_t at = slot_of(type, name);
    while (table[at].type && (table[at].type != type || table[at].name != name))
        at = (at + 1) & mask;
    return &table[at];
}

/* GIL held; allocates plain memory; false without any. Makes the table anew, with room for at least one more and
 * without the keys of one class. */
static bool rebuild(uint32_t bigger, const PyTypeObject *without) {
    struct scope_attribute_key *old = table, *fresh = calloc((size_t)bigger + 1, sizeof *fresh);
    uint32_t old_mask = mask;
    if (!fresh)
        return false;
    table = fresh;
    mask = bigger;
    shift = (uint32_t)__builtin_clzll(bigger);
    for (uint32_t i = 0; old && i <= old_mask; i++) {
        if (old[i].type && old[i].type != without) {
            *entry_of(old[i].type, old[i].name) = old[i];
        } else if (old[i].type) {
            count -= 1;
            Py_DecRef(old[i].name);
        }
    }
    free(old);
    return true;
}

/* GIL held; does not allocate. */
static enum scope_attribute kind_of(PyTypeObject *type, PyObject *name) {
    PyObject *of_class = scope_python.type_lookup ? scope_python.type_lookup(type, name) : NULL; /* borrowed */
    PyTypeObject *descriptor = of_class ? Py_TYPE(of_class) : NULL;
    if (!descriptor || descriptor == scope_python.member_descriptor || !PyType_GetSlot(descriptor, Py_tp_descr_set))
        return SCOPE_ATTRIBUTE_STORED;
    unsigned long flags = PyType_GetFlags(descriptor);
    bool is_python = flags & Py_TPFLAGS_HEAPTYPE && !(flags & (1ul << 8)); /* not Py_TPFLAGS_IMMUTABLETYPE */
    return is_python || descriptor == &PyProperty_Type ? SCOPE_ATTRIBUTE_COMPUTED : SCOPE_ATTRIBUTE_NATIVE;
}

/* GIL held; allocates with the collector off; leaves no exception. Fills a free entry. */
static void learn(struct scope_attribute_key *entry, PyTypeObject *type, PyObject *name) {
    char owner[SCOPE_TYPE_NAME_BYTES];
    PyObject *bytes = scope_utf8(name);
    const char *text = bytes ? PyBytes_AsString(bytes) : "";
    size_t length = bytes ? (size_t)PyBytes_Size(bytes) : 0;
    scope_type_name(type, owner);
    bool own_business = length > 4 && text[0] == '_' && text[1] == '_' && text[length - 1] == '_';
    Py_IncRef(name);
    *entry = (struct scope_attribute_key){
        .type = type,
        .name = name,
        .id = own_business ? 0 : scope_state_define(owner, text, "attribute"),
        .kind = (uint8_t)kind_of(type, name),
        .redacted = scope_is_credential(text),
        .whole = scope_class_choice(type) == SCOPE_CLASS_WHOLE,
    };
    count += 1;
    PyErr_Clear();
    if (bytes)
        Py_DecRef(bytes);
}

/* GIL held; allocates at the first sight of a key; leaves exceptions as they are; until the next call of this module.
 * NULL = a name that is no str, or one too many. `name` must be interned. */
struct scope_attribute_key *scope_attribute_key(PyTypeObject *type, PyObject *name) {
    if (SCOPE_LIKELY(table != NULL)) {
        struct scope_attribute_key *entry = entry_of(type, name);
        if (SCOPE_LIKELY(entry->type != NULL))
            return entry;
    }
    if (!PyUnicode_CheckExact(name))
        return NULL;
    if (count >= MOST_KEYS) {
        scope_unseen("names-full", "");
        return NULL;
    }
    if ((!table || count * 2 >= mask) && !rebuild(table ? mask * 2 + 1 : 1023, NULL))
        return NULL;
    PyObject *error_type, *error, *traceback;
    PyErr_Fetch(&error_type, &error, &traceback);
    int collecting = PyGC_Disable();
    struct scope_attribute_key *entry = entry_of(type, name);
    learn(entry, type, name);
    if (collecting)
        PyGC_Enable();
    PyErr_Restore(error_type, error, traceback);
    return entry;
}

/* GIL held; allocates plain memory. A class goes: another one may get its address. */
void scope_attribute_keys_drop(PyTypeObject *type) {
    bool has_any = false;
    for (uint32_t i = 0; table && i <= mask && !has_any; i++)
        has_any = table[i].type == type;
    if (!has_any || rebuild(mask, type))
        return;
    for (uint32_t i = 0; i <= mask; i++) /* no memory: the entries stay in the chains and match nothing */
        if (table[i].type == type)
            table[i].type = (PyTypeObject *)&table;
}

/* GIL held; does not allocate. Four times a second: whether a class got or lost a descriptor. */
void scope_attribute_keys_look(void) {
    for (uint32_t i = 0; table && i <= mask; i++) {
        if (!table[i].type || table[i].type == (PyTypeObject *)&table)
            continue;
        table[i].kind = (uint8_t)kind_of(table[i].type, table[i].name);
        scope_pace_look(&table[i].pace);
    }
}

/* GIL held; releases; never leaves an exception. */
void scope_attribute_keys_close(void) {
    struct scope_attribute_key *old = table;
    uint32_t old_mask = mask;
    table = NULL;
    mask = count = 0;
    for (uint32_t i = 0; old && i <= old_mask; i++)
        if (old[i].type)
            Py_DecRef(old[i].name);
    free(old);
}
