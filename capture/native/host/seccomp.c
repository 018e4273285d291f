/* The seccomp filters of one thread of another process, as the kernel runs them.
 *
 * Only an administrator may ask, and only while the thread is stopped: it stands for some 50 us, as for a refused
 * attempt of inject.c. Runs in a thread made for the occasion, for the reason given there. No Python API here. */
#include "inject.h"

#include "host.h"

#include <errno.h>

#if defined(__x86_64__)
#include <linux/filter.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define STOP_PATIENCE_NS 50000000ull
#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

struct question {
    int32_t tid;
    uint32_t capacity;
    struct sock_filter *out;
    uint32_t *lengths;
    uint32_t filters_max;
    int32_t answer;
};

/* Does not allocate. The number of filters of the stopped thread, newest first, or -errno. */
static int32_t read_filters(const struct question *ask) {
    uint32_t used = 0;
    for (uint32_t index = 0; index < ask->filters_max; index++) {
        long length = ptrace(PTRACE_SECCOMP_GET_FILTER, ask->tid, (void *)(uintptr_t)index, NULL);
        if (length < 0)
            return errno == ENOENT ? (int32_t)index : -errno;
        if (used + (uint32_t)length > ask->capacity)
            return -E2BIG;
        length = ptrace(PTRACE_SECCOMP_GET_FILTER, ask->tid, (void *)(uintptr_t)index, ask->out + used);
        if (length < 0)
            return -errno;
        ask->lengths[index] = (uint32_t)length;
        used += (uint32_t)length;
    }
    return -E2BIG;
}

static void *work(void *argument) {
    struct question *ask = argument;
    int status;
    if (ptrace(PTRACE_SEIZE, ask->tid, NULL, NULL) != 0 || ptrace(PTRACE_INTERRUPT, ask->tid, NULL, NULL) != 0) {
        ask->answer = -errno;
        return NULL;
    }
    enum scope_wait outcome = scope_wait_stop(ask->tid, scope_now_ns() + STOP_PATIENCE_NS, &status);
    if (outcome != SCOPE_WAIT_STOPPED) { /* the end of this thread detaches it */
        ask->answer = outcome == SCOPE_WAIT_GONE ? -ESRCH : -EBUSY;
        return NULL;
    }
    ask->answer = read_filters(ask);
    struct user_regs_struct registers;
    if (ptrace(PTRACE_GETREGS, ask->tid, NULL, &registers) == 0 && scope_make_call_again(&registers))
        ptrace(PTRACE_SETREGS, ask->tid, NULL, &registers);
    long deliver = status >> 16 ? 0 : WSTOPSIG(status);
    ptrace(PTRACE_DETACH, ask->tid, NULL, (void *)deliver);
    return NULL;
}

/* Does not allocate. How many filters thread `tid` has, or -errno (EACCES, EPERM: we may not know; EBUSY: it does not
 * stop). Their instructions are in `out` one after the other, `lengths[i]` of each. */
SCOPE_EXPORT int32_t scope_seccomp_filters(int32_t tid, void *out, uint32_t capacity, uint32_t *lengths,
                                           uint32_t filters_max) {
    struct question ask = {tid, capacity, out, lengths, filters_max, 0};
    pthread_t worker;
    int problem = pthread_create(&worker, NULL, work, &ask);
    if (problem)
        return -problem;
    pthread_join(worker, NULL);
    return ask.answer;
}

#else

SCOPE_EXPORT int32_t scope_seccomp_filters(int32_t tid, void *out, uint32_t capacity, uint32_t *lengths,
                                           uint32_t filters_max) {
    (void)tid, (void)out, (void)capacity, (void)lengths, (void)filters_max;
    return -ENOSYS;
}
#endif
