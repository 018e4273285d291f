/* Greenlets: several stacks that take turns on one thread.
 *
 * No hook of the interpreter tells a switch, but greenlet calls a function after each one, where one is set with
 * greenlet.settrace(), per thread and only by that thread. So ours is set at the thread's first event after greenlet was
 * loaded, in front of one that is there already. At a switch the recorded calls of the stack that is left are suspended and
 * those of the other one resumed, so that calls nest truly and a track's stack is always that of the running greenlet.
 *
 * Where switches may have gone unseen the track is blind (blindness.c): when threads had used greenlets before the recording
 * began, until their first event; and when somebody replaced our function, since we last saw it in place.
 *
 * It stays set after the recording, on threads that cannot be reached, and takes itself out at their next switch. */
#include "hooks/greenlets.h"

#include "blindness.h"
#include "hooks/collector.h"
#include "filter.h"
#include "snapshot.h"
#include "track_list.h"
#include "tracks.h"
#include "unseen.h"
#include "upward.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static PyObject *module; /* greenlet, strong, or NULL while it is not there */
static bool cannot_follow;
static bool watching; /* we are in greenlet's functions, which may call hooks */
static uint64_t last_sweep_ticks;

static PyObject *on_switch(PyObject *self, PyObject *const *args, Py_ssize_t count);
static PyMethodDef method = {"scope_switch", (PyCFunction)(void (*)(void))on_switch, METH_FASTCALL, NULL};

/* GIL held; does not allocate. */
static bool is_ours(PyObject *function) {
    return function && Py_TYPE(function) == &PyCFunction_Type &&
           PyCFunction_GetFunction(function) == (PyCFunction)(void (*)(void))on_switch;
}

/* GIL held; allocates; new reference or NULL, without an exception. */
static PyObject *attribute(PyObject *object, const char *name) {
    PyObject *value = object ? PyObject_GetAttrString(object, name) : NULL;
    PyErr_Clear();
    return value;
}

/* GIL held; allocates; new reference or NULL, without an exception. */
static PyObject *call(const char *name, PyObject *argument) {
    PyObject *function = attribute(module, name);
    PyObject *result = function ? PyObject_CallFunctionObjArgs(function, argument, NULL) : NULL;
    PyErr_Clear();
    if (function)
        Py_DecRef(function);
    return result;
}

/* GIL held; allocates. Suspended frames of greenlet before 3.0.2 cannot be walked on 3.12 and later. */
static bool frames_are_walkable(void) {
    PyObject *version = attribute(module, "__version__");
    PyObject *bytes = scope_utf8(version);
    const char *text = bytes ? PyBytes_AsString(bytes) : "";
    const bool old = strncmp(text, "0.", 2) == 0 || strncmp(text, "1.", 2) == 0 || strncmp(text, "2.", 2) == 0 ||
                     strcmp(text, "3.0.0") == 0 || strcmp(text, "3.0.1") == 0;
    if (version)
        Py_DecRef(version);
    if (bytes)
        Py_DecRef(bytes);
    PyErr_Clear();
    return scope_python.version < 0x030c || !old;
}

/* GIL held; allocates nothing that the collector sees. Whether greenlet is there, finished, with all that is needed. */
static bool find_module(void) {
    if (module)
        return true;
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    PyObject *found = modules && PyDict_Check(modules) ? PyDict_GetItemString(modules, "greenlet") : NULL;
    PyObject *settrace = attribute(found, "settrace");
    PyObject *current = attribute(found, "getcurrent");
    PyObject *version = attribute(found, "__version__");
    if (settrace && current && version) {
        module = found;
        Py_IncRef(module);
        cannot_follow = !frames_are_walkable();
    }
    PyObject *parts[] = {settrace, current, version};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    return module != NULL;
}

/* GIL held; allocates. Whether any thread has used greenlets already. Importing alone does not count. */
static bool are_in_use(void) {
    PyObject *native = attribute(module, "_greenlet");
    PyObject *function = attribute(native, "get_total_main_greenlets");
    PyObject *count = function ? PyObject_CallNoArgs(function) : NULL;
    const bool none = count && PyLong_Check(count) && PyLong_AsLong(count) == 0;
    PyErr_Clear();
    PyObject *parts[] = {native, function, count};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    return !none;
}

/* GIL held; allocates; new reference or NULL. The frame in which a suspended greenlet stands. */
static PyFrameObject *frame_of(PyObject *greenlet) {
    PyObject *frame = attribute(greenlet, "gr_frame");
    if (frame && Py_TYPE(frame) != dlsym(RTLD_DEFAULT, "PyFrame_Type")) {
        Py_DecRef(frame);
        return NULL;
    }
    return (PyFrameObject *)frame;
}

/* GIL held; allocates with the collector off; no exception. Appends the code of a suspended stack to `codes`. */
static void add_codes(PyObject *codes, PyFrameObject *frame) {
    while (frame) {
        PyObject *code = (PyObject *)PyFrame_GetCode(frame);
        PyList_Append(codes, code);
        Py_DecRef(code);
        PyFrameObject *caller = scope_python.frame_back(frame);
        Py_DecRef((PyObject *)frame);
        frame = caller;
    }
    PyErr_Clear();
}

/* GIL held; allocates with the collector off; new reference, NULL without an exception where there is none. The code that
 * stands in suspended greenlets: of no thread's stack, so nothing that changes code for the threads finds it. */
PyObject *scope_greenlets_codes(void) {
    if (!find_module() || cannot_follow || !are_in_use())
        return NULL;
    int collecting = PyGC_Disable();
    PyObject *type = attribute(module, "greenlet"), *codes = PyList_New(0), *all = scope_collector_objects();
    for (Py_ssize_t i = 0, count = all && codes ? PyList_Size(all) : 0; i < count; i++) {
        PyObject *object = PyList_GetItem(all, i); /* borrowed */
        if (type && PyType_Check(type) && PyObject_TypeCheck(object, (PyTypeObject *)type))
            add_codes(codes, frame_of(object));
    }
    PyErr_Clear();
    if (type)
        Py_DecRef(type);
    if (all)
        Py_DecRef(all);
    if (collecting)
        PyGC_Enable();
    return codes;
}

/* GIL held; allocates; new reference or NULL. The stack that a thread began with. */
static PyObject *root_of(PyObject *greenlet) {
    Py_IncRef(greenlet);
    for (;;) {
        PyObject *parent = attribute(greenlet, "parent");
        if (!parent || parent == Py_None) {
            if (parent)
                Py_DecRef(parent);
            return greenlet;
        }
        Py_DecRef(greenlet);
        greenlet = parent;
    }
}

/* GIL held; takes the tracks' lock. Sends the next event of every thread through the slow path, where it can be looked
 * after its switch function. */
static void ask_all(void) {
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w))
        if (w->session == scope_session && !w->ended)
            w->limit = 0;
    scope_tracks_unlock();
}

/* GIL held; may reserve file space. What runs on threads that used greenlets is not known since then. */
static void doubt_all(uint64_t since_ticks) {
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w))
        if (w->session == scope_session && !w->ended && !w->follows_greenlets)
            scope_blind(w, SCOPE_GAP_GREENLETS_NOT_FOLLOWED, since_ticks);
    scope_tracks_unlock();
}

/* GIL held; does not allocate. The calling thread's name as far as it is known here. */
static void tell_unseen(const struct scope_writer *w) {
    char name[32];
    snprintf(name, sizeof name, "thread %u", w->os_tid);
    scope_unseen("greenlets", name);
}

/* GIL held; allocates. A switch on the calling thread, from another greenlet to the running one. */
static void tell_switch(struct scope_writer *w, PyObject *from, PyObject *entering) {
    PyFrameObject *frame = frame_of(from);
    scope_switch_stacks(w, frame, PyEval_GetFrame(), entering);
    if (frame)
        Py_DecRef((PyObject *)frame);
}

/* GIL held; allocates; false when greenlet does not want it. Puts our function before the one that is there, if any. */
static bool set_function(PyObject *present) {
    PyObject *function = PyCFunction_NewEx(&method, present && present != Py_None ? present : NULL, NULL);
    PyObject *before = function ? call("settrace", function) : NULL;
    const bool done = before != NULL;
    if (before)
        Py_DecRef(before);
    if (function)
        Py_DecRef(function);
    PyErr_Clear();
    return done;
}

/* GIL held; allocates. The first look at this thread. */
static void begin_to_follow(struct scope_writer *w, PyObject *entering, bool stack_told) {
    PyObject *current = call("getcurrent", NULL);
    PyObject *root = current ? root_of(current) : NULL;
    if (w->blind == SCOPE_GAP_GREENLETS_NOT_FOLLOWED) {
        scope_see_again(w, SCOPE_GAP_GREENLETS_NOT_FOLLOWED, 0);
        if (!stack_told)
            scope_snapshot_own(w, SCOPE_SNAPSHOT_GAP, entering);
    } else if (root && root != current && !stack_told) {
        tell_switch(w, root, entering); /* until now nothing of another greenlet has been recorded */
    }
    if (current)
        Py_DecRef(current);
    if (root)
        Py_DecRef(root);
}

/* GIL held; allocates; never leaves an exception; the collector is off: nothing else may run here. */
static void watch(struct scope_writer *w, PyObject *entering, bool stack_told) {
    PyObject *present = call("gettrace", NULL);
    const bool in_place = is_ours(present);
    const bool followed = w->follows_greenlets;
    w->follows_greenlets = true;
    if (!in_place && !set_function(present)) {
        scope_blind(w, SCOPE_GAP_GREENLETS_NOT_FOLLOWED, scope_ticks());
        tell_unseen(w);
    } else if (!followed) {
        begin_to_follow(w, entering, stack_told);
    } else if (!in_place) {
        tell_unseen(w);
        scope_see_again(w, SCOPE_GAP_GREENLETS_NOT_FOLLOWED, w->greenlets_ticks);
        scope_snapshot_own(w, SCOPE_SNAPSHOT_GAP, entering);
    }
    w->greenlets_ticks = scope_ticks();
    if (present)
        Py_DecRef(present);
}

/* GIL held; allocates; never leaves an exception. See scope_follow_greenlets(). */
void scope_greenlets_watch(struct scope_writer *w, PyObject *entering, bool stack_told) {
    if (watching || w->quiet || w->ended || !scope_features.calls || !find_module())
        return;
    watching = true;
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    int collecting = PyGC_Disable();
    if (!cannot_follow) {
        watch(w, entering, stack_told);
    } else if (are_in_use()) {
        scope_blind(w, SCOPE_GAP_GREENLETS_NOT_FOLLOWED, last_sweep_ticks);
        tell_unseen(w);
    }
    w->follows_greenlets = true;
    w->limit = scope_limit(w);
    if (collecting)
        PyGC_Enable();
    PyErr_Restore(type, value, traceback);
    watching = false;
}

/* GIL held; allocates. Takes our function out from the thread that calls. */
static void leave_thread(PyObject *self) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    PyObject *greenlet = modules && PyDict_Check(modules) ? PyDict_GetItemString(modules, "greenlet") : NULL;
    PyObject *get = attribute(greenlet, "gettrace"), *set = attribute(greenlet, "settrace");
    PyObject *present = get ? PyObject_CallNoArgs(get) : NULL;
    if (is_ours(present) && set) {
        PyObject *before = self ? self : PyCFunction_GetSelf(present); /* borrowed */
        PyObject *old = PyObject_CallFunctionObjArgs(set, before ? before : Py_None, NULL);
        if (old)
            Py_DecRef(old);
    }
    PyErr_Clear();
    PyObject *parts[] = {get, set, present};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; allocates; new reference, or NULL with the exception of the function that was there before ours (`self`).
 * greenlet calls it after a switch, in the greenlet that runs now, with hooks off: (event, (origin, target)). */
static PyObject *on_switch(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (scope_active && scope_tls != &scope_muted) {
        struct scope_writer *known = scope_tls;
        struct scope_writer *w = scope_writer_of_this_thread(NULL);
        if (w && w == known && w->follows_greenlets && !w->quiet && !w->ended && !w->switching && count == 2 &&
            PyTuple_Check(args[1]) && PyTuple_Size(args[1]) == 2) {
            w->greenlets_ticks = scope_ticks();
            w->switching = true; /* an older one of ours may be behind the function before this one */
            tell_switch(w, PyTuple_GetItem(args[1], 0), NULL);
            w->switching = false;
        } else if (w) {
            scope_follow_greenlets(w, NULL, w != known);
        }
        PyErr_Clear();
    } else if (!scope_active) {
        leave_thread(self);
    }
    if (!self)
        SCOPE_RETURN_NONE;
    PyObject *all = PyTuple_New(count);
    for (Py_ssize_t i = 0; all && i < count; i++) {
        Py_IncRef(args[i]);
        PyTuple_SetItem(all, i, args[i]);
    }
    PyObject *result = all ? PyObject_CallObject(self, all) : NULL;
    if (all)
        Py_DecRef(all);
    return result;
}

/* GIL held; takes the tracks' lock. greenlet is being imported: its first code runs. */
void scope_greenlets_appear(void) {
    if (scope_greenlets_loaded || !scope_active || !scope_features.calls)
        return;
    scope_greenlets_loaded = true;
    ask_all();
}

/* GIL held; allocates; may reserve file space. After the first stacks have been written. */
void scope_greenlets_begin(PyObject *frames) {
    (void)frames;
    last_sweep_ticks = scope_ticks();
    scope_greenlets_loaded = scope_features.calls && find_module();
    if (!scope_greenlets_loaded)
        return;
    ask_all();
    if (are_in_use())
        doubt_all(last_sweep_ticks);
}

/* GIL held; allocates; may reserve file space. Four times a second. */
void scope_greenlets_sweep(PyObject *frames) {
    (void)frames;
    if (!scope_features.calls)
        return;
    if (!scope_greenlets_loaded && find_module()) { /* its import was not seen */
        scope_greenlets_loaded = true;
        if (are_in_use())
            doubt_all(last_sweep_ticks);
    }
    if (scope_greenlets_loaded)
        ask_all();
    last_sweep_ticks = scope_ticks();
}

/* GIL held, on the main thread. */
static int leave_main_thread(void *unused) {
    (void)unused;
    if (!scope_active)
        leave_thread(NULL);
    return 0;
}

/* GIL held; allocates; never leaves an exception. */
void scope_greenlets_undo(void) {
    if (module) {
        Py_AddPendingCall(leave_main_thread, NULL);
        Py_DecRef(module);
    }
    module = NULL;
    scope_greenlets_loaded = false;
}
