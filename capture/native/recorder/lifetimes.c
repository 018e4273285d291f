/* Hearing of the end of a code object, without keeping it.
 *
 * A table of addresses must forget an address before it is used again; a strong reference instead would keep every
 * function that the program has ever made (an expression evaluator grew from 9 to 481 MiB). From 3.12 on a code watcher
 * tells. Before, and where all eight watchers of an interpreter are taken, an "extra" of the code object does: its
 * free function runs when the code object goes. */
#include "lifetimes.h"

#include <stdlib.h>

#define EVENT_DESTROY 1

/* What is attached to a code object where there is no watcher. */
struct extra {
    PyObject *code;         /* borrowed: it dies with it */
    PyObject *instructions; /* strong or NULL; bytes, freed with the code object */
};

static scope_code_death tell_death;
static int watcher = -1;
static Py_ssize_t extra_index = -1; /* cannot be given back: one for good */
static bool by_extra;               /* this recording has no watcher */

/* GIL held; does not allocate; leaves exceptions as they are. Called by the interpreter: 3.12+. */
static int on_code_event(int event, PyObject *code) {
    if (event == EVENT_DESTROY)
        tell_death(code);
    return 0;
}

/* GIL held; frees. Called by the interpreter when the code object goes, or its extra is replaced; also with NULL, when
 * the code object has had an extra. */
static void on_extra_freed(void *extra) {
    struct extra *of = extra;
    if (!of)
        return;
    tell_death(of->code);
    if (of->instructions)
        Py_DecRef(of->instructions);
    free(of);
}

/* GIL held; allocates; 0 or -1 with an exception. `died` is called from here on, where a code object that is watched goes. */
int scope_lifetimes_watch(scope_code_death died) {
    tell_death = died;
    by_extra = false;
    if (scope_python.code_add_watcher) {
        watcher = scope_python.code_add_watcher(on_code_event);
        if (watcher >= 0)
            return 0;
        PyErr_Clear();
    }
    if (extra_index < 0 && scope_python.code_extra_index && scope_python.code_set_extra && scope_python.code_get_extra)
        extra_index = scope_python.code_extra_index(on_extra_freed);
    by_extra = extra_index >= 0;
    if (by_extra)
        return 0;
    PyErr_SetString(PyExc_RuntimeError, "other tools use everything that tells when a function of the target is gone");
    return -1;
}

/* GIL held; never leaves an exception. */
void scope_lifetimes_unwatch(void) {
    if (watcher >= 0 && scope_python.code_clear_watcher(watcher) != 0)
        PyErr_Clear();
    watcher = -1;
}

/* GIL held; allocates plain memory; false without an exception when its end would not be heard of. Steals
 * `instructions`, which may be NULL. */
bool scope_lifetime_watch(PyObject *code, PyObject *instructions) {
    struct extra *extra = by_extra ? malloc(sizeof *extra) : NULL;
    if (extra) {
        *extra = (struct extra){code, instructions};
        if (scope_python.code_set_extra(code, extra_index, extra) == 0)
            return true;
        PyErr_Clear();
        free(extra);
    }
    if (instructions)
        Py_DecRef(instructions);
    return watcher >= 0;
}

/* GIL held; frees plain memory; never leaves an exception. */
void scope_lifetime_unwatch(PyObject *code) {
    if (by_extra && scope_python.code_set_extra(code, extra_index, NULL) != 0)
        PyErr_Clear();
}

/* GIL held; does not allocate; borrowed memory or NULL. The instructions that were handed in with `code`. */
const unsigned char *scope_lifetime_instructions(PyObject *code, Py_ssize_t *size) {
    void *extra = NULL;
    char *bytes = NULL;
    if (extra_index >= 0 && scope_python.code_get_extra(code, extra_index, &extra) == 0 && extra &&
        ((struct extra *)extra)->instructions &&
        PyBytes_AsStringAndSize(((struct extra *)extra)->instructions, &bytes, size) == 0)
        return (const unsigned char *)bytes;
    PyErr_Clear();
    return NULL;
}
