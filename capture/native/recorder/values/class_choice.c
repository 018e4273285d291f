/* Which classes' attributes are wanted: those that a pattern of --state names, whole, and the user's, at a rate. A pattern
 * also names what has that class among its bases. A class is the user's by its own module: when a recording begins every class
 * there is gets asked, while the program waits. */
#include "values/class_choice.h"

#include "filter.h"
#include "values/typenames.h"

#include <string.h>

#define IMMUTABLE_TYPE (1ul << 8)

/* GIL held; allocates; never leaves an exception. Whether the filter takes the class for code that is recorded. */
static bool is_users(const char *module, const char *qualname) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed, as the next two */
    PyObject *found = modules && PyDict_CheckExact(modules) ? PyDict_GetItemString(modules, module) : NULL;
    PyObject *name = found && PyModule_Check(found) ? PyDict_GetItemString(PyModule_GetDict(found), "__file__") : NULL;
    PyObject *bytes = scope_utf8(name);
    const char *file = bytes ? PyBytes_AsString(bytes) : "";
    const bool is_main = strcmp(module, "__main__") == 0;
    const bool is_one =
        found && (file[0] || is_main) && scope_filter_wants_code(file[0] ? file : "<string>", module, qualname, file);
    if (bytes)
        Py_DecRef(bytes);
    PyErr_Clear();
    return is_one;
}

/* GIL held; allocates; never leaves an exception. */
enum scope_choice scope_class_choice(PyTypeObject *type) {
    char module[SCOPE_TYPE_NAME_BYTES], qualname[SCOPE_TYPE_NAME_BYTES];
    PyObject *order = scope_type_mro(type);
    const bool any_is_named = scope_filter_names_classes();
    const Py_ssize_t count = !order ? 0 : any_is_named ? PyTuple_Size(order) : 1;
    enum scope_choice choice = SCOPE_CLASS_LEFT;
    for (Py_ssize_t i = 0; i < count && choice < SCOPE_CLASS_WHOLE; i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GetItem(order, i); /* borrowed */
        if (!(PyType_GetFlags(base) & Py_TPFLAGS_HEAPTYPE) || PyType_GetFlags(base) & IMMUTABLE_TYPE)
            continue;
        scope_type_parts(base, module, qualname);
        if (scope_filter_is_own_module(module))
            break;
        if (any_is_named && scope_filter_wants_class(module, qualname))
            choice = SCOPE_CLASS_WHOLE;
        else if (i == 0 && scope_filter_wants_user_classes() && is_users(module, qualname))
            choice = SCOPE_CLASS_AT_A_RATE;
    }
    PyErr_Clear();
    if (order)
        Py_DecRef(order);
    return choice;
}
