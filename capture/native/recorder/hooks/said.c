/* What is logged and warned of: told as `logging` hands a record on, and `warnings` a message.
 *
 * Every record of every logger that passes its filters comes by Logger.callHandlers(record), and every warning that does by
 * warnings._showwarnmsg(message), whoever shows it in the end. Both are Python functions, met at their beginning.
 *
 * No code of the program runs for it. A record's text is made as `getMessage` makes it, of arguments that are texts, numbers,
 * None or bools; any other argument is shown as values are. */
#include "hooks/said.h"

#include "sites.h"
#include "values/exceptions.h"
#include "values/output_text.h"
#include "values/render.h"
#include "values/typenames.h"

#include <stdio.h>
#include <string.h>

#define NAME_BYTES 200
#define HEADING_BYTES (2 * NAME_BYTES + 3)

/* GIL held; allocates; new reference or NULL without an exception. A local variable of `frame`. */
static PyObject *local_of(PyObject *frame, const char *name) {
    PyObject *locals = frame ? PyObject_GetAttrString(frame, "f_locals") : NULL;
    PyObject *value = locals ? PyMapping_GetItemString(locals, name) : NULL;
    PyErr_Clear();
    if (locals)
        Py_DecRef(locals);
    return value;
}

/* GIL held; allocates; new reference or NULL without an exception. What an instance itself holds: its class has nothing of that
 * name, which could be code. */
static PyObject *held_by(PyObject *object, const char *name) {
    PyObject *key = PyUnicode_FromString(name);
    const bool is_plain = key && scope_python.type_lookup && !scope_python.type_lookup(Py_TYPE(object), key);
    PyObject *value = is_plain ? PyObject_GenericGetAttr(object, key) : NULL;
    PyErr_Clear();
    if (key)
        Py_DecRef(key);
    return value;
}

/* GIL held; allocates; a name as a part of a heading, without what separates them. */
static void spell(char *name, PyObject *value) {
    PyObject *bytes = value ? scope_utf8(value) : NULL;
    snprintf(name, NAME_BYTES, "%s", bytes ? PyBytes_AsString(bytes) : "");
    if (bytes)
        Py_DecRef(bytes);
    for (char *at = strchr(name, ':'); at; at = strchr(at, ':'))
        *at = '.';
}

/* GIL held; allocates; new reference or NULL with an exception. A value as text, bounded. */
static PyObject *shown(PyObject *value) {
    struct scope_text text;
    if (PyExceptionInstance_Check(value))
        return scope_exception_text(value);
    scope_render(&text, value);
    return PyUnicode_DecodeUTF8(text.bytes, text.length, "replace");
}

/* GIL held; allocates; new reference or NULL with an exception. An argument that makes its text without code of its own. */
static PyObject *harmless(PyObject *value) {
    const PyTypeObject *type = Py_TYPE(value);
    if (value == Py_None || type == &PyUnicode_Type || type == &PyLong_Type || type == &PyFloat_Type ||
        type == &PyBool_Type) {
        Py_IncRef(value);
        return value;
    }
    return shown(value);
}

/* GIL held; allocates; new reference or NULL with an exception. */
static PyObject *harmless_tuple(PyObject *args) {
    const Py_ssize_t count = PyTuple_Size(args);
    PyObject *made = PyTuple_New(count);
    for (Py_ssize_t i = 0; made && i < count; i++) {
        PyObject *value = harmless(PyTuple_GetItem(args, i));
        if (!value || PyTuple_SetItem(made, i, value) != 0) {
            Py_DecRef(made);
            return NULL;
        }
    }
    return made;
}

/* GIL held; allocates; new reference or NULL with an exception. Names in a text are looked up in it. */
static PyObject *harmless_dict(PyObject *args) {
    PyObject *made = PyDict_New(), *key, *value;
    Py_ssize_t at = 0;
    while (made && PyDict_Next(args, &at, &key, &value)) {
        PyObject *own = PyUnicode_CheckExact(key) ? harmless(value) : NULL;
        if (own)
            PyDict_SetItem(made, key, own);
        if (own)
            Py_DecRef(own);
    }
    return made;
}

/* GIL held; allocates; new reference or NULL without an exception. What `message % args` says; where that cannot be made, both
 * beside each other. */
static PyObject *filled_in(PyObject *message, PyObject *args) {
    const bool by_name = args && PyDict_CheckExact(args) && PyDict_Size(args) > 0;
    PyObject *own = NULL;
    if (by_name)
        own = harmless_dict(args);
    else if (args && PyTuple_CheckExact(args) && PyTuple_Size(args) > 0)
        own = harmless_tuple(args);
    PyErr_Clear();
    if (!own) {
        Py_IncRef(message);
        return message;
    }
    PyObject *text = PyUnicode_Format(message, own);
    PyErr_Clear();
    PyObject *beside = text ? NULL : shown(own);
    if (beside)
        text = PyUnicode_FromFormat("%U %% %U", message, beside);
    PyErr_Clear();
    if (beside)
        Py_DecRef(beside);
    Py_DecRef(own);
    return text;
}

/* GIL held; allocates; new reference or NULL without an exception. What a record says. */
static PyObject *message_of(PyObject *record) {
    PyObject *message = held_by(record, "msg"), *args = held_by(record, "args"), *text = NULL;
    if (message && PyUnicode_CheckExact(message)) {
        text = filled_in(message, args);
    } else if (message) {
        text = shown(message);
        PyErr_Clear();
    }
    if (message)
        Py_DecRef(message);
    if (args)
        Py_DecRef(args);
    return text;
}

/* GIL held; allocates; never leaves an exception. The frame is that of Logger.callHandlers. */
static void tell_record(PyObject *frame) {
    char heading[HEADING_BYTES], level[NAME_BYTES], logger[NAME_BYTES];
    PyObject *record = local_of(frame, "record");
    PyObject *text = record ? message_of(record) : NULL;
    if (text) {
        PyObject *name = held_by(record, "name"), *level_name = held_by(record, "levelname");
        spell(logger, name);
        spell(level, level_name);
        snprintf(heading, sizeof heading, "%s: %s", level, logger);
        if (name)
            Py_DecRef(name);
        if (level_name)
            Py_DecRef(level_name);
        scope_output_write_str(SCOPE_OUTPUT_LOG, heading, text, NULL);
        Py_DecRef(text);
    }
    if (record)
        Py_DecRef(record);
}

/* GIL held; allocates; never leaves an exception. The frame is that of warnings._showwarnmsg. */
static void tell_warning(PyObject *frame) {
    char heading[SCOPE_TYPE_NAME_BYTES] = "";
    PyObject *message = local_of(frame, "msg");
    PyObject *said = message ? held_by(message, "message") : NULL,
             *category = message ? held_by(message, "category") : NULL;
    if (category && PyType_Check(category))
        scope_type_name((PyTypeObject *)category, heading);
    PyObject *text = said ? harmless(said) : NULL;
    PyErr_Clear();
    if (text && PyUnicode_CheckExact(text))
        scope_output_write_str(SCOPE_OUTPUT_WARNING, heading, text, NULL);
    PyObject *parts[] = {message, said, category, text};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; allocates; never leaves an exception. At the beginning of `frame`, whose code has those flags. */
void scope_said(PyObject *frame, uint32_t code_flags) {
    int collecting = PyGC_Disable();
    if (code_flags & SCOPE_CODE_LOGS)
        tell_record(frame);
    else
        tell_warning(frame);
    PyErr_Clear();
    if (collecting)
        PyGC_Enable();
}
