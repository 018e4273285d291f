/* What `threading` knows of the program's threads: name, native id, and whether it is a daemon.
 *
 * In C, where the GIL is not given up between the look at a thread's object and letting go of it: it can never be us who
 * let go of it last, and run its finalizer. */
#include "entry/thread_names.h"

static PyObject *told; /* {ident: entry}; strong while recording */

/* GIL held; allocates; new reference, NULL without an exception. Past any __getattribute__ of a subclass. */
static PyObject *attribute_of(PyObject *thread, const char *name) {
    PyObject *key = PyUnicode_FromString(name);
    PyObject *value = key ? PyObject_GenericGetAttr(thread, key) : NULL;
    if (key)
        Py_DecRef(key);
    PyErr_Clear();
    return value;
}

/* GIL held; allocates; new reference to (name, native id, is daemon), NULL without an exception. */
static PyObject *entry_of(PyObject *thread) {
    PyObject *name = attribute_of(thread, "_name"), *native_id = attribute_of(thread, "_native_id");
    PyObject *daemon = attribute_of(thread, "_daemonic");
    const unsigned long number = native_id && PyLong_CheckExact(native_id) ? PyLong_AsUnsignedLong(native_id) : 0;
    PyErr_Clear(); /* a number that is none */
    PyObject *text = name && PyUnicode_Check(name) ? PyUnicode_FromObject(name) : PyUnicode_FromString("");
    PyObject *entry = text ? Py_BuildValue("(OkO)", text, number == (unsigned long)-1 ? 0 : number,
                                           daemon == Py_True ? Py_True : Py_False)
                           : NULL;
    PyObject *parts[] = {name, native_id, daemon, text};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    PyErr_Clear();
    return entry;
}

/* GIL held; allocates nothing that the collector sees; no exception. */
static bool is_told(PyObject *ident, PyObject *entry) {
    PyObject *before = PyDict_GetItemWithError(told, ident); /* borrowed */
    for (Py_ssize_t i = 0; before && i < 3; i++)
        if (PyObject_RichCompareBool(PyTuple_GetItem(before, i), PyTuple_GetItem(entry, i), Py_EQ) != 1)
            before = NULL;
    PyErr_Clear();
    return before != NULL;
}

/* GIL held; does not allocate; borrowed, NULL where `threading` is not loaded or its list is not as we know it. */
static PyObject *active_threads(void) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed, like all that follows */
    PyObject *threading = modules && PyDict_CheckExact(modules) ? PyDict_GetItemString(modules, "threading") : NULL;
    PyObject *active =
        threading && PyModule_Check(threading) ? PyDict_GetItemString(PyModule_GetDict(threading), "_active") : NULL;
    PyErr_Clear();
    return active && PyDict_CheckExact(active) ? active : NULL;
}

/* GIL held; allocates with the collector off; no exception. Threads that have ended are forgotten once they are many. */
static void forget_ended(PyObject *active) {
    if (PyDict_Size(told) <= 2 * PyDict_Size(active) + 64)
        return;
    PyObject *kept = PyDict_New(), *ident, *entry;
    Py_ssize_t at = 0;
    while (kept && PyDict_Next(told, &at, &ident, &entry))
        if (PyDict_GetItemWithError(active, ident))
            PyDict_SetItem(kept, ident, entry);
    PyErr_Clear();
    if (!kept)
        return;
    Py_DecRef(told);
    told = kept;
}

/* GIL held; allocates with the collector off; new reference, NULL without an exception where there is no memory.
 * {ident: (name, native id, is daemon)} of the threads whose entry is new or changed since the last look. Reads private
 * attributes on purpose: the public ones may be a subclass's, with code of its own. */
PyObject *scope_thread_news(void) {
    const int collecting = PyGC_Disable();
    PyObject *news = PyDict_New(), *active = active_threads();
    if (!told)
        told = PyDict_New();
    PyObject *threads = news && told && active ? PyDict_Copy(active) : NULL, *ident, *thread;
    Py_ssize_t at = 0;
    while (threads && PyDict_Next(threads, &at, &ident, &thread)) {
        PyObject *entry = PyLong_CheckExact(ident) ? entry_of(thread) : NULL;
        if (entry && !is_told(ident, entry) && PyDict_SetItem(told, ident, entry) == 0)
            PyDict_SetItem(news, ident, entry);
        if (entry)
            Py_DecRef(entry);
    }
    if (threads) {
        forget_ended(active);
        Py_DecRef(threads);
    }
    PyErr_Clear();
    if (collecting)
        PyGC_Enable();
    return news;
}

/* GIL held; does not allocate. A next recording tells all threads anew. */
void scope_thread_names_close(void) {
    PyObject *dropped = told;
    told = NULL;
    if (dropped)
        Py_DecRef(dropped);
}
