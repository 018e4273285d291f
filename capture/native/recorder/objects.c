/* Serial numbers of instances: addresses are reused, serials never.
 *
 * A weak reference tells when an instance is gone, so the next one at its address gets a number of its own. Classes
 * with __slots__ and no __weakref__ cannot be told apart that way: there a reused address keeps its serial. */
#include "objects.h"

#define MOST_OBJECTS 1000000

static PyObject *known; /* {address: (serial, weak reference or None)} */
static uint64_t last_serial;

/* GIL held; releases; new reference. Called by the interpreter when an instance dies. `self`: its address. */
static PyObject *forget(PyObject *self, PyObject *reference) {
    PyObject *entry = known ? PyDict_GetItemWithError(known, self) : NULL; /* borrowed */
    if (entry && PyTuple_GetItem(entry, 1) == reference)
        PyDict_DelItem(known, self);
    PyErr_Clear();
    SCOPE_RETURN_NONE;
}

static PyMethodDef forget_method = {"scope_forget", forget, METH_O, NULL};

/* GIL held; allocates; new reference, None where weak references are not possible. */
static PyObject *watch_death(PyObject *object, PyObject *address) {
    PyObject *callback = PyCFunction_NewEx(&forget_method, address, NULL);
    PyObject *reference = callback ? PyWeakref_NewRef(object, callback) : NULL;
    PyErr_Clear();
    if (callback)
        Py_DecRef(callback);
    return reference ? reference : scope_none();
}

/* GIL held; allocates; never leaves an exception. 0 = too many objects, or no memory. */
uint64_t scope_object_serial(PyObject *object, bool *is_new) {
    *is_new = false;
    if (!known && !(known = PyDict_New()))
        return 0;
    PyObject *address = PyLong_FromVoidPtr(object);
    PyObject *entry = address ? PyDict_GetItemWithError(known, address) : NULL; /* borrowed */
    uint64_t serial = 0;
    if (entry) {
        serial = PyLong_AsUnsignedLongLong(PyTuple_GetItem(entry, 0));
    } else if (address && PyDict_Size(known) < MOST_OBJECTS) {
        PyObject *reference = watch_death(object, address);
        PyObject *made = Py_BuildValue("(KO)", (unsigned long long)(last_serial + 1), reference);
        if (made && PyDict_SetItem(known, address, made) == 0) {
            serial = ++last_serial;
            *is_new = true;
        }
        if (made)
            Py_DecRef(made);
        Py_DecRef(reference);
    }
    PyErr_Clear();
    if (address)
        Py_DecRef(address);
    return serial;
}

/* GIL held; releases; recording must be off. */
void scope_objects_close(void) {
    PyObject *old = known;
    known = NULL;
    last_serial = 0;
    if (old)
        Py_DecRef(old);
}
