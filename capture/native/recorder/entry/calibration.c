/* What the hooks cost on this interpreter, on this machine: the same loop with and without them.
 *
 * The hooked rounds run on the agent's thread with a writer of their own, whose chunk is plain memory: the very code
 * that records a thread's calls runs, and nothing of it reaches the pool. Time is this thread's CPU time, so that
 * waiting for the GIL does not count. */
#include "entry/calibration.h"

#include "costs.h"
#include "hooks/evaluation.h"
#include "hooks/profile.h"
#include "samples.h"
#include "sites.h"
#include "writer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MOST_ROUNDS 64
#define LOOKS_AT_SPEED 7
#define UNDISTURBED_NS 1000000u
#define PAGE_BYTES 4096u

static uint64_t usual_ns;
static PyObject *own_yard; /* borrowed: the agent keeps it while it records */

/* GIL not needed; does not allocate. */
static uint64_t thread_cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* No GIL; no allocation. */
static int by_size(const void *first, const void *second) {
    const double a = *(const double *)first, b = *(const double *)second;
    return (a > b) - (a < b);
}

/* GIL held, given up as Python code does; allocates; CPU time of one call in ns, 0 with an exception. */
static uint64_t call_ns(PyObject *function) {
    const uint64_t began_ns = thread_cpu_ns();
    PyObject *result = PyObject_CallNoArgs(function);
    const uint64_t took_ns = thread_cpu_ns() - began_ns;
    if (!result)
        return 0;
    Py_DecRef(result);
    return took_ns + 1;
}

/* GIL held, given up and taken anew where that was long ago; does not allocate. From here on no other thread asks for it
 * until the interpreter's switch interval is over (5 ms), so none runs while the evaluation function is out of the way. */
static void keep_the_gil_for_a_while(void) {
    static uint64_t since_ns;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    const uint64_t now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    if (now_ns - since_ns < UNDISTURBED_NS)
        return;
    PyThreadState *self = PyEval_SaveThread();
    PyEval_RestoreThread(self);
    clock_gettime(CLOCK_MONOTONIC, &now);
    since_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* GIL held, given up as Python code does; may run audit hooks where there is no evaluation function; as call_ns(), without
 * the hooks of 3.10 and 3.11. */
static uint64_t yard_ns(PyObject *yard, bool hooked) {
    const bool old = hooked && scope_python.version < 0x030c;
    if (old)
        keep_the_gil_for_a_while();
    const bool aside = old && scope_evaluation_step_aside();
    if (old && !aside)
        scope_profile_unhook_this_thread();
    const uint64_t took_ns = call_ns(yard);
    if (aside)
        scope_evaluation_step_back();
    else if (old)
        scope_profile_hook_this_thread();
    return took_ns;
}

/* No GIL; no allocation. */
static void write_to(struct scope_writer *scratch, unsigned char *memory) {
    scratch->chunk = (struct scope_chunk *)memory;
    scratch->records = (struct scope_record *)(memory + SCOPE_CHUNK_HEADER_BYTES);
    scratch->next = 0;
}

/* GIL held; does not allocate. How far apart in their memory two rounds write. From 3.12 on a page: of the two or three
 * that a round of calls fills one was never used, much as in a program, which gets chunks that are new and such that come
 * back. All new made an event a third dearer, and told up to 1.7 times too much; on 3.10, where the price holds more of
 * the interpreter's, up to three times. */
static size_t bytes_apart(void) {
    return scope_python.version < 0x030c ? 0 : PAGE_BYTES;
}

/* GIL held, given up as Python code does; allocates; the median of the rounds in ns, 0 with an exception. The rounds write
 * to `memory`. The first call does not count: it specializes the code, and instruments it.
 *
 * A price is the difference of two figures of different moments, between which a shared processor may double its speed.
 * So each round is measured against a yardstick beside it: plain instructions of the same interpreter, which no hook
 * slows down. (Arithmetic in C was tried: it hardly feels a neighbour on the same core, from which Python code suffers.)
 * All figures are in ns of the speed that the yardstick met when it was first looked at. */
static uint64_t median_ns(PyObject *yard, PyObject *loop, unsigned rounds, struct scope_writer *scratch,
                          unsigned char *memory) {
    double took[MOST_ROUNDS];
    for (unsigned i = 0; i <= rounds; i++) {
        if (scratch)
            write_to(scratch, memory + i * bytes_apart());
        const uint64_t before_ns = yard_ns(yard, scratch), took_ns = before_ns ? call_ns(loop) : 0;
        const uint64_t after_ns = took_ns ? yard_ns(yard, scratch) : 0;
        if (!after_ns)
            return 0;
        if (i)
            took[i - 1] = 2.0 * (double)took_ns / (double)(before_ns + after_ns);
    }
    qsort(took, rounds, sizeof *took, by_size);
    return (uint64_t)(took[rounds / 2] * (double)usual_ns);
}

/* GIL held, given up as Python code does; allocates; the median of the rounds in ns, 0 with an exception. The first does
 * not count: it finds cold caches. */
static uint64_t median_of_yard_ns(PyObject *yard, unsigned rounds) {
    double took[MOST_ROUNDS];
    for (unsigned i = 0; i <= rounds; i++) {
        const uint64_t took_ns = call_ns(yard);
        if (!took_ns)
            return 0;
        if (i)
            took[i - 1] = (double)took_ns;
    }
    qsort(took, rounds, sizeof *took, by_size);
    return (uint64_t)took[rounds / 2];
}

/* GIL held, given up as Python code does; allocates; the median of the rounds in ns, 0 with an exception. */
static uint64_t settle_usual_ns(PyObject *yard, unsigned rounds) {
    const uint64_t took_ns = median_of_yard_ns(yard, rounds);
    if (took_ns) {
        own_yard = yard;
        usual_ns = took_ns;
    }
    return took_ns;
}

/* How the code of a loop counts. */
enum { LEFT_OUT, RECORDED, LOOKED_AT /* recorded, by the profile function where there is one */ };

/* GIL held; allocates plain memory at first sight; false when there is none. The code objects of a tuple count as
 * recorded, without a definition: the site number is one that no event in the pool ever has. Or as left out. */
static bool pretend(PyObject *codes, int how) {
    const uint32_t unusual =
        scope_python.version < 0x030c ? SCOPE_CODE_OVERFLOW : 0; /* which evaluate() leaves alone */
    const uint32_t flags[] = {SCOPE_CODE_LEFT_OUT, 0, unusual};
    bool done = true;
    for (Py_ssize_t i = 0; i < PyTuple_Size(codes); i++)
        done = scope_code_pretend(PyTuple_GetItem(codes, i), how ? UINT32_MAX : 0, flags[how]) && done;
    return done;
}

/* GIL held, given up as Python code does; allocates; an exception stays. What a hook takes here by the measure that is
 * taken amid the program, beside the rounds whose time counts. Returns how many ticks in how many hooks. */
static void sample_loop(PyObject *loop, unsigned rounds, struct scope_writer *scratch, unsigned char *memory,
                        uint64_t sampled[2]) {
    const uint64_t *counts = scope_counts;
    const uint64_t before[2] = {counts[SCOPE_COST_SAMPLED_TICKS], counts[SCOPE_COST_SAMPLES]};
    for (unsigned i = 0; i < rounds; i++) {
        write_to(scratch, memory);
        scope_sample_every(scratch, SCOPE_SAMPLES_IN_LOOPS);
        if (!call_ns(loop))
            break;
    }
    scope_sample_every(scratch, SCOPE_SAMPLES_APART);
    if (counts != scope_counts)
        return; /* the recording has ended meanwhile, and its pool is gone */
    sampled[0] = counts[SCOPE_COST_SAMPLED_TICKS] - before[0];
    sampled[1] = counts[SCOPE_COST_SAMPLES] - before[1];
}

/* GIL held, given up as Python code does; allocates; as median_ns(), with the hooks. */
static uint64_t hooked_ns(PyObject *yard, PyObject *loop, PyObject *codes, int how, unsigned rounds) {
    struct scope_writer scratch = {
        .limit = SCOPE_CHUNK_CAPACITY, .sample_at = UINT32_MAX, .session = scope_session, .owned = true};
    const size_t bytes = SCOPE_CHUNK_BYTES + rounds * bytes_apart();
    unsigned char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || !pretend(codes, how)) {
        if (memory != MAP_FAILED)
            munmap(memory, bytes);
        PyErr_NoMemory();
        return 0;
    }
    write_to(&scratch, memory);
    uint64_t counts[SCOPE_COSTS];
    memcpy(counts, scope_counts, sizeof counts);
    struct scope_writer *before = scope_tls;
    scope_tls = &scratch;
    if (scope_python.version < 0x030c)
        scope_profile_hook_this_thread();
    const uint64_t took_ns = median_ns(yard, loop, rounds, &scratch, memory);
    uint64_t sampled[2] = {0, 0};
    if (took_ns && how == RECORDED)
        sample_loop(loop, rounds, &scratch, memory, sampled);
    if (scope_python.version < 0x030c)
        scope_profile_unhook_this_thread();
    scope_tls = before;
    memcpy(scope_counts, counts, sizeof counts);
    scope_counts[SCOPE_COST_USUAL_TICKS] += sampled[0];
    scope_counts[SCOPE_COST_USUAL_SAMPLES] += sampled[1];
    pretend(codes, LEFT_OUT);
    munmap(memory, bytes);
    return took_ns;
}

/* GIL held, given up as Python code does; allocates; new reference or NULL with an exception. calibrate(yard, loop,
 * codes, how, rounds): CPU time in ns of one `loop()`; with `codes` None as it is, else with the hooks, the code objects
 * of that tuple counting as left out (0), recorded (1) or looked at (2). Their events must fit one chunk. With `loop`
 * None: of one `yard()`, at this moment. Runs on a muted thread only. */
PyObject *scope_calibrate(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *yard, *loop, *codes;
    int how;
    unsigned rounds;
    if (!PyArg_ParseTuple(args, "OOOiI", &yard, &loop, &codes, &how, &rounds))
        return NULL;
    if (rounds < 1 || rounds > MOST_ROUNDS || how < LEFT_OUT || how > LOOKED_AT || scope_tls != &scope_muted ||
        (codes != Py_None && (!scope_active || !PyTuple_Check(codes)))) {
        PyErr_SetString(PyExc_RuntimeError, "calibration needs the agent's thread and 1 to 64 rounds");
        return NULL;
    }
    int collecting = PyGC_Disable(); /* no finalizer may run with a writer that leads nowhere */
    uint64_t took_ns;
    if (loop == Py_None)
        took_ns = settle_usual_ns(yard, rounds);
    else if (codes == Py_None)
        took_ns = median_ns(yard, loop, rounds, NULL, NULL);
    else
        took_ns = hooked_ns(yard, loop, codes, how, rounds);
    if (collecting)
        PyGC_Enable();
    return PyErr_Occurred() ? NULL : PyLong_FromUnsignedLongLong(took_ns);
}

/* GIL held, given up as Python code does; allocates; no exception. At each sweep, on the agent's thread: how fast the
 * processor is at this moment, for the recorder process. By the median, as at the beginning: the best of a few said that
 * a processor is twice as fast as usual where it is so for a moment. */
void scope_look_at_speed(void) {
    PyObject *yard = own_yard;
    if (!yard)
        return;
    Py_IncRef(yard); /* the program may end meanwhile, and the agent with it */
    const uint64_t took_ns = median_of_yard_ns(yard, LOOKS_AT_SPEED);
    if (took_ns && own_yard == yard) {
        scope_counts[SCOPE_COST_YARD_NS] += took_ns;
        scope_counts[SCOPE_COST_YARDS] += 1;
    }
    Py_DecRef(yard);
    PyErr_Clear();
}

/* GIL held; does not allocate. The agent, which owns the yardstick, goes. */
void scope_calibration_forget(void) {
    own_yard = NULL;
}
