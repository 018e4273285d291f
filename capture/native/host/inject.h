/* Putting a library into a running process: one call, one thread of the target stopped for some milliseconds.
 *
 * Python finds out everything that files can tell (addresses, code ranges) and fills a plan; this side does what
 * must be C: ptrace, where every request has to come from the one OS thread that attached.
 *
 *   inject.c       the entry point and the hunt for a thread that stands at a safe point
 *   inject_safe.c  what a safe point is, and why
 *   inject_call.c  calling functions in the stopped thread and putting everything back
 *   inject_wait.c  waiting until a thread stops
 *
 * The structs below are mirrored field by field in capture/attach/inject.py; all integers little-endian, natural alignment.
 */
#ifndef SCOPE_INJECT_H
#define SCOPE_INJECT_H

#include <stddef.h>
#include <stdint.h>

struct scope_code_range { /* [start, end) in the target */
    uint64_t start;
    uint64_t end;
};

enum scope_inject_status {
    SCOPE_INJECT_DONE = 0,
    SCOPE_INJECT_GONE = 1,          /* the process ended */
    SCOPE_INJECT_NOT_ALLOWED = 2,   /* the kernel refused; see error */
    SCOPE_INJECT_STOPPED = 3,       /* the process is stopped (SIGSTOP): it could not go on in any case */
    SCOPE_INJECT_NO_SAFE_POINT = 4, /* until the deadline no thread was seen at one; nothing was changed */
    SCOPE_INJECT_NOT_LOADED = 5,    /* dlopen refused; see message */
    SCOPE_INJECT_ENTRY_FAILED = 6,  /* the entry function returned an error; see value */
    SCOPE_INJECT_HANDED_OVER = 7,   /* a call did not return in time; the thread puts itself back when it does */
    SCOPE_INJECT_CRASHED = 8,       /* a call faulted; registers were put back */
    SCOPE_INJECT_UNSUPPORTED = 9,   /* not this machine's architecture, SIGSEGV ignored; see message */
    SCOPE_INJECT_SYSTEM = 10        /* our own side failed; see error */
};

struct scope_inject_plan {
    int32_t pid;
    uint32_t unsafe_count;
    const struct scope_code_range *unsafe; /* libc, loader, vdso, whatever defines malloc */
    uint32_t loader_count;
    uint32_t hunt_ms; /* give up when no safe point was seen for so long */
    const struct scope_code_range *loader;
    uint32_t call_ms; /* then the thread is left to put itself back */
    int32_t memory;   /* /proc/PID/mem of the image that the addresses are of: of another one it reads nothing */
    uint64_t mmap_address;
    uint64_t munmap_address;
    uint64_t errno_address; /* __errno_location */
    uint64_t dlopen_address;
    uint64_t dlerror_address;   /* 0 = unknown */
    uint64_t sigreturn_address; /* mov $15,%rax; syscall; 0 = unknown */
    uint64_t library_base;      /* load bias of the library if it is mapped already, else 0 */
    uint64_t entry_offset;      /* of int entry(const char *argument) in the library */
    const char *library;        /* path as the target sees it */
    const char *argument;
};

struct scope_inject_result {
    int32_t status;
    int32_t error;      /* errno of the request that failed */
    int32_t tid;        /* the thread that was used */
    int32_t syscall_nr; /* that it was blocked in; -1 = it was running */
    uint32_t attempts;  /* stops made, the good one included */
    uint32_t pad;
    uint64_t stopped_ns; /* how long that thread was held */
    uint64_t hunt_ns;    /* until the good stop */
    uint64_t library_base;
    int64_t value; /* of the entry function */
    char message[240];
};

#define SCOPE_TRAP_ADDRESS 0x5c0u /* never mapped (below mmap_min_addr), and not the usual 0 of a null call */
#define SCOPE_SCRATCH_BYTES (256u * 1024u)
#define SCOPE_TEXT_BYTES 8192u /* at the bottom of the scratch area: library path, argument */

#if defined(__x86_64__)
#include <sys/user.h>

struct scope_thread { /* the stopped thread as it was, and where we are with it */
    const struct scope_inject_plan *plan;
    struct scope_inject_result *result;
    int tid;
    int pending_signal;
    struct user_regs_struct saved;
    uint64_t saved_mask;
    size_t extended_bytes;
    _Alignas(64) unsigned char extended[32768]; /* x87, SSE, AVX, ... */
};

enum scope_wait { SCOPE_WAIT_STOPPED, SCOPE_WAIT_TIMEOUT, SCOPE_WAIT_GONE };

/* Waits until the thread stops; *status as from waitpid. */
enum scope_wait scope_wait_stop(int tid, uint64_t deadline_ns, int *status);

/* Nonzero if calling dlopen and pthread_create in this thread cannot wait for itself. */
int scope_is_safe_point(const struct scope_inject_plan *plan, const struct user_regs_struct *regs, int memory);

/* Loads the library, calls its entry, puts the thread back. The thread stays stopped unless handed over.
 * Returns 0 if the thread could not be used and is as it was: try another. */
int scope_call_in(struct scope_thread *thread);

/* epoll_wait answers EINTR to every stop, unlike the rest. Without a timeout, making the call again is the same call; a
 * handler that is due gets its EINTR all the same. Nonzero if the registers of a stopped thread were changed. */
int scope_make_call_again(struct user_regs_struct *registers);

uint64_t scope_now_ns(void);
void scope_sleep_ns(uint64_t ns);
#endif
#endif
