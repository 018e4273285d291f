/* Calling functions in a stopped thread, and putting everything back.
 *
 * A call: registers are set as after a `call` instruction whose return address is SCOPE_TRAP_ADDRESS; the thread runs
 * until it returns there and faults; we see the SIGSEGV before the target does and swallow it.
 *
 *   errno location, mmap    on the thread's own stack, well below its red zone: a few hundred bytes are written
 *   dlopen, entry           on the mapped scratch area, because a thread's own stack may be as small as 16 KiB
 *   munmap                  on the thread's own stack again
 *
 * Scratch area, SCOPE_SCRATCH_BYTES:
 *
 *   base                    library path \0 argument \0                            (SCOPE_TEXT_BYTES)
 *   ...                     the stack of the calls, growing down
 *   frame                   8 bytes return address, 304 bytes ucontext, padding, extended registers + 4
 *
 * What is saved and put back: all registers (with orig_rax, so that the kernel restarts an interrupted system call with
 * its remaining time), the extended registers, the signal mask, errno. While the calls run every signal but those of
 * faults and setxid is blocked: a handler would run on our scratch stack. The agent's thread inherits that
 * mask, which is what it wants: it must never take a signal meant for the program.
 *
 * If a call does not return in time, putting the registers back would leave a lock locked for ever. So the return
 * address is changed to libc's sigreturn stub, with a signal frame of the saved state right above it: the thread
 * puts itself back whenever the call does return, with or without us. Costs the scratch area; an interrupted call is
 * made again with its full time.
 */
#include "inject.h"

#if defined(__x86_64__)
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <dlfcn.h>
#include <unistd.h>

#define RED_ZONE_BYTES 128
#define OWN_STACK_GAP 512 /* below the red zone */
#define DIRECTION_FLAG 0x400u
#define TRAP_FLAG 0x100u
#define ALIGNMENT_FLAG 0x40000u
#define FRAME_BYTES (8 + 304 + 64 + sizeof(((struct scope_thread *)0)->extended) + 4)
#define UC_FP_XSTATE 1u
#define UC_SIGCONTEXT_SS 2u
#define UC_STRICT_RESTORE_SS 4u
#define BIT(signal) (1ull << ((signal) - 1))
#define SECOND_NS 1000000000ull
#define KERNEL_ERESTARTNOHAND 514
#define SIGNAL_SETXID 33 /* glibc: setuid() in one thread waits for all, holding the lock that pthread_create wants */
#define SOFTWARE_BYTES_AT 464 /* in the FXSAVE area */

static int write_memory(const struct scope_thread *thread, uint64_t address, const void *bytes, size_t size) {
    return pwrite(thread->plan->memory, bytes, size, (off_t)address) == (ssize_t)size;
}

static int read_memory(const struct scope_thread *thread, uint64_t address, void *bytes, size_t size) {
    return pread(thread->plan->memory, bytes, size, (off_t)address) == (ssize_t)size;
}

static uint64_t own_stack(const struct scope_thread *thread) {
    return ((thread->saved.rsp - RED_ZONE_BYTES - OWN_STACK_GAP) & ~15ull) - 8;
}

static int set_mask(const struct scope_thread *thread, uint64_t mask) {
    return ptrace(PTRACE_SETSIGMASK, thread->tid, (void *)sizeof mask, &mask) == 0;
}

static int save(struct scope_thread *thread) {
    struct iovec extended = {thread->extended, sizeof thread->extended};
    if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_X86_XSTATE, &extended) != 0)
        return 0;
    thread->extended_bytes = extended.iov_len;
    return ptrace(PTRACE_GETSIGMASK, thread->tid, (void *)sizeof thread->saved_mask, &thread->saved_mask) == 0;
}

static int has_restartable_result(const struct scope_thread *thread) {
    long result = (long)thread->saved.rax;
    return (long)thread->saved.orig_rax >= 0 && result <= -512 && result >= -516;
}

int scope_make_call_again(struct user_regs_struct *registers) {
    if ((registers->orig_rax != SYS_epoll_wait && registers->orig_rax != SYS_epoll_pwait) || (int)registers->r10 >= 0 ||
        (long)registers->rax != -EINTR)
        return 0;
    registers->rax = (unsigned long)-KERNEL_ERESTARTNOHAND;
    return 1;
}

static void put_back(struct scope_thread *thread) {
    struct iovec extended = {thread->extended, thread->extended_bytes};
    ptrace(PTRACE_SETREGSET, thread->tid, (void *)NT_X86_XSTATE, &extended);
    struct user_regs_struct registers = thread->saved;
    scope_make_call_again(&registers);
    ptrace(PTRACE_SETREGS, thread->tid, NULL, &registers);
    set_mask(thread, thread->saved_mask);
}

/* The frame that libc's sigreturn stub restores the saved state from, at `frame`; its first word is the return address. */
static int prepare_frame(const struct scope_thread *thread, uint64_t frame, uint64_t return_address) {
    const struct user_regs_struct *s = &thread->saved;
    uint64_t words[39] = {0};
    uint64_t extended_at = (frame + 8 + 304 + 63) & ~63ull;
    int restart = has_restartable_result(thread);
    uint64_t general[18] = {s->r8,
                            s->r9,
                            s->r10,
                            s->r11,
                            s->r12,
                            s->r13,
                            s->r14,
                            s->r15,
                            s->rdi,
                            s->rsi,
                            s->rbp,
                            s->rbx,
                            s->rdx,
                            restart ? s->orig_rax : s->rax,
                            s->rcx,
                            s->rsp,
                            restart ? s->rip - 2 : s->rip,
                            s->eflags};
    words[0] = return_address;
    words[1] = UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
    words[4] = 0x7fffffff; /* ss_flags the kernel refuses, silently: the alternate stack stays what it is */
    memcpy(&words[6], general, sizeof general);
    words[24] = s->cs | (s->ss << 48);
    words[29] = extended_at; /* after err, trapno, oldmask, cr2 */
    words[38] = thread->saved_mask;

    unsigned char extended[sizeof thread->extended + 4];
    uint64_t features;
    uint32_t size = (uint32_t)thread->extended_bytes, with_magic = size + 4, magic1 = FP_XSTATE_MAGIC1,
             magic2 = FP_XSTATE_MAGIC2;
    memcpy(extended, thread->extended, size);
    memcpy(&features, extended + SOFTWARE_BYTES_AT, 8); /* ptrace shows the enabled features there */
    memset(extended + SOFTWARE_BYTES_AT, 0, 48);
    memcpy(extended + SOFTWARE_BYTES_AT, &magic1, 4);
    memcpy(extended + SOFTWARE_BYTES_AT + 4, &with_magic, 4);
    memcpy(extended + SOFTWARE_BYTES_AT + 8, &features, 8);
    memcpy(extended + SOFTWARE_BYTES_AT + 16, &size, 4);
    memcpy(extended + size, &magic2, 4);
    return write_memory(thread, frame, words, sizeof words) && write_memory(thread, extended_at, extended, with_magic);
}

enum outcome { RETURNED, GONE, CRASHED, HANDED_OVER };

/* Stops the thread in the middle of its call and leaves it to the frame; RETURNED if the call just did. */
static enum outcome hand_over(struct scope_thread *thread, uint64_t frame, uint64_t *value) {
    int status;
    if (!write_memory(thread, frame, &thread->plan->sigreturn_address, 8))
        return GONE;
    ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL);
    if (scope_wait_stop(thread->tid, scope_now_ns() + SECOND_NS, &status) == SCOPE_WAIT_STOPPED) {
        struct user_regs_struct now;
        if (ptrace(PTRACE_GETREGS, thread->tid, NULL, &now) == 0 && now.rip == SCOPE_TRAP_ADDRESS) {
            *value = now.rax;
            return RETURNED;
        }
        ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(long)(status >> 16 ? 0 : WSTOPSIG(status)));
    } /* otherwise it is deep in the kernel: the end of our own thread detaches it */
    return HANDED_OVER;
}

/* Calls function(a, b, c, d, e, f) with the return address at `frame`. */
static enum outcome call(struct scope_thread *thread, uint64_t function, const uint64_t arguments[6], uint64_t frame,
                         int may_hand_over, uint64_t *value) {
    uint64_t trap = SCOPE_TRAP_ADDRESS;
    uint64_t deadline = may_hand_over && thread->plan->sigreturn_address
                            ? scope_now_ns() + thread->plan->call_ms * 1000000ull
                            : UINT64_MAX;
    struct user_regs_struct registers = thread->saved;
    registers.rip = function;
    registers.rsp = frame;
    registers.rbp = 0;
    registers.rdi = arguments[0];
    registers.rsi = arguments[1];
    registers.rdx = arguments[2];
    registers.rcx = arguments[3];
    registers.r8 = arguments[4];
    registers.r9 = arguments[5];
    registers.rax = 0;
    registers.orig_rax = (unsigned long)-1; /* or the kernel would restart a system call here */
    registers.eflags &= ~(unsigned long)(DIRECTION_FLAG | TRAP_FLAG | ALIGNMENT_FLAG);
    if (!write_memory(thread, frame, &trap, sizeof trap) || ptrace(PTRACE_SETREGS, thread->tid, NULL, &registers) != 0)
        return CRASHED;
    for (long deliver = 0;;) {
        int status, signal;
        if (ptrace(PTRACE_CONT, thread->tid, NULL, (void *)deliver) != 0)
            return errno == ESRCH ? GONE : CRASHED;
        switch (scope_wait_stop(thread->tid, deadline, &status)) {
        case SCOPE_WAIT_GONE:
            return GONE;
        case SCOPE_WAIT_TIMEOUT:
            return hand_over(thread, frame, value);
        case SCOPE_WAIT_STOPPED:
            break;
        }
        signal = WSTOPSIG(status);
        if (ptrace(PTRACE_GETREGS, thread->tid, NULL, &registers) != 0)
            return GONE;
        if (registers.rip == SCOPE_TRAP_ADDRESS && registers.rsp == frame + 8) {
            *value = registers.rax;
            return RETURNED;
        }
        if (status >> 16) { /* a stop of ptrace's own, or of the whole process: go on, the calls must end */
            deliver = 0;
        } else if (signal == SIGSTOP) {
            thread->pending_signal = signal; /* delivered when we detach */
            deliver = 0;
        } else if (signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGTRAP) {
            uint64_t slot = 0;
            read_memory(thread, frame, &slot, sizeof slot);
            snprintf(thread->result->message, sizeof thread->result->message,
                     "signal %d at %#llx in a call of %#llx, stack %+lld, return address %#llx", signal,
                     (unsigned long long)registers.rip, (unsigned long long)function,
                     (long long)(registers.rsp - frame), (unsigned long long)slot);
            return CRASHED;
        } else {
            deliver = signal;
        }
    }
}

static int fail(struct scope_thread *thread, enum outcome outcome) {
    thread->result->status = outcome == GONE      ? SCOPE_INJECT_GONE
                             : outcome == CRASHED ? SCOPE_INJECT_CRASHED
                                                  : SCOPE_INJECT_HANDED_OVER;
    if (outcome == CRASHED)
        put_back(thread);
    return 1;
}

static enum outcome explain_refusal(struct scope_thread *thread, uint64_t frame) {
    uint64_t text = 0, none[6] = {0};
    thread->result->status = SCOPE_INJECT_NOT_LOADED;
    if (!thread->plan->dlerror_address)
        return RETURNED;
    enum outcome outcome = call(thread, thread->plan->dlerror_address, none, frame, 1, &text);
    if (outcome == RETURNED && text)
        for (size_t i = 0; i < sizeof thread->result->message - 1; i++)
            if (!read_memory(thread, text + i, thread->result->message + i, 1) || !thread->result->message[i])
                break;
    return outcome;
}

/* dlopen and entry on the scratch area. RETURNED with result->status set, or what went wrong. */
static enum outcome load_and_start(struct scope_thread *thread, uint64_t base) {
    const struct scope_inject_plan *plan = thread->plan;
    struct scope_inject_result *result = thread->result;
    char text[SCOPE_TEXT_BYTES] = {0};
    size_t path_bytes = strlen(plan->library) + 1;
    uint64_t frame = ((base + SCOPE_SCRATCH_BYTES - FRAME_BYTES) & ~15ull) - 8, value = 0;
    enum outcome outcome;
    memcpy(text, plan->library, path_bytes);
    memcpy(text + path_bytes, plan->argument, strlen(plan->argument) + 1);
    if (!write_memory(thread, base, text, sizeof text) || !prepare_frame(thread, frame, SCOPE_TRAP_ADDRESS))
        return CRASHED;

    result->library_base = plan->library_base;
    if (!plan->library_base) {
        uint64_t handle = 0, arguments[6] = {base, RTLD_NOW};
        if ((outcome = call(thread, plan->dlopen_address, arguments, frame, 1, &handle)) != RETURNED)
            return outcome;
        if (!handle || !read_memory(thread, handle, &result->library_base, 8)) /* link_map begins with l_addr */
            return explain_refusal(thread, frame);
    }
    uint64_t arguments[6] = {base + path_bytes};
    outcome = call(thread, result->library_base + plan->entry_offset, arguments, frame, 1, &value);
    if (outcome == RETURNED) {
        result->value = (int32_t)value;
        result->status = result->value ? SCOPE_INJECT_ENTRY_FAILED : SCOPE_INJECT_DONE;
    }
    return outcome;
}

int scope_call_in(struct scope_thread *thread) {
    const struct scope_inject_plan *plan = thread->plan;
    uint64_t none[6] = {0}, errno_at = 0, base = 0, ignored, own = own_stack(thread), probe;
    uint64_t area[6] = {0, SCOPE_SCRATCH_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0};
    uint64_t keep = BIT(SIGSEGV) | BIT(SIGTRAP) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGNAL_SETXID);
    int saved_errno = 0;
    enum outcome outcome;
    if (!read_memory(thread, own - 64, &probe, 8) || !save(thread) || !set_mask(thread, ~keep))
        return 0;

    outcome = call(thread, plan->errno_address, none, own, 0, &errno_at);
    if (outcome == CRASHED) { /* no room left on its stack */
        put_back(thread);
        return 0;
    }
    if (outcome != RETURNED)
        return fail(thread, outcome);
    read_memory(thread, errno_at, &saved_errno, sizeof saved_errno);
    if ((outcome = call(thread, plan->mmap_address, area, own, 0, &base)) != RETURNED)
        return fail(thread, outcome);
    if (base == (uint64_t)MAP_FAILED) {
        thread->result->status = SCOPE_INJECT_NOT_LOADED;
        snprintf(thread->result->message, sizeof thread->result->message, "it has no memory left for 256 KiB");
    } else {
        if ((outcome = load_and_start(thread, base)) != RETURNED)
            return fail(thread, outcome);
        uint64_t whole[6] = {base, SCOPE_SCRATCH_BYTES};
        if ((outcome = call(thread, plan->munmap_address, whole, own, 0, &ignored)) != RETURNED)
            return fail(thread, outcome);
    }
    write_memory(thread, errno_at, &saved_errno, sizeof saved_errno);
    put_back(thread);
    return 1;
}
#endif
