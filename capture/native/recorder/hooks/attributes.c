/* Attributes of instances over time: of the classes that the user names all of them, of the user's own classes at a rate.
 *
 * Our functions stand in the slots of such a class (classes.c): they do what would have been done, and then write what
 * is stored. `object.__setattr__` and `super().__setattr__` do not ask the slot; they are seen by their wrapper, one
 * pointer in the interpreter's table, which on 3.10 to 3.12 would otherwise refuse a class whose slot it does not know.
 *
 * What counts is what the instance holds afterwards. A property stores nothing itself: what its setter stores is seen. A
 * __setattr__ of the program's own usually ends in object.__setattr__ and is seen there; where it writes into the
 * instance's __dict__, the value found there is written. Not seen: obj.__dict__[...] = ... outside of both.
 *
 * Most of what a write costs is not ours: STORE_ATTR is specialised only for a type whose slot is PyObject_GenericSetAttr
 * itself. A slot that only calls it costs, without Scope, 25 ns above bare on 3.12 and 3.13 and 16 on 3.14; one that also
 * writes 32 bytes and the clock 30, 32 and 21 (minima of 40 times 32 000 writes through ctypes, on a busy machine). */
#include "hooks/attributes.h"

#include "values/attribute_keys.h"
#include "filter.h"
#include "hooks/classes.h"
#include "values/containers.h"
#include "hooks/collector.h"
#include "hooks/fork.h"
#include "values/objects.h"
#include "values/pending.h"
#include "values/present.h"
#include "values/state.h"
#include "track_list.h"
#include "tracks.h"
#include "hooks/type_slots.h"
#include "values/typenames.h"

#define LOOK_NS 1000000u /* how long one look at containers may take, with the GIL */
#define LAST_NS 10000000u

/* Of classes that nobody has named, in a slice of time: */
#define MOST_OF_A_CLASS 8u /* instances that are followed from then on */
#define MOST_OF_ALL 32u    /* of all classes */
#define MOST_CHANGES 8u    /* of an attribute, over all instances, that are written one by one */

static bool started;

/* GIL held; may allocate at a thread's first event; NULL = this thread is not recorded. */
static inline struct scope_writer *writer(void) {
    struct scope_writer *w = scope_tls;
    if (SCOPE_LIKELY(w && w->session == scope_session && scope_active && !w->quiet && !w->ended))
        return w == &scope_muted ? NULL : w;
    if (!scope_active) {
        scope_fork_clean_up();
        return NULL;
    }
    if (w == &scope_muted || !started)
        return NULL;
    w = scope_writer_of_this_thread(NULL);
    return w && !w->quiet && !w->ended ? w : NULL;
}

/* GIL held; allocates; never leaves an exception. `value` NULL = deleted; `key` NULL = not recorded. */
static inline void write_value(struct scope_writer *w, struct scope_attribute_key *key, PyObject *object,
                               uint64_t serial, PyObject *value, uint32_t flags) {
    struct scope_text text;
    if (!key || !key->id)
        return;
    const uint32_t id = key->id;
    if (!value)
        flags |= SCOPE_STATE_DELETED;
    else if (key->redacted)
        scope_render_redacted(&text);
    else
        scope_render(&text, value);
    scope_state_write(w, id, serial, flags, value ? &text : NULL);
    if (SCOPE_UNLIKELY((value && text.mutable) || key->held_containers)) {
        key->held_containers = true;
        scope_containers_note(object, key->name, id, serial, value ? &text : NULL);
    }
}

struct presence {
    struct scope_writer *w;
    uint64_t serial;
    PyObject *except; /* borrowed; NULL = none */
    uint32_t flags;
};

/* GIL held; allocates; never leaves an exception. */
static void write_present(PyObject *object, PyObject *name, PyObject *value, void *context) {
    const struct presence *presence = context;
    if (!PyUnicode_CheckExact(name) || name == presence->except)
        return;
    Py_IncRef(name);
    PyUnicode_InternInPlace(&name);
    write_value(presence->w, scope_attribute_key(Py_TYPE(object), name), object, presence->serial, value,
                presence->flags);
    Py_DecRef(name);
}

/* GIL held; allocates; never leaves an exception. Values that came past us before the first write to an instance whose
 * birth was seen: copy and pickle fill the __dict__. */
static void write_earlier(const struct presence *presence, PyObject *object) {
    PyObject *dict = scope_present_dict(object), *name, *value;
    Py_ssize_t at = 0;
    if (!dict || !PyDict_CheckExact(dict) || PyDict_Size(dict) < 1)
        return;
    while (PyDict_Next(dict, &at, &name, &value))
        write_present(object, name, value, (void *)presence);
}

/* GIL held; allocates; leaves no exception. All that an instance holds, but for one name. */
static void write_all(struct presence *presence, PyObject *object) {
    int collecting = PyGC_Disable();
    scope_present_values(object, write_present, presence);
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
}

/* GIL held; does not allocate. Whether one more instance of a class may be followed; `watched` NULL = made from C below a
 * watched one, past every hook. */
static bool may_follow(struct scope_watched_class *watched) {
    static struct scope_pace of_unknown, of_all;
    if (scope_pace_allows(watched ? &watched->instances : &of_unknown, MOST_OF_A_CLASS, false) &&
        scope_pace_allows(&of_all, MOST_OF_ALL, false))
        return true;
    if (watched)
        watched->has_missed = true;
    return false;
}

/* GIL held; does not allocate. */
static bool is_followed_whole(const struct scope_watched_class *watched) {
    return watched ? watched->is_whole : !scope_filter_wants_user_classes();
}

/* GIL held; allocates; leaves no exception. An attribute was set or deleted of an instance that is new to us, or has not been
 * written to before, or was left; NULL = it is not followed. */
static SCOPE_NOT_INLINE struct scope_object *meet(struct scope_writer *w, PyObject *object, PyObject *name) {
    struct scope_watched_class *watched = scope_class_watched(Py_TYPE(object));
    struct scope_object *known = scope_object_known(object);
    const bool is_whole = is_followed_whole(watched), is_old = known && known->is_fresh;
    if (!is_old && !is_whole && !may_follow(watched))
        return NULL;
    struct presence presence = {.w = w, .except = name, .flags = SCOPE_STATE_FIRST_KNOWN};
    if (known && known->is_left)
        presence.flags = SCOPE_STATE_SAMPLED;
    else if (!known)
        known = scope_object_met(object, is_whole || (watched && watched->tells_births));
    if (!known)
        return NULL;
    known->is_fresh = known->is_left = false;
    presence.serial = known->serial;
    if (is_old)
        write_earlier(&presence, object);
    else
        write_all(&presence, object);
    return known;
}

/* GIL held; allocates; leaves no exception. There is no room to follow an instance any further: what it holds may change
 * unseen from here on. */
static SCOPE_NOT_INLINE void leave(struct scope_writer *w, PyObject *object, struct scope_object *known) {
    struct presence presence = {.w = w, .serial = known->serial, .flags = SCOPE_STATE_SAMPLED | SCOPE_STATE_MUTABLE};
    struct scope_watched_class *watched = scope_class_watched(Py_TYPE(object));
    known->is_left = true;
    if (watched)
        watched->has_missed = true;
    write_all(&presence, object);
}

/* GIL held; allocates; leaves no exception. An attribute that changes too often to write each value. */
static SCOPE_NOT_INLINE void note_value(struct scope_writer *w, struct scope_attribute_key *key, PyObject *object,
                                        struct scope_object *known, PyObject *value) {
    switch (scope_pending_note(w, key, known->serial, value)) {
    case SCOPE_NOTED:
        break;
    case SCOPE_NOTED_FIRST:
        write_value(w, key, object, known->serial, value, SCOPE_STATE_MUTABLE);
        break;
    case SCOPE_NOTED_NOWHERE:
        leave(w, object, known);
        break;
    }
}

/* GIL held; allocates; never leaves an exception. `value` NULL = deleted. */
static inline void write_change(struct scope_writer *w, struct scope_attribute_key *key, PyObject *object,
                                struct scope_object *known, PyObject *value) {
    if (!key->id)
        return;
    if (SCOPE_UNLIKELY(!key->whole)) {
        if (!scope_pace_allows(&key->pace, MOST_CHANGES, true)) {
            note_value(w, key, object, known, value);
            return;
        }
        if (scope_pending_count)
            scope_pending_settle(w, key, known->serial);
    }
    write_value(w, key, object, known->serial, value, 0);
}

/* GIL held; allocates; never leaves an exception. `name`, interned, was set to `value`, or deleted: NULL. */
static void changed(struct scope_writer *w, PyObject *object, PyObject *name, PyObject *value) {
    if (w->changing_object == object && w->changing_name == name)
        w->changing_object = NULL; /* the outer function of the same change need not write it again */
    struct scope_object *known = scope_object_known(object);
    if (SCOPE_UNLIKELY(!known || known->is_fresh || known->is_left) && !(known = meet(w, object, name)))
        return;
    struct scope_attribute_key *key = scope_attribute_key(Py_TYPE(object), name);
    if (SCOPE_LIKELY(key && key->kind == SCOPE_ATTRIBUTE_STORED)) {
        write_change(w, key, object, known, value);
    } else if (key && key->kind == SCOPE_ATTRIBUTE_NATIVE) {
        PyObject *stored = value ? PyObject_GenericGetAttr(object, name) : NULL; /* runs C only */
        PyErr_Clear();
        if (stored || !value)
            write_change(w, key, object, known, stored);
        if (stored)
            Py_DecRef(stored);
    }
}

/* GIL held; runs the target's code; 0 or -1 with an exception. Stands for PyObject_GenericSetAttr in a watched class. */
static int set_plain(PyObject *object, PyObject *name, PyObject *value) {
    if (PyObject_GenericSetAttr(object, name, value) != 0)
        return -1;
    struct scope_writer *w = writer();
    if (w)
        changed(w, object, name, value);
    return 0;
}

/* GIL held; allocates; new reference or NULL without an exception. */
static PyObject *held(PyObject *object, PyObject *name) {
    PyObject *dict = scope_present_dict(object);
    PyObject *value = dict && PyDict_CheckExact(dict) ? PyDict_GetItemWithError(dict, name) : NULL; /* borrowed */
    PyErr_Clear();
    if (value)
        Py_IncRef(value);
    return value;
}

/* GIL held; runs the target's code; 0 or -1 with an exception. Stands for what calls a __setattr__ of the program's. */
static int set_python(PyObject *object, PyObject *name, PyObject *value) {
    struct scope_writer *w = writer();
    if (!w)
        return scope_slots.python_setattro(object, name, value);
    PyObject *outer_object = w->changing_object, *outer_name = w->changing_name, *before = held(object, name);
    const uint32_t session = scope_session;
    w->changing_object = object;
    w->changing_name = name;
    int result = scope_slots.python_setattro(object, name, value);
    bool was_seen = w->changing_object != object;
    w->changing_object = outer_object;
    w->changing_name = outer_name;
    if (result == 0 && !was_seen && session == scope_session && writer() == w) {
        PyObject *after = held(object, name);
        if (after != before)
            changed(w, object, name, after);
        if (after)
            Py_DecRef(after);
    }
    if (before)
        Py_DecRef(before);
    return result;
}

/* GIL held; runs the target's code; new reference or NULL with an exception. What object.__setattr__ and __delattr__ do
 * with an instance of a watched class. */
static PyObject *set_past_slot(PyObject *self, PyObject *name, PyObject *value) {
    if (PyObject_GenericSetAttr(self, name, value) != 0)
        return NULL;
    struct scope_writer *w = writer();
    if (w && PyUnicode_CheckExact(name)) {
        Py_IncRef(name);
        PyUnicode_InternInPlace(&name);
        changed(w, self, name, value);
        Py_DecRef(name);
    }
    return scope_none();
}

/* GIL held; runs the target's code; new reference or NULL with an exception. */
static PyObject *wrap_set(PyObject *self, PyObject *args, void *wrapped) {
    if (wrapped == (void *)PyObject_GenericSetAttr && PyTuple_Size(args) == 2 && scope_class_has_hooks(Py_TYPE(self)))
        return set_past_slot(self, PyTuple_GetItem(args, 0), PyTuple_GetItem(args, 1));
    return scope_slots.wrap_set(self, args, wrapped);
}

/* GIL held; runs the target's code; new reference or NULL with an exception. */
static PyObject *wrap_delete(PyObject *self, PyObject *args, void *wrapped) {
    if (wrapped == (void *)PyObject_GenericSetAttr && PyTuple_Size(args) == 1 && scope_class_has_hooks(Py_TYPE(self)))
        return set_past_slot(self, PyTuple_GetItem(args, 0), NULL);
    return scope_slots.wrap_delete(self, args, wrapped);
}

/* GIL held; allocates; new reference or NULL with an exception. Stands for PyType_GenericAlloc in a watched class. */
static PyObject *allocate(PyTypeObject *type, Py_ssize_t items) {
    PyObject *object = PyType_GenericAlloc(type, items);
    if (object && started && scope_active) {
        struct scope_watched_class *watched = scope_class_watched(type);
        if (is_followed_whole(watched) || may_follow(watched))
            scope_object_born(object);
        else
            scope_object_passed_over(object);
    }
    return object;
}

/* GIL held; allocates; never leaves an exception. An instance that has come past us so far, with the values it holds. */
static void write_existing(struct scope_writer *w, PyObject *object) {
    struct scope_object *known = scope_object_known(object);
    if (!known)
        known = scope_object_met(object, true);
    if (!known || !known->is_fresh)
        return;
    known->is_fresh = false;
    struct presence presence = {.w = w, .serial = known->serial, .flags = SCOPE_STATE_FIRST_KNOWN};
    scope_present_values(object, write_present, &presence);
}

/* GIL held; allocates; never leaves an exception. Instances of the class among the values of a dict. */
static void write_instances_in(struct scope_writer *w, PyTypeObject *type, PyObject *dict) {
    PyObject *values = dict ? PyMapping_Values(dict) : NULL;
    for (Py_ssize_t i = 0, count = values ? PyList_Size(values) : 0; i < count; i++)
        if (Py_TYPE(PyList_GetItem(values, i)) == type)
            write_existing(w, PyList_GetItem(values, i));
    PyErr_Clear();
    if (values)
        Py_DecRef(values);
}

/* GIL held; allocates; never leaves an exception. A class is watched from now on. Some have instances by then: what
 * `__set_name__` makes is made inside of the making of the class, as members of an enum are since 3.11. They stand in its
 * namespace, or in the map of members that an enum keeps there. */
static void write_instances_of_new(PyTypeObject *type) {
    struct scope_writer *w = started ? writer() : NULL;
    PyObject *dict = started ? scope_type_dict(type) : NULL;
    if (started && !w)
        w = scope_tracks_main(); /* found by a look on our own thread */
    PyObject *members = dict && w ? PyMapping_GetItemString(dict, "_member_map_") : NULL;
    PyErr_Clear();
    if (dict && w)
        write_instances_in(w, type, dict);
    if (members && PyDict_CheckExact(members))
        write_instances_in(w, type, members);
    if (members)
        Py_DecRef(members);
    if (dict)
        Py_DecRef(dict);
}

/* GIL held; allocates; never leaves an exception. Instances that exist already of classes that are named, with the values they
 * hold. Those of others are met when they are written to: to find them takes a look at every object there is. */
static void write_existing_instances(void) {
    if (!scope_filter_names_classes())
        return;
    PyObject *objects = scope_collector_objects();
    struct scope_writer *w = scope_tracks_main();
    for (Py_ssize_t i = 0, count = objects ? PyList_Size(objects) : 0; w && i < count; i++) {
        PyObject *object = PyList_GetItem(objects, i); /* borrowed */
        const struct scope_watched_class *watched = scope_class_watched(Py_TYPE(object));
        if (watched && watched->is_whole)
            write_existing(w, object);
    }
    PyErr_Clear();
    if (objects)
        Py_DecRef(objects);
}

/* GIL held; allocates with the collector off; never leaves an exception. */
void scope_attributes_begin(PyObject *frames) {
    (void)frames;
    static const struct scope_class_hooks hooks = {set_plain, set_python, allocate, write_instances_of_new};
    scope_present_prove();
    scope_classes_start(&hooks);
    started = true;
    *scope_slots.set_wrapper = wrap_set;
    *scope_slots.delete_wrapper = wrap_delete;
    write_existing_instances();
}

/* GIL held; allocates; never leaves an exception. */
void scope_attributes_sweep(PyObject *frames) {
    (void)frames;
    int collecting = PyGC_Disable();
    scope_classes_look();
    scope_pending_look(scope_tracks_main(), false);
    scope_containers_look(scope_tracks_main(), LOOK_NS);
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
}

/* GIL held; allocates; never leaves an exception. The end, while recording is still on. */
void scope_attributes_finish(void) {
    int collecting = PyGC_Disable();
    scope_classes_look();
    scope_pending_look(scope_tracks_main(), true);
    scope_containers_look(scope_tracks_main(), LAST_NS);
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
}

/* GIL held; releases; never leaves an exception. */
void scope_attributes_undo(void) {
    if (started) {
        *scope_slots.set_wrapper = scope_slots.wrap_set;
        *scope_slots.delete_wrapper = scope_slots.wrap_delete;
    }
    started = false;
    scope_classes_stop();
    scope_pending_close();
    scope_containers_close();
    scope_objects_close();
    scope_attribute_keys_close();
    PyErr_Clear();
}

/* GIL held; allocates with the collector off; never leaves an exception. Other classes are wanted. */
void scope_attributes_change(void) {
    scope_attributes_finish();
    scope_attributes_undo();
    scope_attributes_begin(NULL);
}
