/* Built-in functions of ours that the interpreter calls without the layer between.
 *
 * A call of a built-in function goes through a pointer that the object holds (PEP 590) to a function of CPython's for that
 * way of passing arguments, which looks at the arguments' names and at the depth of the recursion, and then calls what
 * the definition names. For a callback that is called twice a call and takes less than that itself, this layer is a
 * quarter of what the interpreter's part costs. So the pointer of such an object leads to the callback at once.
 * To everybody else it is the built-in function that it was.
 *
 * Layout, equal on CPython 3.10 to 3.15 (64 bit, GIL): a type states at 56 where its objects hold that pointer; a built-in
 * function at 48. The proof: the type says so, and a function of ours that is stored there is called. Where it does not
 * hold, calls go the usual way. A class of our own would do without, but `object.__subclasses__()` shows it for ever.
 *
 * Source: CPython, Include/cpython/object.h, Include/cpython/methodobject.h, Objects/methodobject.c. */
#include "hooks/direct_call.h"

#include <string.h>

#define OFFSET_IN_TYPE 56u
#define OFFSET 48u

static enum { NOT_TRIED, PROVED, DISPROVED } layout;
static uint32_t probed;

/* GIL held; does not allocate. */
static scope_direct *pointer_of(PyObject *function) {
    return (scope_direct *)(void *)((char *)function + OFFSET);
}

/* GIL held; new reference. */
static PyObject *probe(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    (void)self, (void)count, (void)names;
    probed += args[0] == Py_None;
    SCOPE_RETURN_NONE;
}

/* GIL held; new reference. Where the probe is not called directly. */
static PyObject *passed_by(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    (void)self, (void)args, (void)count, (void)names;
    SCOPE_RETURN_NONE;
}

static PyMethodDef probe_method = {"scope_probe", (PyCFunction)(void (*)(void))passed_by, METH_FASTCALL | METH_KEYWORDS,
                                   NULL};

/* GIL held; allocates; an exception stays. */
static bool is_as_expected(void) {
    Py_ssize_t offset;
    memcpy(&offset, (const char *)&PyCFunction_Type + OFFSET_IN_TYPE, sizeof offset);
    PyObject *function = offset == OFFSET ? PyCFunction_NewEx(&probe_method, NULL, NULL) : NULL;
    if (!function)
        return false;
    probed = 0;
    if (*pointer_of(function))
        *pointer_of(function) = probe;
    PyObject *result = PyObject_CallFunctionObjArgs(function, Py_None, NULL);
    Py_DecRef(function);
    if (result)
        Py_DecRef(result);
    return result && probed == 1;
}

/* GIL held; allocates at first; never leaves an exception. `function`, which was made of a definition with `called`, is
 * called directly from here on; false = as it was. */
bool scope_call_directly(PyObject *function, scope_direct called) {
    if (layout == NOT_TRIED) {
        layout = is_as_expected() ? PROVED : DISPROVED;
        PyErr_Clear();
    }
    if (layout != PROVED || Py_TYPE(function) != &PyCFunction_Type)
        return false;
    *pointer_of(function) = called;
    return true;
}
