/* Finds, by name, what this interpreter offers beyond the stable ABI. */
#include "python_api.h"

#include <dlfcn.h>

struct scope_python scope_python;

#define LOOK_UP(field, name) *(void **)&scope_python.field = dlsym(RTLD_DEFAULT, name)

/* GIL held; allocates no objects; 0 or -1 with an exception. */
int scope_python_load(void)
{
    PyObject *hexversion = PySys_GetObject("hexversion"); /* borrowed */
    unsigned long value = hexversion ? PyLong_AsUnsignedLong(hexversion) : 0;
    if (value == (unsigned long)-1 && PyErr_Occurred())
        return -1;
    scope_python.hexversion = (uint32_t)value;
    scope_python.version = (unsigned)(value >> 16);
    if (scope_python.version < 0x030a || scope_python.version > 0x030f) {
        PyErr_SetString(PyExc_RuntimeError, "Scope records CPython 3.10 to 3.15");
        return -1;
    }
    LOOK_UP(frame_back, "PyFrame_GetBack");
    LOOK_UP(frame_globals, "PyFrame_GetGlobals");
    LOOK_UP(frame_lasti, "PyFrame_GetLasti");
    LOOK_UP(set_profile, "PyEval_SetProfile");
    LOOK_UP(set_profile_on, "_PyEval_SetProfile");
    LOOK_UP(thread_head, "PyInterpreterState_ThreadHead");
    LOOK_UP(thread_next, "PyThreadState_Next");
    LOOK_UP(thread_frame, "PyThreadState_GetFrame");
    LOOK_UP(dict_add_watcher, "PyDict_AddWatcher");
    LOOK_UP(dict_clear_watcher, "PyDict_ClearWatcher");
    LOOK_UP(dict_watch, "PyDict_Watch");
    LOOK_UP(dict_unwatch, "PyDict_Unwatch");
    LOOK_UP(instance_method, "PyInstanceMethod_New");
    LOOK_UP(finalizing, "Py_IsFinalizing");
    if (!scope_python.finalizing)
        LOOK_UP(finalizing, "_Py_IsFinalizing");
    LOOK_UP(unraisable_message, "_PyErr_WriteUnraisableMsg");
    LOOK_UP(unraisable_format, "PyErr_FormatUnraisable");
    if (!scope_python.frame_back) {
        PyErr_SetString(PyExc_RuntimeError, "this interpreter does not export PyFrame_GetBack");
        return -1;
    }
    return 0;
}

/* GIL held; does not allocate; new reference to None. */
PyObject *scope_none(void)
{
    Py_IncRef(Py_None);
    return Py_None;
}

/* GIL held; allocates; new reference to bytes, empty for anything that is not exactly a str; no exception. */
PyObject *scope_utf8(PyObject *text)
{
    PyObject *bytes = NULL;
    if (text && PyUnicode_CheckExact(text))
        bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    if (!bytes) {
        PyErr_Clear();
        bytes = PyBytes_FromStringAndSize("", 0);
    }
    return bytes;
}
