/* Hearing of the interpreter's end, in the process that asked for it and in no other.
 *
 * A forked child that ends normally runs its parent's exit handlers; ours used to write its last words to whatever file
 * had the connection's number by then. `atexit` is made anew from the interpreter's own definition: its list belongs to
 * the interpreter, while the module in `sys.modules` may be missing, which must stay so, or be somebody's wrapper. */
#include "hooks/exit_handler.h"

#include "hooks/collector.h"

#include <unistd.h>

static PyObject *watching; /* the agent that hears of it; strong */
static PyObject *handler;  /* strong while registered */
static pid_t watching_pid;

/* GIL held; runs the agent; new reference to None. Leaves no exception. */
static PyObject *interpreter_ends(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    if (watching && getpid() == watching_pid) {
        scope_collector_hold();
        PyObject *result = PyObject_CallMethod(watching, "exiting", NULL);
        if (result)
            Py_DecRef(result);
        PyErr_Clear();
        scope_collector_end();
    }
    return scope_none();
}

static PyMethodDef handler_method = {"scope_exit", interpreter_ends, METH_NOARGS, NULL};

/* GIL held; allocates; new reference or NULL with an exception. The interpreter's own `atexit`, not in sys.modules. */
static PyObject *own_atexit(void) {
    PyObject *modules = PySys_GetObject("modules");                                  /* borrowed */
    PyObject *imp = modules ? PyDict_GetItemString(modules, "_imp") : NULL;          /* borrowed */
    PyObject *spec = PyModule_New("atexit"), *name = PyUnicode_FromString("atexit"); /* any object with a `name` */
    PyObject *module = NULL;
    if (imp && spec && name && PyObject_SetAttrString(spec, "name", name) == 0)
        module = PyObject_CallMethod(imp, "create_builtin", "O", spec);
    if (spec)
        Py_DecRef(spec);
    if (name)
        Py_DecRef(name);
    if (!module && !PyErr_Occurred())
        PyErr_SetString(PyExc_RuntimeError, "this interpreter has no atexit");
    return module;
}

/* GIL held; allocates; 0 or -1 with an exception. */
static int call_atexit(const char *function) {
    PyObject *module = own_atexit();
    PyObject *result = module ? PyObject_CallMethod(module, function, "O", handler) : NULL;
    if (module)
        Py_DecRef(module);
    if (!result)
        return -1;
    Py_DecRef(result);
    return 0;
}

/* GIL held; allocates; no exception. Does nothing where nobody watches. */
void scope_unwatch_exit(void) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (handler) {
        if (call_atexit("unregister") != 0)
            PyErr_Clear();
        Py_DecRef(handler);
    }
    PyObject *agent = watching;
    handler = watching = NULL;
    if (agent)
        Py_DecRef(agent);
    PyErr_Restore(type, value, traceback);
}

/* GIL held; allocates; new reference or NULL with an exception. watch_exit(agent): its `exiting()` is called when the
 * interpreter goes down; None ends that. */
PyObject *scope_watch_exit(PyObject *module, PyObject *agent) {
    (void)module;
    scope_unwatch_exit();
    if (agent == Py_None)
        SCOPE_RETURN_NONE;
    handler = PyCFunction_NewEx(&handler_method, NULL, NULL);
    if (!handler || call_atexit("register") != 0)
        return NULL;
    Py_IncRef(agent);
    watching = agent;
    watching_pid = getpid();
    SCOPE_RETURN_NONE;
}
