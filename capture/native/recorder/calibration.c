/* What a recorded call costs on this interpreter, on this machine: the same loop with and without the hooks.
 *
 * The hooked rounds run on the agent's thread with a writer of their own, whose chunk is plain memory: the very code
 * that records a thread's calls runs, and nothing of it reaches the pool. Time is this thread's CPU time, so that
 * waiting for the GIL does not count. */
#include "calibration.h"

#include "profile.h"
#include "recording.h"
#include "sites.h"
#include "writer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_ROUNDS 64

/* GIL not needed; does not allocate. */
static uint64_t thread_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* No GIL; no allocation. */
static int by_size(const void *first, const void *second) {
    const uint64_t a = *(const uint64_t *)first, b = *(const uint64_t *)second;
    return (a > b) - (a < b);
}

/* GIL held, given up as Python code does; allocates; the median of the rounds, 0 with an exception. The first call does
 * not count: it specializes the code, and instruments it. */
static uint64_t median_ns(PyObject *loop, unsigned rounds, struct scope_writer *scratch) {
    uint64_t took_ns[MOST_ROUNDS];
    for (unsigned i = 0; i <= rounds; i++) {
        if (scratch)
            scratch->next = 0;
        const uint64_t began_ns = thread_cpu_ns();
        PyObject *result = PyObject_CallNoArgs(loop);
        if (i)
            took_ns[i - 1] = thread_cpu_ns() - began_ns;
        if (!result)
            return 0;
        Py_DecRef(result);
    }
    qsort(took_ns, rounds, sizeof *took_ns, by_size);
    return took_ns[rounds / 2];
}

/* GIL held, given up as Python code does; allocates; as median_ns(). `code` counts as recorded meanwhile, without a
 * definition: its site number is one that no event in the pool ever has. */
static uint64_t recorded_ns(PyObject *loop, PyObject *code, unsigned rounds) {
    struct scope_writer scratch = {.limit = SCOPE_CHUNK_CAPACITY, .session = scope_session, .owned = true};
    scratch.chunk = calloc(1, SCOPE_CHUNK_BYTES);
    if (!scratch.chunk || !scope_code_pretend(code, UINT32_MAX)) {
        free(scratch.chunk);
        PyErr_NoMemory();
        return 0;
    }
    scratch.records = (struct scope_record *)((unsigned char *)scratch.chunk + SCOPE_CHUNK_HEADER_BYTES);
    struct scope_writer *before = scope_tls;
    scope_tls = &scratch;
    if (scope_python.version < 0x030c)
        scope_profile_hook_this_thread();
    const uint64_t took_ns = median_ns(loop, rounds, &scratch);
    if (scope_python.version < 0x030c)
        scope_profile_unhook_this_thread();
    scope_tls = before;
    scope_code_pretend(code, 0);
    free(scratch.chunk);
    return took_ns;
}

/* GIL held, given up as Python code does; allocates; new reference or NULL with an exception. calibrate(loop, code,
 * rounds): CPU time in ns of one `loop()`; with `code` None as it is, else with the calls of that code recorded. They must
 * fit one chunk. Runs on a muted thread only. */
PyObject *scope_calibrate(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *loop, *code;
    unsigned rounds;
    if (!PyArg_ParseTuple(args, "OOI", &loop, &code, &rounds))
        return NULL;
    if (rounds < 1 || rounds > MOST_ROUNDS || scope_tls != &scope_muted || (code != Py_None && !scope_active)) {
        PyErr_SetString(PyExc_RuntimeError, "calibration needs the agent's thread and 1 to 64 rounds");
        return NULL;
    }
    int collecting = PyGC_Disable(); /* no finalizer may run with a writer that leads nowhere */
    const uint64_t took_ns = code == Py_None ? median_ns(loop, rounds, NULL) : recorded_ns(loop, code, rounds);
    if (collecting)
        PyGC_Enable();
    return PyErr_Occurred() ? NULL : PyLong_FromUnsignedLongLong(took_ns);
}
