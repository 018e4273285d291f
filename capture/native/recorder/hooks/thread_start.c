/* Seeing threads start and end: C wrappers around the functions that start them.
 *
 * The wrapper gives the real function a C callable that registers the new thread, calls what the user wanted called and
 * writes the end before anyone's join() can return. Being C, it adds no line to a traceback. Attributes that are not
 * the interpreter's own function any more (gevent, another tool) are left alone, also when restoring. A wrapper that
 * somebody kept works for ever: without a recording it only passes on. */
#include "hooks/thread_start.h"

#include "hooks/profile.h"
#include "track_list.h"
#include "tracks.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static PyObject *start_with(PyObject *original, PyObject *args, PyObject *kwargs);
static PyObject *call_start_new(PyObject *self, PyObject *args, PyObject *kwargs);

static struct patch {
    const char *module, *attribute, *original_name;
    PyObject *original, *wrapper; /* strong while patched */
} patches[] = {
    {"_thread", "start_new_thread", "start_new_thread", NULL, NULL},
    {"_thread", "start_new", "start_new", NULL, NULL},
    {"_thread", "start_joinable_thread", "start_joinable_thread", NULL, NULL},
    {"threading", "_start_new_thread", "start_new_thread", NULL, NULL},
    {"threading", "_start_joinable_thread", "start_joinable_thread", NULL, NULL},
};

#define PATCHES (sizeof patches / sizeof *patches)

/* GIL held; allocates; "" in `name` when the target is no Thread's method. Reads past any __getattr__ of a subclass. */
static void name_of_thread(PyObject *function, char *name, size_t size, bool *daemon) {
    static const char *const attributes[] = {"_name", "_daemonic"};
    PyObject *owner = Py_TYPE(function) == &PyCFunction_Type ? NULL : PyObject_GetAttrString(function, "__self__");
    name[0] = 0;
    *daemon = true;
    for (int i = 0; owner && i < 2; i++) {
        PyObject *key = PyUnicode_FromString(attributes[i]);
        PyObject *value = key ? PyObject_GenericGetAttr(owner, key) : NULL;
        PyErr_Clear();
        if (value && i == 0) {
            PyObject *bytes = scope_utf8(value);
            if (bytes)
                snprintf(name, size, "%s", PyBytes_AsString(bytes));
            if (bytes)
                Py_DecRef(bytes);
        } else if (value) {
            *daemon = value == Py_True;
        }
        if (value)
            Py_DecRef(value);
        if (key)
            Py_DecRef(key);
    }
    PyErr_Clear();
    if (owner)
        Py_DecRef(owner);
}

/* GIL held; takes the lock; allocates; never leaves an exception. First thing on the new thread. */
static void register_thread(PyObject *function, uint32_t serial) {
    const uint32_t os_tid = (uint32_t)syscall(SYS_gettid);
    int collecting = PyGC_Disable();
    struct scope_writer *w = scope_track_new(pthread_self(), os_tid, serial);
    if (w) {
        char name[256];
        bool daemon;
        name_of_thread(function, name, sizeof name, &daemon);
        if (!name[0])
            snprintf(name, sizeof name, "native-%u", os_tid);
        scope_track_begin(w, name, daemon, false);
    }
    if (collecting)
        PyGC_Enable();
    if (scope_python.version < 0x030c)
        scope_profile_hook_this_thread();
}

/* GIL held; allocates; the exception is taken. What the interpreter does when a thread's function fails, with the
 * user's function named instead of ours. */
static void report_failure(PyObject *function) {
    if (PyErr_ExceptionMatches(PyExc_SystemExit))
        PyErr_Clear();
    else if (scope_python.unraisable_format)
        scope_python.unraisable_format("Exception ignored in thread started by %R", function);
    else if (scope_python.unraisable_message)
        scope_python.unraisable_message("in thread started by", function);
    else
        PyErr_WriteUnraisable(function);
}

/* GIL held; runs the user's code; new reference. `self`: (function, serial, recording). */
static PyObject *boot(PyObject *self, PyObject *args, PyObject *kwargs) {
    PyObject *function = PyTuple_GetItem(self, 0); /* borrowed */
    uint32_t serial = (uint32_t)PyLong_AsUnsignedLong(PyTuple_GetItem(self, 1));
    uint32_t session = (uint32_t)PyLong_AsUnsignedLong(PyTuple_GetItem(self, 2));
    if (scope_active && session == scope_session)
        register_thread(function, serial);
    PyObject *result = PyObject_Call(function, args, kwargs);
    if (!result) {
        report_failure(function);
        result = scope_none();
    }
    if (scope_python.version < 0x030c)
        scope_profile_unhook_this_thread();
    struct scope_writer *w = scope_active ? scope_track_find(pthread_self()) : NULL;
    if (w)
        scope_track_end(w);
    return result;
}

static PyMethodDef boot_method = {"scope_thread", (PyCFunction)(void (*)(void))boot, METH_VARARGS | METH_KEYWORDS,
                                  NULL};

/* GIL held; allocates; new reference or NULL with an exception. The callable that takes `function`'s place. */
static PyObject *booted(PyObject *function, uint32_t serial) {
    PyObject *closure = Py_BuildValue("(OII)", function, serial, scope_session);
    PyObject *callable = closure ? PyCFunction_NewEx(&boot_method, closure, NULL) : NULL;
    if (closure)
        Py_DecRef(closure);
    return callable;
}

/* GIL held; allocates; new reference or NULL with an exception. `args` with another first item. */
static PyObject *with_first(PyObject *args, PyObject *first) {
    Py_ssize_t count = PyTuple_Size(args);
    PyObject *changed = PyTuple_New(count);
    for (Py_ssize_t i = 0; changed && i < count; i++) {
        PyObject *item = i == 0 ? first : PyTuple_GetItem(args, i);
        Py_IncRef(item);
        PyTuple_SetItem(changed, i, item); /* steals */
    }
    return changed;
}

/* GIL held; starts a thread; new reference. Calls `original` as the user did, with the function to run wrapped.
 *
 * THREAD_START carries the time before the call, since the child may be running when the call returns, but is written
 * only after it: a thread that could not be started never was. */
static PyObject *start_with(PyObject *original, PyObject *args, PyObject *kwargs) {
    PyObject *keyword = kwargs ? PyDict_GetItemString(kwargs, "function") : NULL; /* borrowed */
    PyObject *function = PyTuple_Size(args) > 0 ? PyTuple_GetItem(args, 0) : keyword;
    struct scope_writer *w = scope_active && function && PyCallable_Check(function) && scope_tls != &scope_muted
                                 ? scope_writer_of_this_thread(NULL)
                                 : NULL;
    if (!w || w->ended)
        return PyObject_Call(original, args, kwargs);
    const uint32_t session = scope_session, serial = scope_track_next_serial();
    PyObject *result = NULL, *new_args = NULL, *new_kwargs = NULL;
    PyObject *callable = booted(function, serial);
    if (callable && PyTuple_Size(args) > 0) {
        new_args = with_first(args, callable);
        new_kwargs = kwargs;
    } else if (callable) {
        new_args = PyTuple_New(0);
        new_kwargs = PyDict_Copy(kwargs);
        if (new_kwargs && PyDict_SetItemString(new_kwargs, "function", callable) != 0)
            goto done;
    }
    const uint64_t before = scope_ticks(), produced = scope_produced(w);
    if (new_args && (new_kwargs || !kwargs))
        result = PyObject_Call(original, new_args, new_kwargs);
    if (result && scope_active && session == scope_session && !w->ended) {
        uint64_t ticks = produced == scope_produced(w) ? before : scope_ticks();
        if (!scope_write_life(w, ticks, serial, scope_head(SCOPE_THREAD_START, 0, 0)))
            scope_drop(w, SCOPE_GAP_POOL_FULL);
    }
done:
    if (callable)
        Py_DecRef(callable);
    if (new_args)
        Py_DecRef(new_args);
    if (new_kwargs && new_kwargs != kwargs)
        Py_DecRef(new_kwargs);
    return result;
}

/* GIL held; starts a thread; new reference. `self`: the original function. */
static PyObject *call_start_new(PyObject *self, PyObject *args, PyObject *kwargs) {
    return start_with(self, args, kwargs);
}

static PyMethodDef wrapper_methods[] = {
    {"start_new_thread", (PyCFunction)(void (*)(void))call_start_new, METH_VARARGS | METH_KEYWORDS, NULL},
    {"start_new", (PyCFunction)(void (*)(void))call_start_new, METH_VARARGS | METH_KEYWORDS, NULL},
    {"start_joinable_thread", (PyCFunction)(void (*)(void))call_start_new, METH_VARARGS | METH_KEYWORDS, NULL},
};

/* GIL held; does not allocate; borrowed or NULL without an exception. The dict of a module that is loaded. */
static PyObject *dict_of(const char *module) {
    PyObject *modules = PySys_GetObject("modules");
    PyObject *found = modules ? PyDict_GetItemString(modules, module) : NULL;
    return found && PyModule_Check(found) ? PyModule_GetDict(found) : NULL;
}

/* GIL held; allocates; new reference or NULL. The wrapper that already replaces `original` in another module. */
static PyObject *wrapper_for(PyObject *original, const char *name) {
    for (size_t i = 0; i < PATCHES; i++)
        if (patches[i].original == original) {
            Py_IncRef(patches[i].wrapper);
            return patches[i].wrapper;
        }
    PyObject *module_name = PyUnicode_FromString("_thread");
    PyObject *wrapper = NULL;
    for (size_t i = 0; module_name && i < sizeof wrapper_methods / sizeof *wrapper_methods; i++)
        if (strcmp(wrapper_methods[i].ml_name, name) == 0)
            wrapper = PyCFunction_NewEx(&wrapper_methods[i], original, module_name);
    if (module_name)
        Py_DecRef(module_name);
    return wrapper;
}

/* GIL held; does not allocate. Whether `function` is the interpreter's own: a built-in of _thread, of that name. */
static bool is_untouched(PyObject *function, const char *name) {
    return function && Py_TYPE(function) == &PyCFunction_Type &&
           PyCFunction_GetFunction(function) != (PyCFunction)(void (*)(void))call_start_new && name[0];
}

/* GIL held; allocates; never leaves an exception. May be called again: picks up a threading module loaded later. */
void scope_thread_start_look(void) {
    for (size_t i = 0; i < PATCHES; i++) {
        struct patch *patch = &patches[i];
        PyObject *dict = patch->original ? NULL : dict_of(patch->module);
        PyObject *present = dict ? PyDict_GetItemString(dict, patch->attribute) : NULL; /* borrowed */
        if (!is_untouched(present, patch->original_name))
            continue;
        Py_IncRef(present);
        PyObject *wrapper = wrapper_for(present, patch->original_name);
        if (wrapper && PyDict_SetItemString(dict, patch->attribute, wrapper) == 0) {
            patch->original = present;
            patch->wrapper = wrapper;
        } else {
            Py_DecRef(present);
            if (wrapper)
                Py_DecRef(wrapper);
        }
        PyErr_Clear();
    }
}

/* GIL held; allocates; 0. Nothing that cannot be wrapped keeps a recording from beginning: its threads are met later. */
int scope_thread_start_put(void) {
    scope_thread_start_look();
    return 0;
}

/* GIL held; never leaves an exception. A module that was loaded while we were in place took our wrapper over under its
 * own name; it is put back there too. */
void scope_thread_start_undo(void) {
    for (size_t i = 0; i < PATCHES; i++) {
        PyObject *dict = dict_of(patches[i].module);
        PyObject *present = dict ? PyDict_GetItemString(dict, patches[i].attribute) : NULL;
        if (present && Py_TYPE(present) == &PyCFunction_Type &&
            PyCFunction_GetFunction(present) == (PyCFunction)(void (*)(void))call_start_new)
            PyDict_SetItemString(dict, patches[i].attribute, PyCFunction_GetSelf(present));
        PyErr_Clear();
    }
    for (size_t i = 0; i < PATCHES; i++) {
        if (patches[i].original)
            Py_DecRef(patches[i].original);
        if (patches[i].wrapper)
            Py_DecRef(patches[i].wrapper);
        patches[i].original = patches[i].wrapper = NULL;
    }
}
