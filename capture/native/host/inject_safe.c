/* When may a stopped thread be made to call dlopen() and pthread_create()?
 *
 * Both take locks: malloc's arenas, the loader's (dl_load_lock and friends), the thread-stack cache. If the thread
 * itself holds one of them, it waits for itself and the target freezes for good. Nobody can ask a thread which locks
 * it holds, so we argue from where it stands:
 *
 * (a) Blocked in a system call from the list below, made from outside the loader. malloc and the stack cache only make
 *     brk, mmap, munmap, mprotect, madvise, getrandom and plain FUTEX_WAIT/WAKE; the loader's own calls are made from its
 *     own code. The listed calls come from code that holds none of these locks: glibc's condition variables,
 *     semaphores and joins use FUTEX_WAIT_BITSET, its plain locks FUTEX_WAIT. "Blocked" is checked in the result
 *     register (ERESTART*, EINTR): a call that has just *completed* is refused, because malloc may once read
 *     /proc/sys/vm/overcommit_memory (heap_trim) and that read never blocks.
 * (b) Running in user mode with its program counter outside libc (and the pieces of it that were separate before
 *     2.34), the loader, the vdso and every library that defines malloc. Their locks are taken and released inside
 *     their own code; where they call out, they either hold none of them or hold recursive ones:
 *       library constructors, called with dl_load_lock held   recursive; constructors may call dlopen themselves
 *       dl_iterate_phdr callbacks (C++ unwinding, old glibc)   dl_load_write_lock, recursive; additions go to the end
 *       fork handlers                                          run before fork takes malloc's locks
 *       pthread_once, TLS and key destructors, qsort, atexit   none of the three
 *       indirect-function resolvers                            would be wrong, are a dozen instructions long, once
 *                                                              per library: accepted, as nobody ever blocks there
 * (c) Neither of these speaks for what lies further up the stack, and one thing can lie there: a signal that came in the
 *     middle of malloc and whose handler now runs, or blocks in a read. So the stack above is searched for the
 *     frame the kernel leaves there (its return address is libc's sigreturn stub, its layout and segment selectors are
 *     the kernel's), and the point is refused if the interrupted program counter lies in the ranges of (b).
 *     A general search of the stack for return addresses in malloc or the loader was tried on paper and rejected:
 *     lazy binding leaves such addresses in unused parts of live frames, and a parked thread would be refused for ever.
 *
 * A thread that blocks every signal, has a tiny stack, or is not Python's is fine: the calls run on a stack of ours.
 */
#include "inject.h"

#if defined(__x86_64__)
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KERNEL_ERESTARTSYS 512
#define KERNEL_ERESTARTNOINTR 513
#define KERNEL_ERESTARTNOHAND 514
#define KERNEL_ERESTART_RESTARTBLOCK 516
#define USER_CODE_SEGMENT 0x33
#define STACK_SEARCH_BYTES (64 * 1024)

static int in_ranges(const struct scope_code_range *ranges, uint32_t count, uint64_t address) {
    for (uint32_t i = 0; i < count; i++)
        if (address >= ranges[i].start && address < ranges[i].end)
            return 1;
    return 0;
}

static int is_listed_call(const struct user_regs_struct *regs) {
    switch ((long)regs->orig_rax) {
    case SYS_accept:
    case SYS_accept4:
    case SYS_read:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
    case 441: /* epoll_pwait2 */
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_wait4:
    case SYS_waitid:
    case SYS_pause:
    case SYS_rt_sigtimedwait:
    case SYS_connect:
    case SYS_restart_syscall: /* one with a timeout, interrupted before: sleep, poll, futex; plain locks have none */
        return 1;
    case SYS_futex: {
        int operation = (int)regs->rsi & FUTEX_CMD_MASK;
        return operation == FUTEX_WAIT_BITSET;
    }
    default:
        return 0;
    }
}

static int was_blocked(const struct user_regs_struct *regs) {
    switch ((long)regs->rax) {
    case -KERNEL_ERESTARTSYS:
    case -KERNEL_ERESTARTNOINTR:
    case -KERNEL_ERESTARTNOHAND:
    case -KERNEL_ERESTART_RESTARTBLOCK:
    case -EINTR:
        return 1;
    default:
        return 0;
    }
}

/* The part of the kernel's struct ucontext, right above the return address of a signal frame, that identifies it. */
struct signal_context {
    uint64_t flags, link, altstack[3];
    uint64_t registers[16]; /* r8 r9 r10 r11 r12 r13 r14 r15 rdi rsi rbp rbx rdx rax rcx rsp */
    uint64_t rip, eflags;
    uint16_t code_segment, gs, fs, stack_segment;
};

static int is_in_handler_of_unsafe_code(const struct scope_inject_plan *plan, uint64_t stack, int memory) {
    uint64_t words[STACK_SEARCH_BYTES / 8];
    ssize_t got = 0, part;
    while (got < STACK_SEARCH_BYTES) { /* page by page: the stack may end before the window does */
        size_t until_page = 4096 - ((stack + (uint64_t)got) & 4095);
        size_t wanted =
            until_page < (size_t)(STACK_SEARCH_BYTES - got) ? until_page : (size_t)(STACK_SEARCH_BYTES - got);
        part = pread(memory, (char *)words + got, wanted, (off_t)(stack + (uint64_t)got));
        if (part <= 0)
            break;
        got += part;
    }
    size_t count = (size_t)got / 8, context_words = (sizeof(struct signal_context) + 7) / 8;
    for (size_t i = 0; i + 1 + context_words <= count; i++) {
        if (words[i] != plan->sigreturn_address)
            continue;
        const struct signal_context *context = (const struct signal_context *)&words[i + 1];
        if (context->flags <= 7 && context->code_segment == USER_CODE_SEGMENT &&
            in_ranges(plan->unsafe, plan->unsafe_count, context->rip))
            return 1;
    }
    return 0;
}

int scope_is_safe_point(const struct scope_inject_plan *plan, const struct user_regs_struct *regs, int memory) {
    if (regs->cs != USER_CODE_SEGMENT)
        return 0;
    if ((long)regs->orig_rax >= 0) {
        if (!is_listed_call(regs) || !was_blocked(regs) || in_ranges(plan->loader, plan->loader_count, regs->rip))
            return 0;
    } else if (in_ranges(plan->unsafe, plan->unsafe_count, regs->rip)) {
        return 0;
    }
    return !plan->sigreturn_address || !is_in_handler_of_unsafe_code(plan, regs->rsp & ~7ull, memory);
}
#endif
