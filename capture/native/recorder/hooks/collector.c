/* The program's garbage is found on the program's threads, and its collector is on or off as the program has set it.
 *
 * The object that fills a generation starts a collection on the thread that makes it. When that was ours, the program's
 * finalizers ran on a thread that it does not know ("Dummy-1"), hidden from the recording, and its warnings named our
 * code. So the collector is off while our thread has the GIL. What it does four times a second it does in C; Python code
 * runs there when a recording begins and ends, and as the little generator that proves the hooks (tool.c).
 *
 * Python code may be made to give the GIL up, and then the program runs with its collector off: what it would have
 * collected in those milliseconds it collects after them. What it asks and sets meanwhile is answered and kept here, by
 * functions in the definitions of gc.isenabled, gc.enable and gc.disable.
 *
 * Not to be had on 3.12.0 to 3.12.2: a collection that another thread has set off, in a C function that then gives the
 * GIL up, is run by whichever thread runs Python code next, on or off. */
#include "hooks/collector.h"

#include "interpreters.h"
#include "hooks/replaced.h"

static PyObject *answer(PyObject *self, PyObject *unused);
static PyObject *enable(PyObject *self, PyObject *unused);
static PyObject *disable(PyObject *self, PyObject *unused);

static struct scope_replaced functions[] = {
    {"isenabled", answer, NULL, NULL, 0},
    {"enable", enable, NULL, NULL, 0},
    {"disable", disable, NULL, NULL, 0},
};

#define FUNCTIONS (sizeof functions / sizeof *functions)

/* All read and written with the GIL held. */
static unsigned holders; /* threads that hold the collector */
static bool wanted;      /* while it is held: whether the program has it on */
static bool over;        /* the interpreter goes down, and its last collections are the program's */
static unsigned era = 1; /* grows when all holds are forgotten */
static __thread unsigned held_in
    __attribute__((tls_model("initial-exec"))); /* the era of this thread's hold, 0 = none */

/* GIL held; does not allocate. Until the same thread lets go: no collection starts by itself. */
void scope_collector_hold(void) {
    if (over || held_in == era || scope_in_another_interpreter())
        return;
    if (holders++ == 0) {
        scope_collector_wrap(); /* the program may have loaded gc since */
        wanted = PyGC_Disable() != 0;
    }
    held_in = era;
}

/* GIL held; does not allocate. Whether this thread had held it; hold it again after a wait then. */
bool scope_collector_let_go(void) {
    const bool held = held_in == era;
    held_in = 0;
    if (held && --holders == 0 && wanted)
        PyGC_Enable();
    return held;
}

/* GIL held; does not allocate. In a forked child, where a thread that held it does not exist. */
void scope_collector_forget(void) {
    if (holders && wanted)
        PyGC_Enable();
    holders = 0;
    era += 1;
}

/* GIL held; does not allocate. A thread of ours may never come back from here on, and nothing would be collected at the
 * end of an interpreter whose collector it had left off. */
void scope_collector_end(void) {
    over = true;
    scope_collector_forget();
}

/* GIL held; allocates; new reference, NULL without an exception. A list of all objects that the collector knows. */
PyObject *scope_collector_objects(void) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    const bool loaded = modules && PyDict_GetItemString(modules, "gc");
    PyObject *gc = PyImport_ImportModule("gc"); /* built in: taking it out again is no loss */
    if (gc && modules && !loaded)
        PyDict_DelItemString(modules, "gc");
    PyObject *objects = gc ? PyObject_CallMethod(gc, "get_objects", NULL) : NULL;
    PyErr_Clear();
    if (gc)
        Py_DecRef(gc);
    return objects;
}

/* GIL held; new reference or NULL with an exception. gc.isenabled() */
static PyObject *answer(PyObject *self, PyObject *unused) {
    if (scope_in_another_interpreter() || !holders)
        return functions[0].original(self, unused);
    return PyBool_FromLong(wanted);
}

/* GIL held; new reference or NULL with an exception. gc.enable() and gc.disable() */
static PyObject *set(const struct scope_replaced *function, bool on, PyObject *self, PyObject *unused) {
    if (scope_in_another_interpreter() || !holders)
        return function->original(self, unused);
    wanted = on;
    return scope_none();
}

static PyObject *enable(PyObject *self, PyObject *unused) {
    return set(&functions[1], true, self, unused);
}

static PyObject *disable(PyObject *self, PyObject *unused) {
    return set(&functions[2], false, self, unused);
}

/* GIL held; does not allocate; never leaves an exception. Does nothing where it was done, and before the program has
 * loaded `gc`. */
void scope_collector_wrap(void) {
    scope_replace("gc", functions, FUNCTIONS);
}

/* GIL held; does not allocate. */
void scope_collector_restore(void) {
    scope_put_back(functions, FUNCTIONS);
}
