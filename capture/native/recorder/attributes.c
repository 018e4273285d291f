/* Attributes of instances over time, for the classes that the user names.
 *
 * Such a class gets a C __setattr__ and __delattr__ that do what would have been done without them and then write the
 * value. Not seen: writes past them (object.__setattr__, obj.__dict__[...]). Each class has functions of its own, since
 * the inherited behaviour to pass on to depends on the class whose function was found, not on the instance's. */
#include "classes.h"
#include "objects.h"
#include "state.h"
#include "tracks.h"
#include "typenames.h"

#include <string.h>

static PyObject *key_ids; /* {(type address, name): (id, type, is redacted)} */

/* GIL held; allocates; the key's number, 0 for none; never leaves an exception. */
static uint32_t key_of(PyTypeObject *type, PyObject *name, bool *redacted) {
    uint32_t id = 0;
    if (!key_ids && !(key_ids = PyDict_New()))
        return 0;
    PyObject *address = PyLong_FromVoidPtr(type), *key = address ? PyTuple_New(2) : NULL;
    if (!key)
        goto done;
    Py_IncRef(address);
    PyTuple_SetItem(key, 0, address); /* steals */
    Py_IncRef(name);
    PyTuple_SetItem(key, 1, name);
    PyObject *entry = PyDict_GetItemWithError(key_ids, key); /* borrowed */
    if (!entry) {
        char owner[SCOPE_TYPE_NAME_BYTES];
        PyObject *bytes = scope_utf8(name);
        scope_type_name(type, owner);
        const char *text = bytes ? PyBytes_AsString(bytes) : "";
        PyObject *made = Py_BuildValue("(IOi)", scope_state_define(owner, text, "attribute"), (PyObject *)type,
                                       (int)scope_is_credential(text));
        if (made && PyDict_SetItem(key_ids, key, made) == 0)
            entry = PyDict_GetItemWithError(key_ids, key);
        if (made)
            Py_DecRef(made);
        if (bytes)
            Py_DecRef(bytes);
    }
    if (entry) {
        id = (uint32_t)PyLong_AsUnsignedLong(PyTuple_GetItem(entry, 0));
        *redacted = PyLong_AsLong(PyTuple_GetItem(entry, 2)) != 0;
    }
done:
    PyErr_Clear();
    if (address)
        Py_DecRef(address);
    if (key)
        Py_DecRef(key);
    return id;
}

/* GIL held; allocates; never leaves an exception. `value` NULL = deleted. */
static void write_value(struct scope_writer *w, PyObject *object, uint64_t serial, PyObject *name, PyObject *value,
                        uint32_t flags) {
    struct scope_text text;
    bool redacted = false;
    uint32_t key = PyUnicode_CheckExact(name) ? key_of(Py_TYPE(object), name, &redacted) : 0;
    if (!key)
        return;
    if (!value)
        flags |= SCOPE_STATE_DELETED;
    else if (redacted)
        scope_render_redacted(&text);
    else
        scope_render(&text, value);
    scope_state_write(w, key, serial, flags, value ? &text : NULL);
}

/* GIL held; allocates; never leaves an exception. What an instance that is new to us holds already. */
static void write_present_values(struct scope_writer *w, PyObject *object, uint64_t serial) {
    PyObject *dict = PyObject_GenericGetDict(object, NULL), *name, *value;
    Py_ssize_t at = 0;
    PyErr_Clear();
    while (dict && PyDict_Next(dict, &at, &name, &value))
        write_value(w, object, serial, name, value, SCOPE_STATE_FIRST);
    if (dict)
        Py_DecRef(dict);
}

/* One change under way: what the thread was changing before, and the object's serial, 0 when nothing is to be written. */
struct change {
    struct scope_writer *w;
    PyObject *outer_object, *outer_name;
    uint64_t serial;
};

/* GIL held; allocates with the collector off; never leaves an exception. Before a change: the values so far, when the
 * instance is new. A class and its base may both be watched: then the inner call of the same change writes nothing. */
static struct change begin_change(PyObject *object, PyObject *name) {
    struct change change = {0};
    struct scope_writer *w = scope_active && scope_tls != &scope_muted ? scope_writer_of_this_thread(NULL) : NULL;
    if (!w || w->quiet || w->ended)
        return change;
    change = (struct change){.w = w, .outer_object = w->changing_object, .outer_name = w->changing_name};
    if (w->changing_object == object && w->changing_name == name)
        return change;
    w->changing_object = object;
    w->changing_name = name;
    int collecting = PyGC_Disable();
    bool is_new;
    change.serial = scope_object_serial(object, &is_new);
    if (is_new)
        write_present_values(w, object, change.serial);
    if (collecting)
        PyGC_Enable();
    return change;
}

/* GIL held; allocates; leaves an exception as it is. `value` NULL = deleted. */
static void end_change(const struct change *change, PyObject *object, PyObject *name, PyObject *value, bool succeeded) {
    if (!change->w)
        return;
    change->w->changing_object = change->outer_object;
    change->w->changing_name = change->outer_name;
    if (!succeeded || !change->serial || !scope_active || change->w->session != scope_session)
        return;
    int collecting = PyGC_Disable();
    write_value(change->w, object, change->serial, name, value, 0);
    if (collecting)
        PyGC_Enable();
}

/* GIL held; runs the target's code; new reference or NULL with an exception. `self`: closure of classes.c. */
static PyObject *set_attribute(PyObject *self, PyObject *args) {
    PyObject *object, *name, *value;
    if (!PyArg_ParseTuple(args, "OOO:__setattr__", &object, &name, &value))
        return NULL;
    struct change change = begin_change(object, name);
    bool succeeded = scope_class_pass_on(self, "__setattr__", object, name, value) == 0;
    end_change(&change, object, name, value, succeeded);
    return succeeded ? scope_none() : NULL;
}

/* GIL held; runs the target's code; new reference or NULL with an exception. */
static PyObject *delete_attribute(PyObject *self, PyObject *args) {
    PyObject *object, *name;
    if (!PyArg_ParseTuple(args, "OO:__delattr__", &object, &name))
        return NULL;
    struct change change = begin_change(object, name);
    bool succeeded = scope_class_pass_on(self, "__delattr__", object, name, NULL) == 0;
    end_change(&change, object, name, NULL, succeeded);
    return succeeded ? scope_none() : NULL;
}

static PyMethodDef set_method = {"__setattr__", set_attribute, METH_VARARGS, NULL};
static PyMethodDef delete_method = {"__delattr__", delete_attribute, METH_VARARGS, NULL};

/* GIL held; allocates; never leaves an exception. Instances that exist already, with the values they hold. */
static void write_existing_instances(void) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    const bool loaded = modules && PyDict_GetItemString(modules, "gc");
    PyObject *gc = PyImport_ImportModule("gc"); /* built in: taking it out again is no loss */
    if (gc && modules && !loaded)
        PyDict_DelItemString(modules, "gc");
    PyObject *objects = gc ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;
    struct scope_writer *w = scope_tracks_main();
    for (Py_ssize_t i = 0, count = objects ? PyList_Size(objects) : 0; w && i < count; i++) {
        PyObject *object = PyList_GetItem(objects, i); /* borrowed */
        bool is_new = false;
        if (!scope_class_is_watched(Py_TYPE(object)))
            continue;
        uint64_t serial = scope_object_serial(object, &is_new);
        if (is_new)
            write_present_values(w, object, serial);
    }
    PyErr_Clear();
    if (objects)
        Py_DecRef(objects);
    if (gc)
        Py_DecRef(gc);
}

/* GIL held; allocates with the collector off; never leaves an exception. */
void scope_attributes_start(void) {
    scope_classes_start(&set_method, &delete_method);
    write_existing_instances();
}

/* GIL held; allocates; never leaves an exception. Classes made in ways that the class statement's hook does not see. */
void scope_attributes_sweep(void) {
    int collecting = PyGC_Disable();
    scope_classes_look();
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
}

/* GIL held; releases; never leaves an exception. */
void scope_attributes_stop(void) {
    scope_classes_stop();
    scope_objects_close();
    PyObject *old = key_ids;
    key_ids = NULL;
    if (old)
        Py_DecRef(old);
    PyErr_Clear();
}
