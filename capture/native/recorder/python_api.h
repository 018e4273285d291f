/* What this interpreter offers beyond the stable ABI, found once by name.
 *
 * The extension is built for the stable ABI of 3.10 and runs on 3.10 to 3.15. Everything newer or private is looked
 * up here with dlsym and is NULL where it does not exist; callers treat NULL as "this feature is off". */
#ifndef SCOPE_PYTHON_API_H
#define SCOPE_PYTHON_API_H

#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030A0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

#define SCOPE_LIKELY(x) __builtin_expect(!!(x), 1)
#define SCOPE_UNLIKELY(x) __builtin_expect(!!(x), 0)

typedef int (*scope_tracefunc)(PyObject *, PyFrameObject *, int, PyObject *);
typedef int (*scope_dict_callback)(int event, PyObject *dict, PyObject *key, PyObject *value);

struct scope_python {
    unsigned version; /* 0x030b for 3.11 */
    uint32_t hexversion;
    PyFrameObject *(*frame_back)(PyFrameObject *);                       /* new reference */
    PyObject *(*frame_globals)(PyFrameObject *);                         /* new reference; 3.11+ */
    int (*frame_lasti)(PyFrameObject *);                                 /* byte offset; 3.11+ */
    void (*set_profile)(scope_tracefunc, PyObject *);                    /* own thread */
    int (*set_profile_on)(PyThreadState *, scope_tracefunc, PyObject *); /* any thread; 3.9 to 3.13 */
    PyThreadState *(*thread_head)(PyInterpreterState *);
    PyThreadState *(*thread_next)(PyThreadState *);
    PyFrameObject *(*thread_frame)(PyThreadState *); /* new reference */
    int (*dict_add_watcher)(scope_dict_callback); /* the four of 3.12+ */
    int (*dict_clear_watcher)(int);
    int (*dict_watch)(int, PyObject *);
    int (*dict_unwatch)(int, PyObject *);
    PyObject *(*instance_method)(PyObject *); /* new reference */
    int (*finalizing)(void);
    void (*unraisable_message)(const char *, PyObject *); /* to 3.12 */
    void (*unraisable_format)(const char *, ...);         /* 3.13+ */
};

extern struct scope_python scope_python;

/* These macros of older headers would count immortal objects up and down without looking; a recorder that returns
 * None a billion times would wear them out. Only the functions know how the running interpreter counts. */
#undef Py_INCREF
#undef Py_DECREF
#undef Py_XINCREF
#undef Py_XDECREF
#undef Py_CLEAR
#undef Py_RETURN_NONE
#define Py_INCREF use_Py_IncRef
#define Py_DECREF use_Py_DecRef
#define SCOPE_RETURN_NONE return scope_none()

int scope_python_load(void);
PyObject *scope_none(void);
PyObject *scope_utf8(PyObject *text);

#endif
