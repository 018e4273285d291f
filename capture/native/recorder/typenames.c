/* The name of a type, without asking the type.
 *
 * `cls.__qualname__` may run a metaclass's __getattribute__; reading the descriptors of `type` itself cannot. */
#include "typenames.h"

#include <stdio.h>
#include <string.h>

/* GIL held; allocates; new reference or NULL with an exception. type.__dict__[attribute].__get__(type), that is. */
static PyObject *read_descriptor(PyTypeObject *type, const char *attribute)
{
    PyObject *of_type = PyObject_GetAttrString((PyObject *)&PyType_Type, "__dict__");
    PyObject *descriptor = of_type ? PyMapping_GetItemString(of_type, attribute) : NULL;
    PyObject *value = descriptor ? PyObject_CallMethod(descriptor, "__get__", "O", (PyObject *)type) : NULL;
    if (of_type)
        Py_DecRef(of_type);
    if (descriptor)
        Py_DecRef(descriptor);
    return value;
}

/* GIL held; allocates; new reference or NULL with an exception. What the class itself defines, not its bases. */
PyObject *scope_type_dict(PyTypeObject *type)
{
    return read_descriptor(type, "__dict__");
}

/* GIL held; allocates; writes at most SCOPE_TYPE_NAME_BYTES, cut on a character; never leaves an exception. */
static void read_part(PyTypeObject *type, const char *attribute, char *out)
{
    out[0] = 0;
    PyObject *value = read_descriptor(type, attribute);
    PyErr_Clear();
    PyObject *bytes = scope_utf8(value);
    if (bytes) {
        const char *text = PyBytes_AsString(bytes);
        size_t length = strnlen(text, SCOPE_TYPE_NAME_BYTES / 2 - 2);
        while (length > 0 && (text[length] & 0xc0) == 0x80)
            length--;
        memcpy(out, text, length);
        out[length] = 0;
    }
    PyObject *parts[] = {value, bytes};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    PyErr_Clear();
}

/* GIL held; allocates; both buffers hold SCOPE_TYPE_NAME_BYTES; never leaves an exception. */
void scope_type_parts(PyTypeObject *type, char *module, char *qualname)
{
    read_part(type, "__module__", module);
    read_part(type, "__qualname__", qualname);
}

/* GIL held; allocates; `name` holds SCOPE_TYPE_NAME_BYTES. "module.Qual", or "Qual" for built-in types. */
void scope_type_name(PyTypeObject *type, char *name)
{
    char module[SCOPE_TYPE_NAME_BYTES], qualname[SCOPE_TYPE_NAME_BYTES];
    scope_type_parts(type, module, qualname);
    if (module[0] == 0 || strcmp(module, "builtins") == 0)
        snprintf(name, SCOPE_TYPE_NAME_BYTES, "%s", qualname);
    else
        snprintf(name, SCOPE_TYPE_NAME_BYTES, "%.127s.%.127s", module, qualname);
}
