/* Pools that their target cuts short: a pool's file is the target's, and touching a mapping past its file's end raises
 * SIGBUS, which would end the recorder. Empty memory is put in the mapping's place instead, so the access goes on and
 * the next scan finds no sound pool. No Python API here. */
#define _GNU_SOURCE
#include "host.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#define GUARDED 128 // a recorder holds 100 at the most (scope_gui/verbs/attach.py)

static struct {
    unsigned char *start;
    uint64_t size;
} guarded[GUARDED];
static struct sigaction others;
static int is_installed;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Whoever holds what; allocates nothing. mmap is a plain system call, as sigaction is. */
static void on_bus_error(int number, siginfo_t *info, void *context) {
    const int kept = errno;
    const unsigned char *at = info->si_addr;
    for (int i = 0; i < GUARDED; i++) {
        unsigned char *start = __atomic_load_n(&guarded[i].start, __ATOMIC_ACQUIRE);
        if (!start || at < start || at >= start + guarded[i].size)
            continue;
        void *put = mmap(start, guarded[i].size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
        errno = kept;
        if (put == start)
            return;
    }
    if (others.sa_flags & SA_SIGINFO)
        others.sa_sigaction(number, info, context);
    else if (others.sa_handler != SIG_DFL && others.sa_handler != SIG_IGN)
        others.sa_handler(number);
    else
        sigaction(SIGBUS, &others, NULL); /* the access is repeated, and ends us as it would have */
    errno = kept;
}

/* GIL not needed; allocates nothing. From now on nobody dies of this mapping. Returns 0, or -1 when there are too many. */
SCOPE_EXPORT int32_t scope_pool_guard(unsigned char *base, uint64_t size) {
    int32_t result = -1;
    pthread_mutex_lock(&lock);
    if (!is_installed) {
        struct sigaction ours = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
        is_installed = sigaction(SIGBUS, &ours, &others) == 0;
    }
    for (int i = 0; i < GUARDED && is_installed && result; i++)
        if (!guarded[i].start) {
            guarded[i].size = size;
            __atomic_store_n(&guarded[i].start, base, __ATOMIC_RELEASE);
            result = 0;
        }
    pthread_mutex_unlock(&lock);
    return result;
}

/* GIL not needed; allocates nothing. Before the mapping goes: another may get its place. */
SCOPE_EXPORT void scope_pool_unguard(unsigned char *base) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < GUARDED; i++)
        if (guarded[i].start == base) {
            __atomic_store_n(&guarded[i].start, NULL, __ATOMIC_RELEASE);
            break;
        }
    pthread_mutex_unlock(&lock);
}
