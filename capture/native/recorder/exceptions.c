/* Exception types as small numbers, and which raises are worth an event. */
#include "exceptions.h"

#include "defs.h"
#include "typenames.h"

#include <stdlib.h>
#include <string.h>

#define TYPE_SLOTS 4096u /* open addressing, at most half full; later types have no number */

static PyObject *types[TYPE_SLOTS]; /* strong */
static uint16_t ids[TYPE_SLOTS];
static uint32_t type_count;

/* GIL held; releases types, which may run finalizers: hooks must be inactive. */
void scope_exceptions_close(void) {
    for (uint32_t i = 0; i < TYPE_SLOTS; i++) {
        PyObject *type = types[i];
        types[i] = NULL;
        if (type)
            Py_DecRef(type);
    }
    type_count = 0;
}

/* GIL held; allocates at the first sight of a type; never leaves an exception. 0 = no number. */
uint32_t scope_exception_id(PyObject *exception) {
    if (!exception)
        return 0;
    PyObject *type = (PyObject *)Py_TYPE(exception);
    uint32_t at = (uint32_t)(((uint64_t)(uintptr_t)type >> 4) * 0x9E3779B97F4A7C15u >> 52);
    for (; types[at]; at = (at + 1) % TYPE_SLOTS)
        if (types[at] == type)
            return ids[at];
    if (type_count >= TYPE_SLOTS / 2)
        return 0;
    char name[SCOPE_TYPE_NAME_BYTES];
    scope_type_name((PyTypeObject *)type, name);
    if (!scope_define(SCOPE_DEF_EXCEPTION, type_count + 1, (const char *[]){name}, 1))
        return 0;
    Py_IncRef(type);
    types[at] = type;
    return ids[at] = (uint16_t)++type_count;
}

/* GIL held; allocates nothing that lasts; never leaves an exception. Whether this raise starts an exception's way, as
 * the interpreter tells of it again in every frame that it passes. `recorded_here` = this frame is recorded.
 *
 * An exception that has passed no other frame yet has a traceback of one entry. With a longer one it is either on its
 * way (the same object as last time) or raised again from somewhere it was kept: that counts once per thread. Holding
 * a reference instead would keep the user's exceptions, and all their frames, alive. */
bool scope_exception_is_new(struct scope_writer *w, PyObject *exception, bool recorded_here) {
    if (!PyExceptionInstance_Check(exception))
        return false;
    PyTypeObject *type = Py_TYPE(exception);
    if (PyType_IsSubtype(type, (PyTypeObject *)PyExc_StopIteration) ||
        PyType_IsSubtype(type, (PyTypeObject *)PyExc_StopAsyncIteration) ||
        PyType_IsSubtype(type, (PyTypeObject *)PyExc_GeneratorExit))
        return false; /* how loops end, not something that went wrong */
    PyObject *traceback = PyException_GetTraceback(exception);
    PyObject *next = traceback ? PyObject_GetAttrString(traceback, "tb_next") : NULL;
    bool first_frame = !next || next == Py_None;
    PyErr_Clear();
    if (next)
        Py_DecRef(next);
    if (traceback)
        Py_DecRef(traceback);
    bool known = !first_frame && w->last_exception == exception;
    w->last_exception = recorded_here ? exception : known ? exception : NULL;
    return recorded_here && !known;
}
