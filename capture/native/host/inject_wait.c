/* Waiting for a thread of the target to stop. */
#include "inject.h"

#if defined(__x86_64__)
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

uint64_t scope_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

void scope_sleep_ns(uint64_t ns) {
    struct timespec pause = {(time_t)(ns / 1000000000ull), (long)(ns % 1000000000ull)};
    nanosleep(&pause, NULL);
}

enum scope_wait scope_wait_stop(int tid, uint64_t deadline_ns, int *status) {
    uint64_t pause = 10000;
    for (;;) {
        siginfo_t event = {0};
        /* Only looks at an end: if the target is a child of ours, its exit status is for whoever started it. */
        int flags = WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL | __WNOTHREAD;
        if (waitid(P_PID, (id_t)tid, &event, flags) != 0) {
            if (errno != EINTR)
                return SCOPE_WAIT_GONE;
        } else if (event.si_pid == tid && event.si_code != CLD_TRAPPED && event.si_code != CLD_STOPPED) {
            return SCOPE_WAIT_GONE;
        } else if (event.si_pid == tid) {
            flags = WSTOPPED | WNOHANG | __WALL | __WNOTHREAD;
            if (waitid(P_PID, (id_t)tid, &event, flags) == 0 && event.si_pid == tid) {
                *status = (event.si_status << 8) | 0x7f; /* as from waitpid */
                return SCOPE_WAIT_STOPPED;
            }
        }
        if (scope_now_ns() >= deadline_ns)
            return SCOPE_WAIT_TIMEOUT;
        scope_sleep_ns(pause);
        if (pause < 200000)
            pause += pause / 4;
    }
}
#endif
