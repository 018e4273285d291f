/* The entry point, and the hunt for a thread that stands at a safe point.
 *
 * One thread of the target is stopped at a time, looked at, and let go again if it stands badly; the others never stop.
 * Threads that /proc shows parked in a system call come first, the main thread last among equals: it is the one
 * whose delay a user notices. Each stop that is refused costs its thread some 50 us.
 *
 * All of it runs in a thread made for the occasion: when that ends, for whatever reason, the kernel detaches
 * what is still attached, a thread that did not stop in time included.
 */
#include "inject.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORTED __attribute__((visibility("default")))

#if defined(__x86_64__)
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_THREADS 4096
#define STOP_PATIENCE_NS 20000000ull /* a thread in an uninterruptible wait is left alone */
#define PAUSE_FIRST_NS 100000ull
#define PAUSE_MAX_NS 4000000ull

struct candidate {
    int tid;
    int rank; /* lower first */
};

static int rank_of(int pid, int tid) {
    char path[64], text[128];
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", pid, tid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    int parked = size > 0 && text[0] >= '0' && text[0] <= '9';
    return (parked ? 0 : 2) + (tid == pid);
}

static int by_rank(const void *left, const void *right) {
    return ((const struct candidate *)left)->rank - ((const struct candidate *)right)->rank;
}

/* The threads of the target, most promising first. Returns their number; 0 = the process is gone. */
static int list_threads(int pid, struct candidate *candidates) {
    char path[64];
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    for (struct dirent *entry; count < MAX_THREADS && (entry = readdir(folder));) {
        int tid = atoi(entry->d_name);
        if (tid > 0)
            candidates[count++] = (struct candidate){tid, rank_of(pid, tid)};
    }
    closedir(folder);
    qsort(candidates, (size_t)count, sizeof *candidates, by_rank);
    return count;
}

/* A process that ignores SIGSEGV would have that changed by the fault that ends our calls. */
static int ignores_segv(int pid) {
    char path[64], line[256];
    unsigned long long ignored = 0;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file) && sscanf(line, "SigIgn: %llx", &ignored) != 1)
        ;
    fclose(file);
    return (ignored >> (SIGSEGV - 1)) & 1;
}

enum attempt { TRY_AGAIN, REFUSED, FINISHED };

static enum attempt try_thread(struct scope_thread *thread) {
    struct scope_inject_result *result = thread->result;
    uint64_t stopped_at = scope_now_ns();
    int status, signal = 0, finished = 0;
    int seized = ptrace(PTRACE_SEIZE, thread->tid, NULL, NULL) == 0, refusal = errno;
    if (ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) != 0) { /* works too if it did not stop last time */
        if (seized || refusal == ESRCH)
            return TRY_AGAIN;
        result->error = refusal;
        return REFUSED; /* a kernel worker among the threads, one that has ended, or all are out of bounds */
    }
    result->attempts++;
    switch (scope_wait_stop(thread->tid, stopped_at + STOP_PATIENCE_NS, &status)) {
    case SCOPE_WAIT_GONE:
        result->error = ESRCH;
        return REFUSED;
    case SCOPE_WAIT_TIMEOUT:
        return TRY_AGAIN;
    case SCOPE_WAIT_STOPPED:
        break;
    }
    if (status >> 16 != PTRACE_EVENT_STOP) { /* a signal is about to be delivered: it goes first */
        signal = WSTOPSIG(status);
    } else if (WSTOPSIG(status) != SIGTRAP) {
        result->status = SCOPE_INJECT_STOPPED;
        finished = 1;
    } else if (ptrace(PTRACE_GETREGS, thread->tid, NULL, &thread->saved) != 0) {
        return TRY_AGAIN; /* gone */
    } else if (scope_is_safe_point(thread->plan, &thread->saved, thread->plan->memory)) {
        result->tid = thread->tid;
        result->syscall_nr = (long)thread->saved.orig_rax >= 0 ? (int)thread->saved.orig_rax : -1;
        result->hunt_ns += stopped_at;
        finished = scope_call_in(thread);
        result->stopped_ns = scope_now_ns() - stopped_at;
        if (!finished)
            result->hunt_ns -= stopped_at;
        signal = thread->pending_signal;
    } else if (scope_make_call_again(&thread->saved)) {
        ptrace(PTRACE_SETREGS, thread->tid, NULL, &thread->saved);
    }
    ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(long)signal); /* fails harmlessly if handed over or gone */
    return finished ? FINISHED : TRY_AGAIN;
}

static void hunt(struct scope_thread *thread, struct candidate *candidates) {
    const struct scope_inject_plan *plan = thread->plan;
    struct scope_inject_result *result = thread->result;
    uint64_t started = scope_now_ns(), deadline = started + plan->hunt_ms * 1000000ull, pause = PAUSE_FIRST_NS;
    result->hunt_ns = (uint64_t)-(int64_t)started;
    do {
        int count = list_threads(plan->pid, candidates), refused = 0;
        if (!count) {
            result->status = SCOPE_INJECT_GONE;
            return;
        }
        for (int i = 0; i < count; i++) {
            thread->tid = candidates[i].tid;
            enum attempt attempt = try_thread(thread);
            if (attempt == FINISHED)
                return;
            refused += attempt == REFUSED;
            if (scope_now_ns() >= deadline)
                break;
        }
        if (refused == count) {
            result->status = SCOPE_INJECT_NOT_ALLOWED;
            return;
        }
        scope_sleep_ns(pause + (uint64_t)rand() % pause); /* not in step with a loop of the target's */
        if (pause < PAUSE_MAX_NS)
            pause += pause / 2;
    } while (scope_now_ns() < deadline);
    result->status = SCOPE_INJECT_NO_SAFE_POINT;
}

static void *work(void *argument) {
    struct scope_thread *thread = argument;
    struct candidate *candidates = calloc(MAX_THREADS, sizeof *candidates);
    if (ignores_segv(thread->plan->pid)) {
        thread->result->status = SCOPE_INJECT_UNSUPPORTED;
        snprintf(thread->result->message, sizeof thread->result->message, "it ignores the signal SIGSEGV");
    } else if (!candidates) {
        thread->result->error = ENOMEM;
    } else {
        hunt(thread, candidates);
    }
    free(candidates);
    return NULL;
}

EXPORTED int scope_inject(const struct scope_inject_plan *plan, struct scope_inject_result *result) {
    struct scope_thread *thread = aligned_alloc(64, (sizeof *thread + 63) & ~63ull);
    pthread_t worker;
    memset(result, 0, sizeof *result);
    result->status = SCOPE_INJECT_SYSTEM;
    if (!thread || strlen(plan->library) + strlen(plan->argument) + 2 > SCOPE_TEXT_BYTES) {
        result->error = ENAMETOOLONG;
    } else {
        memset(thread, 0, sizeof *thread);
        thread->plan = plan;
        thread->result = result;
        int problem = pthread_create(&worker, NULL, work, thread); /* from here on the result is the worker's */
        if (!problem)
            pthread_join(worker, NULL);
        else
            result->error = problem;
    }
    free(thread);
    return result->status;
}

#else

EXPORTED int scope_inject(const struct scope_inject_plan *plan, struct scope_inject_result *result) {
    (void)plan;
    memset(result, 0, sizeof *result);
    result->status = SCOPE_INJECT_UNSUPPORTED;
    snprintf(result->message, sizeof result->message, "this build cannot enter processes on this kind of processor");
    return result->status;
}
#endif
