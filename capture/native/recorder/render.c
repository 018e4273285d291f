/* A value as bounded text, without running any code of the target.
 *
 * Only exact built-in types are looked into: a subclass could answer with code of its own. Everything else is named by
 * its type. Bounds: 200 bytes, depth 2, 8 items, whatever the size of the value. */
#include "render.h"

#include "typenames.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MOST_ITEMS 8
#define MOST_DEPTH 2
#define MOST_BITS 256

static void render(struct scope_text *text, PyObject *value, int depth);

/* GIL not needed; does not allocate. Appends, cut at a character when full. */
static void append(struct scope_text *text, const char *bytes, size_t count)
{
    size_t room = SCOPE_TEXT_BYTES - text->length;
    if (count > room) {
        text->truncated = text->full = true;
        count = room;
        while (count > 0 && ((unsigned char)bytes[count] & 0xc0) == 0x80)
            count--;
    }
    memcpy(text->bytes + text->length, bytes, count);
    text->length += (uint32_t)count;
}

/* GIL not needed; does not allocate. */
static void append_text(struct scope_text *text, const char *string)
{
    append(text, string, strlen(string));
}

/* GIL not needed; does not allocate. Printable as it is, the rest escaped; bytes >= 0x80 are kept when `utf8`. */
static void append_quoted(struct scope_text *text, const unsigned char *bytes, size_t count, bool utf8)
{
    append_text(text, "'");
    for (size_t i = 0; i < count && !text->full; i++) {
        char escape[8];
        size_t run = 1;
        if (bytes[i] >= 0x80 && utf8) {
            while (i + run < count && (bytes[i + run] & 0xc0) == 0x80)
                run++;
            if (text->length + run > SCOPE_TEXT_BYTES) {
                text->truncated = text->full = true;
                break;
            }
            append(text, (const char *)bytes + i, run);
            i += run - 1;
        } else if (bytes[i] == '\n') {
            append_text(text, "\\n");
        } else if (bytes[i] == '\t') {
            append_text(text, "\\t");
        } else if (bytes[i] == '\'' || bytes[i] == '\\') {
            escape[0] = '\\', escape[1] = (char)bytes[i], escape[2] = 0;
            append_text(text, escape);
        } else if (bytes[i] < 0x20 || bytes[i] >= 0x7f) {
            snprintf(escape, sizeof escape, "\\x%02x", bytes[i]);
            append_text(text, escape);
        } else {
            append(text, (const char *)bytes + i, 1);
        }
    }
    append_text(text, "'");
}

/* GIL held; allocates at most a few hundred bytes; no exception. */
static void render_str(struct scope_text *text, PyObject *value)
{
    Py_ssize_t length = PyUnicode_GetLength(value);
    PyObject *head = length > (Py_ssize_t)SCOPE_TEXT_BYTES ? PyUnicode_Substring(value, 0, SCOPE_TEXT_BYTES) : NULL;
    PyObject *bytes = scope_utf8(head ? head : value);
    if (bytes)
        append_quoted(text, (const unsigned char *)PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes), true);
    text->truncated |= head != NULL;
    if (bytes)
        Py_DecRef(bytes);
    if (head)
        Py_DecRef(head);
}

/* GIL held; allocates a short text; no exception. Turning a huge number into digits takes quadratic time, hence the
 * look at its size first. */
static void render_int(struct scope_text *text, PyObject *value)
{
    char digits[64];
    int overflow = 0;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (!overflow) {
        snprintf(digits, sizeof digits, "%lld", number);
        append_text(text, digits);
        return;
    }
    PyObject *bits = PyObject_CallMethod(value, "bit_length", NULL);
    long count = bits ? PyLong_AsLong(bits) : 0;
    PyObject *string = count > 0 && count <= MOST_BITS ? PyObject_Str(value) : NULL;
    PyErr_Clear();
    PyObject *bytes = scope_utf8(string);
    if (bytes && PyBytes_Size(bytes) > 0) {
        append_text(text, PyBytes_AsString(bytes));
    } else {
        snprintf(digits, sizeof digits, "<int of %ld bits>", count);
        append_text(text, digits);
    }
    PyObject *parts[] = {bits, string, bytes};
    for (int i = 0; i < 3; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; allocates; no exception. Text keys that look like a credential hide their value. */
static void render_dict(struct scope_text *text, PyObject *value, int depth)
{
    Py_ssize_t at = 0, shown = 0;
    PyObject *key, *item; /* borrowed; nothing here can change the dict */
    append_text(text, "{");
    while (!text->full && PyDict_Next(value, &at, &key, &item)) {
        if (shown)
            append_text(text, ", ");
        if (shown++ == MOST_ITEMS) {
            append_text(text, "…");
            text->truncated = true;
            break;
        }
        render(text, key, depth + 1);
        append_text(text, ": ");
        PyObject *name = PyUnicode_CheckExact(key) && PyUnicode_GetLength(key) < 100 ? scope_utf8(key) : NULL;
        if (name && scope_is_credential(PyBytes_AsString(name))) {
            append_text(text, "‹redacted›");
            text->redacted = true;
        } else {
            render(text, item, depth + 1);
        }
        if (name)
            Py_DecRef(name);
    }
    append_text(text, "}");
}

/* GIL held; allocates an iterator; no exception. Exact list, tuple, set or frozenset: iterating runs no foreign code. */
static void render_items(struct scope_text *text, PyObject *value, const char *open, const char *close, int depth)
{
    PyObject *iterator = PyObject_GetIter(value);
    Py_ssize_t shown = 0;
    append_text(text, open);
    while (iterator && !text->full) {
        PyObject *item = PyIter_Next(iterator);
        if (!item)
            break;
        if (shown)
            append_text(text, ", ");
        if (shown++ == MOST_ITEMS) {
            append_text(text, "…");
            text->truncated = true;
            Py_DecRef(item);
            break;
        } else {
            render(text, item, depth + 1);
        }
        Py_DecRef(item);
    }
    PyErr_Clear();
    if (iterator)
        Py_DecRef(iterator);
    append_text(text, close);
}

/* GIL held; allocates; no exception. */
static void render_type(struct scope_text *text, PyObject *value)
{
    char name[SCOPE_TYPE_NAME_BYTES];
    scope_type_name(Py_TYPE(value), name);
    append_text(text, "<");
    append_text(text, name);
    append_text(text, ">");
}

/* GIL held; allocates; no exception. */
static void render(struct scope_text *text, PyObject *value, int depth)
{
    PyTypeObject *type = Py_TYPE(value);
    if (value == Py_None) {
        append_text(text, "None");
    } else if (value == Py_True || value == Py_False) {
        append_text(text, value == Py_True ? "True" : "False");
    } else if (type == &PyLong_Type) {
        render_int(text, value);
    } else if (type == &PyFloat_Type) {
        char *digits = PyOS_double_to_string(PyFloat_AsDouble(value), 'r', 0, 2 /* Py_DTSF_ADD_DOT_0 */, NULL);
        append_text(text, digits ? digits : "<float>");
        PyMem_Free(digits);
    } else if (type == &PyUnicode_Type) {
        render_str(text, value);
    } else if (type == &PyBytes_Type) {
        append_text(text, "b");
        append_quoted(text, (const unsigned char *)PyBytes_AsString(value), (size_t)PyBytes_Size(value), false);
    } else if (type != &PyDict_Type && type != &PyList_Type && type != &PyTuple_Type && type != &PySet_Type &&
               type != &PyFrozenSet_Type) {
        render_type(text, value);
    } else if (depth >= MOST_DEPTH) {
        append_text(text, "…");
        text->truncated = true;
    } else if (type == &PyDict_Type) {
        render_dict(text, value, depth);
    } else if (type == &PyList_Type) {
        render_items(text, value, "[", "]", depth);
    } else if (type == &PyTuple_Type) {
        render_items(text, value, "(", PyTuple_Size(value) == 1 ? ",)" : ")", depth);
    } else if (type == &PySet_Type && PySet_Size(value) > 0) {
        render_items(text, value, "{", "}", depth);
    } else {
        render_items(text, value, type == &PySet_Type ? "set(" : "frozenset(", ")", depth);
    }
}

/* GIL held; allocates; never leaves an exception. */
void scope_render(struct scope_text *text, PyObject *value)
{
    text->length = 0;
    text->truncated = text->full = text->redacted = false;
    render(text, value, 0);
    PyErr_Clear();
}

/* GIL not needed; does not allocate. */
void scope_render_redacted(struct scope_text *text)
{
    text->length = 0;
    text->truncated = text->full = false;
    append_text(text, "‹redacted›");
    text->redacted = true;
}

/* GIL not needed; does not allocate. Whether a name is one that usually holds a secret. "auth" counts only as a word
 * ("auth", "auth_header", not "author"). */
bool scope_is_credential(const char *name)
{
    static const char *const parts[] = {"password", "passwd",  "secret",     "token",      "api_key", "apikey",
                                        "credential", "private_key", "session_id", "sessionid", "cookie"};
    char lower[128];
    size_t length = 0;
    for (; name[length] && length < sizeof lower - 1; length++)
        lower[length] = name[length] == '-' ? '_' : (char)tolower((unsigned char)name[length]);
    lower[length] = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strstr(lower, parts[i]))
            return true;
    for (const char *at = strstr(lower, "auth"); at; at = strstr(at + 1, "auth")) {
        bool starts = at == lower || at[-1] == '_' || at[-1] == 'o'; /* also oauth */
        bool ends = at[4] == 0 || at[4] == '_' || strncmp(at + 4, "oriz", 4) == 0;
        if (starts && ends)
            return true;
    }
    return false;
}
