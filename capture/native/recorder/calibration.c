/* What the hooks cost on this interpreter, on this machine: the same loop with and without them.
 *
 * The hooked rounds run on the agent's thread with a writer of their own, whose chunk is plain memory: the very code
 * that records a thread's calls runs, and nothing of it reaches the pool. Time is this thread's CPU time, so that
 * waiting for the GIL does not count. */
#include "calibration.h"

#include "costs.h"
#include "profile.h"
#include "recording.h"
#include "sites.h"
#include "writer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_ROUNDS 64
#define YARDSTICK_STEPS 5000u

/* GIL not needed; does not allocate. */
static uint64_t thread_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* No GIL; no allocation. CPU time of work that is always the same: how fast this processor is at the moment. */
static uint64_t yardstick_ns(void) {
    static volatile uint64_t kept;
    uint64_t mixed = kept;
    const uint64_t began_ns = thread_cpu_ns();
    for (unsigned i = 0; i < YARDSTICK_STEPS; i++)
        mixed = (mixed ^ i) * 1099511628211u;
    kept = mixed;
    return thread_cpu_ns() - began_ns + 1;
}

/* No GIL; no allocation. */
static int by_size(const void *first, const void *second) {
    const double a = *(const double *)first, b = *(const double *)second;
    return (a > b) - (a < b);
}

/* GIL held, given up as Python code does; allocates; the median of the rounds in ns, 0 with an exception. The first call
 * does not count: it specializes the code, and instruments it.
 *
 * A price is the difference of two figures of different moments, between which a shared core may double its speed. So
 * each round is measured against a yardstick beside it; all figures are in ns of the speed that the first ones met. */
static uint64_t median_ns(PyObject *loop, unsigned rounds, struct scope_writer *scratch) {
    static uint64_t usual_ns;
    double took[MOST_ROUNDS];
    for (unsigned i = 0; i <= rounds; i++) {
        if (scratch)
            scratch->next = 0;
        const uint64_t yard_ns = yardstick_ns(), began_ns = thread_cpu_ns();
        PyObject *result = PyObject_CallNoArgs(loop);
        const uint64_t took_ns = thread_cpu_ns() - began_ns;
        if (!result)
            return 0;
        Py_DecRef(result);
        if (i)
            took[i - 1] = 2.0 * (double)took_ns / (double)(yard_ns + yardstick_ns());
        if (!usual_ns && i == rounds / 2)
            usual_ns = yard_ns;
    }
    qsort(took, rounds, sizeof *took, by_size);
    return (uint64_t)(took[rounds / 2] * (double)usual_ns);
}

/* GIL held; allocates plain memory at first sight; false when there is none. The code objects of a tuple count as
 * recorded, without a definition: the site number is one that no event in the pool ever has. Or as left out. */
static bool pretend(PyObject *codes, bool recorded) {
    bool done = true;
    for (Py_ssize_t i = 0; i < PyTuple_Size(codes); i++)
        done = scope_code_pretend(PyTuple_GetItem(codes, i), recorded ? UINT32_MAX : 0) && done;
    return done;
}

/* GIL held, given up as Python code does; allocates; as median_ns(), with the hooks. */
static uint64_t hooked_ns(PyObject *loop, PyObject *codes, bool recorded, unsigned rounds) {
    struct scope_writer scratch = {.limit = SCOPE_CHUNK_CAPACITY, .session = scope_session, .owned = true};
    scratch.chunk = calloc(1, SCOPE_CHUNK_BYTES);
    if (!scratch.chunk || !pretend(codes, recorded)) {
        free(scratch.chunk);
        PyErr_NoMemory();
        return 0;
    }
    scratch.records = (struct scope_record *)((unsigned char *)scratch.chunk + SCOPE_CHUNK_HEADER_BYTES);
    uint64_t counts[SCOPE_COSTS];
    memcpy(counts, scope_counts, sizeof counts);
    struct scope_writer *before = scope_tls;
    scope_tls = &scratch;
    if (scope_python.version < 0x030c)
        scope_profile_hook_this_thread();
    const uint64_t took_ns = median_ns(loop, rounds, &scratch);
    if (scope_python.version < 0x030c)
        scope_profile_unhook_this_thread();
    scope_tls = before;
    memcpy(scope_counts, counts, sizeof counts);
    pretend(codes, false);
    free(scratch.chunk);
    return took_ns;
}

/* GIL held, given up as Python code does; allocates; new reference or NULL with an exception. calibrate(loop, codes,
 * recorded, rounds): CPU time in ns of one `loop()`; with `codes` None as it is, else with the hooks, the code objects
 * of that tuple counting as recorded or as left out. Their events must fit one chunk. Runs on a muted thread only. */
PyObject *scope_calibrate(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *loop, *codes;
    int recorded;
    unsigned rounds;
    if (!PyArg_ParseTuple(args, "OOpI", &loop, &codes, &recorded, &rounds))
        return NULL;
    if (rounds < 1 || rounds > MOST_ROUNDS || scope_tls != &scope_muted ||
        (codes != Py_None && (!scope_active || !PyTuple_Check(codes)))) {
        PyErr_SetString(PyExc_RuntimeError, "calibration needs the agent's thread and 1 to 64 rounds");
        return NULL;
    }
    int collecting = PyGC_Disable(); /* no finalizer may run with a writer that leads nowhere */
    const uint64_t took_ns =
        codes == Py_None ? median_ns(loop, rounds, NULL) : hooked_ns(loop, codes, recorded, rounds);
    if (collecting)
        PyGC_Enable();
    return PyErr_Occurred() ? NULL : PyLong_FromUnsignedLongLong(took_ns);
}
