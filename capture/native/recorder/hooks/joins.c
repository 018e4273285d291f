/* Waiting for a thread: events around threading.Thread.join.
 *
 * The thread waited for is the local variable `self` of join's frame; its identity is read past any __getattr__ of a
 * subclass, so no Python code of the target runs. */
#include "hooks/joins.h"

#include "tracks.h"

/* GIL held; allocates; new reference or NULL without an exception. The Thread object that `frame` joins. */
static PyObject *joined_thread(PyObject *frame) {
    PyObject *locals = PyObject_GetAttrString(frame, "f_locals");
    PyObject *thread = locals ? PyMapping_GetItemString(locals, "self") : NULL;
    PyErr_Clear();
    if (locals)
        Py_DecRef(locals);
    return thread;
}

/* GIL held; allocates; 0 when the attribute is missing or None; no exception. */
static unsigned long number_attribute(PyObject *object, const char *name) {
    PyObject *key = PyUnicode_FromString(name);
    PyObject *value = key ? PyObject_GenericGetAttr(object, key) : NULL;
    unsigned long number = value && PyLong_CheckExact(value) ? PyLong_AsUnsignedLong(value) : 0;
    PyErr_Clear();
    if (value)
        Py_DecRef(value);
    if (key)
        Py_DecRef(key);
    return number;
}

/* GIL held; allocates; no exception. Whether threading has struck the thread off its list of live ones. */
static bool is_struck_off(PyObject *thread, unsigned long ident) {
    PyObject *modules = PySys_GetObject("modules");                                    /* borrowed */
    PyObject *threading = modules ? PyDict_GetItemString(modules, "threading") : NULL; /* borrowed */
    PyObject *active = NULL;
    if (threading && PyModule_Check(threading))
        active = PyDict_GetItemString(PyModule_GetDict(threading), "_active"); /* borrowed */
    PyObject *key = PyLong_FromUnsignedLong(ident);
    bool gone = active && PyDict_CheckExact(active) && key && PyDict_GetItemWithError(active, key) != thread;
    PyErr_Clear();
    if (key)
        Py_DecRef(key);
    return gone;
}

/* GIL held; allocates; never leaves an exception. */
static void write_join(PyObject *frame, bool ends) {
    int collecting = PyGC_Disable();
    PyObject *thread = frame ? joined_thread(frame) : NULL;
    uint32_t serial = 0;
    bool ended = false;
    if (thread) {
        unsigned long ident = number_attribute(thread, "_ident");
        if (ident)
            serial = scope_track_serial_of((pthread_t)ident, (uint32_t)number_attribute(thread, "_native_id"), &ended);
        if (ends && ident && !ended)
            ended = is_struck_off(thread, ident);
        Py_DecRef(thread);
    }
    if (collecting)
        PyGC_Enable();
    PyErr_Clear();
    scope_write(serial,
                ends ? scope_head(SCOPE_JOIN_END, ended ? SCOPE_JOIN_END_ENDED : 0, 0)
                     : scope_head(SCOPE_JOIN_BEGIN, 0, 0),
                NULL);
}

/* GIL held; allocates; borrows `frame`, the frame of join. */
void scope_join_begins(PyObject *frame) {
    write_join(frame, false);
}

/* GIL held; allocates; borrows `frame`. Also when join is left by an exception. */
void scope_join_ends(PyObject *frame) {
    write_join(frame, true);
}
