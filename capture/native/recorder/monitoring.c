/* The hooks of 3.12 and later: sys.monitoring with C callbacks.
 *
 * Enter = start, resume, throw; leave = return, yield, unwind. Code that the filter leaves out answers DISABLE, after
 * which it costs nothing. There is no C API to register callbacks: they are C functions handed to sys.monitoring.
 * A callback returns None without counting it: None is immortal from 3.12 on. It never leaves an exception. */
#include "monitoring.h"

#include "exceptions.h"
#include "greenlets.h"
#include "joins.h"
#include "sites.h"
#include "tracks.h"

#include <string.h>

static int tool = -1;
static PyObject *disable;
static bool recording_calls;

/* GIL held; does not allocate; new reference (immortal). */
static PyObject *answer_disable(void) {
    Py_IncRef(disable);
    return disable;
}

/* GIL held; allocates at first sight; borrowed or NULL. */
static const struct scope_code *learn(PyObject *code) {
    if (!scope_active || scope_tls == &scope_muted || (scope_python.finalizing && scope_python.finalizing()))
        return NULL;
    return scope_code_learn(code, PyEval_GetGlobals());
}

/* GIL held; may allocate; new reference. Every enter or leave that is not plain recorded code. */
static PyObject *unusual(PyObject *code, const struct scope_code *known, uint32_t kind) {
    const bool entering = kind <= SCOPE_THROW;
    if (SCOPE_UNLIKELY(!scope_active || scope_tls == &scope_muted)) {
        scope_write_slowly(0, 0, NULL); /* a forked child takes its hooks out here */
        return Py_None;
    }
    if (!known) {
        known = learn(code);
        scope_greenlets_attend(entering ? code : NULL);
    }
    if (!known)
        return Py_None;
    const uint32_t site = known->site, flags = known->flags; /* the entry moves when another code object dies */
    if ((flags & SCOPE_CODE_JOIN) && !entering)
        scope_join_ends((PyObject *)PyEval_GetFrame());
    if (site && recording_calls)
        scope_write(site, scope_head(kind, 0, 0), entering ? code : NULL);
    if ((flags & SCOPE_CODE_JOIN) && entering)
        scope_join_begins((PyObject *)PyEval_GetFrame());
    if (flags & SCOPE_CODE_JOIN)
        return Py_None;
    if (flags & SCOPE_CODE_OVERFLOW) {
        scope_drop_unknown_site();
        return Py_None;
    }
    return site && recording_calls ? Py_None : answer_disable();
}

#define PLAIN(known) ((known)->site && !((known)->flags & ~SCOPE_CODE_GENERATOR) && recording_calls)

/* GIL held; allocates only when a chunk is full or the code is new; new reference. The five local events. */
#define LOCAL_EVENT(name, kind, is_entering)                                                                           \
    static PyObject *name(PyObject *self, PyObject *const *args, Py_ssize_t count) {                                   \
        (void)self, (void)count;                                                                                       \
        const struct scope_code *known = scope_code_find(args[0]);                                                     \
        if (SCOPE_UNLIKELY(!known || !PLAIN(known)))                                                                   \
            return unusual(args[0], known, kind);                                                                      \
        scope_write(known->site, scope_head(kind, 0, 0), is_entering ? args[0] : NULL);                                \
        return Py_None;                                                                                                \
    }

LOCAL_EVENT(on_start, SCOPE_CALL, true)
LOCAL_EVENT(on_resume, SCOPE_RESUME, true)
LOCAL_EVENT(on_return, SCOPE_RETURN, false)
LOCAL_EVENT(on_yield, SCOPE_YIELD, false)

/* GIL held; may allocate; new reference. Cannot answer DISABLE before 3.14. */
static PyObject *on_throw(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self, (void)count;
    const struct scope_code *known = scope_code_find(args[0]);
    if (!known && !(known = learn(args[0])))
        return Py_None;
    const uint32_t site = known->site;
    if (known->flags & SCOPE_CODE_OVERFLOW)
        scope_drop_unknown_site();
    else if (site)
        scope_write(site, scope_head(SCOPE_THROW, 0, scope_exception_id(args[2])), args[0]);
    return Py_None;
}

/* GIL held; may allocate; new reference. Code never seen before was entered before the recording, unrecorded. */
static PyObject *on_unwind(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self, (void)count;
    const struct scope_code *known = scope_code_find(args[0]);
    if (!known || !scope_active || scope_tls == &scope_muted)
        return Py_None;
    const uint32_t site = known->site, flags = known->flags;
    if (flags & SCOPE_CODE_JOIN)
        scope_join_ends((PyObject *)PyEval_GetFrame());
    if (site && scope_tls && scope_tls->session == scope_session)
        scope_exception_leaves(scope_tls, args[2]);
    if (site && recording_calls)
        scope_write(site, scope_head(SCOPE_UNWIND, 0, scope_exception_id(args[2])), NULL);
    else if (flags & SCOPE_CODE_OVERFLOW)
        scope_drop_unknown_site();
    return Py_None;
}

/* GIL held; may allocate; new reference. */
static PyObject *on_raise(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    (void)self, (void)count;
    if (!scope_active || scope_tls == &scope_muted)
        return Py_None;
    const struct scope_code *known = scope_code_find(args[0]);
    if (!known && !(known = learn(args[0])))
        return Py_None;
    if (!known->site) {
        if (scope_tls && scope_tls->session == scope_session)
            scope_exception_passes(scope_tls, args[2]);
        return Py_None;
    }
    const uint32_t site = known->site;
    struct scope_writer *w = scope_writer_of_this_thread(NULL);
    if (w && scope_exception_is_new(w, args[2]))
        scope_write(site, scope_head(SCOPE_RAISE, 0, scope_exception_id(args[2])), NULL);
    return Py_None;
}

static struct {
    const char *event;
    PyMethodDef method;
    bool for_calls, for_raises; /* wanted when calls, when raises are recorded; joins need start, return and unwind */
} hooks[] = {
    {"PY_START", {"py_start", (PyCFunction)(void (*)(void))on_start, METH_FASTCALL, NULL}, true, true},
    {"PY_RESUME", {"py_resume", (PyCFunction)(void (*)(void))on_resume, METH_FASTCALL, NULL}, true, false},
    {"PY_THROW", {"py_throw", (PyCFunction)(void (*)(void))on_throw, METH_FASTCALL, NULL}, true, false},
    {"PY_RETURN", {"py_return", (PyCFunction)(void (*)(void))on_return, METH_FASTCALL, NULL}, true, true},
    {"PY_YIELD", {"py_yield", (PyCFunction)(void (*)(void))on_yield, METH_FASTCALL, NULL}, true, false},
    {"PY_UNWIND", {"py_unwind", (PyCFunction)(void (*)(void))on_unwind, METH_FASTCALL, NULL}, true, true},
    {"RAISE", {"raise", (PyCFunction)(void (*)(void))on_raise, METH_FASTCALL, NULL}, false, false},
};

#define HOOKS (sizeof hooks / sizeof *hooks)

/* GIL held; allocates; borrowed or NULL with an exception. The sys.monitoring namespace. */
static PyObject *monitoring(void) {
    PyObject *namespace = PySys_GetObject("monitoring");
    if (!namespace)
        PyErr_SetString(PyExc_RuntimeError, "this interpreter has no sys.monitoring");
    return namespace;
}

/* GIL held; allocates. The number of an event, 0 with an exception. */
static long event_bit(PyObject *namespace, const char *event) {
    PyObject *events = PyObject_GetAttrString(namespace, "events");
    PyObject *value = events ? PyObject_GetAttrString(events, event) : NULL;
    long bit = value ? PyLong_AsLong(value) : 0;
    if (events)
        Py_DecRef(events);
    if (value)
        Py_DecRef(value);
    return PyErr_Occurred() ? 0 : bit;
}

/* GIL held; allocates; 0 or -1 with an exception. Steals `result`. */
static int finish(PyObject *result) {
    if (!result)
        return -1;
    Py_DecRef(result);
    return 0;
}

/* GIL held; allocates; 0 or -1 with an exception. A free id: 3 and 4 have no meaning of their own, 5 and 1, 2, 0 are
 * the optimizer's, coverage's, a profiler's and the debugger's. Never takes one that is in use. */
static int take_tool(PyObject *namespace) {
    static const int candidates[] = {3, 4, 5, 1, 2, 0};
    tool = -1;
    for (int i = 0; i < 6; i++) {
        PyObject *owner = PyObject_CallMethod(namespace, "get_tool", "i", i);
        if (!owner)
            return -1;
        bool ours = PyUnicode_Check(owner) && PyUnicode_CompareWithASCIIString(owner, "scope") == 0;
        Py_DecRef(owner);
        if (ours) {
            PyErr_SetString(PyExc_RuntimeError, "this process is already being recorded");
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates && tool < 0; i++) {
        PyObject *owner = PyObject_CallMethod(namespace, "get_tool", "i", candidates[i]);
        if (!owner)
            return -1;
        bool is_free = owner == Py_None;
        Py_DecRef(owner);
        if (is_free && finish(PyObject_CallMethod(namespace, "use_tool_id", "is", candidates[i], "scope")) == 0)
            tool = candidates[i];
        PyErr_Clear();
    }
    if (tool < 0) {
        PyErr_SetString(PyExc_RuntimeError, "all six sys.monitoring tool ids of the target are in use");
        return -1;
    }
    return 0;
}

/* GIL held; allocates; 0 or -1 with an exception, then nothing stays installed. Hooks are in place and still inactive.
 *
 * restart_events() because DISABLE answers of an earlier recording persist in the code objects. */
int scope_monitoring_start(bool calls, bool raises) {
    PyObject *namespace = monitoring();
    recording_calls = calls;
    if (!namespace || take_tool(namespace) != 0)
        return -1;
    disable = PyObject_GetAttrString(namespace, "DISABLE");
    long events = 0;
    for (size_t i = 0; disable && i < HOOKS; i++) {
        bool wanted = strcmp(hooks[i].event, "RAISE") == 0 ? raises : calls || hooks[i].for_raises;
        if (!wanted)
            continue;
        long bit = event_bit(namespace, hooks[i].event);
        PyObject *callback = bit ? PyCFunction_NewEx(&hooks[i].method, NULL, NULL) : NULL;
        if (!callback)
            break;
        finish(PyObject_CallMethod(namespace, "register_callback", "ilO", tool, bit, callback));
        Py_DecRef(callback);
        events |= bit;
    }
    if (PyErr_Occurred() || finish(PyObject_CallMethod(namespace, "set_events", "il", tool, events)) != 0 ||
        finish(PyObject_CallMethod(namespace, "restart_events", NULL)) != 0) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        scope_monitoring_stop();
        PyErr_Restore(type, value, traceback);
        return -1;
    }
    return 0;
}

/* GIL held; allocates; never leaves an exception. free_tool_id alone leaves events and callbacks behind before 3.14. */
void scope_monitoring_stop(void) {
    PyObject *namespace = tool >= 0 ? monitoring() : NULL;
    if (namespace) {
        finish(PyObject_CallMethod(namespace, "set_events", "ii", tool, 0));
        PyErr_Clear();
        for (size_t i = 0; i < HOOKS; i++) {
            long bit = event_bit(namespace, hooks[i].event);
            if (bit)
                finish(PyObject_CallMethod(namespace, "register_callback", "ilO", tool, bit, Py_None));
            PyErr_Clear();
        }
        finish(PyObject_CallMethod(namespace, "free_tool_id", "i", tool));
    }
    PyErr_Clear();
    tool = -1;
    if (disable)
        Py_DecRef(disable);
    disable = NULL;
}

/* GIL held; does not allocate. -1 = none. */
int scope_monitoring_tool(void) {
    return tool;
}
