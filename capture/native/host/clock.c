/* Pairs of one instant on the recorder's two clocks: the target's ticks and CLOCK_MONOTONIC. No Python API here. */
#include "host.h"

#include <time.h>

static uint64_t now_ns(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

SCOPE_EXPORT uint64_t scope_ticks(uint32_t clock_kind) {
    if (clock_kind != SCOPE_CLOCK_TSC)
        return now_ns(CLOCK_MONOTONIC);
#if defined(__x86_64__)
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((uint64_t)hi << 32) | lo;
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return now_ns(CLOCK_MONOTONIC);
#endif
}

/* Fills out[4] = ticks, monotonic ns, realtime ns, half-width of the bracket in ns.
 * Of 16 tries the tightest bracket wins: one interrupt between two reads would otherwise bend the time line. */
SCOPE_EXPORT void scope_clock_pair(uint32_t clock_kind, uint64_t out[4]) {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 16; i++) {
        uint64_t before = now_ns(CLOCK_MONOTONIC);
        uint64_t ticks = scope_ticks(clock_kind);
        uint64_t after = now_ns(CLOCK_MONOTONIC);
        if (after - before < best) {
            best = after - before;
            out[0] = clock_kind == SCOPE_CLOCK_TSC ? ticks : before + best / 2;
            out[1] = before + best / 2;
        }
    }
    uint64_t mono = now_ns(CLOCK_MONOTONIC);
    out[2] = now_ns(CLOCK_REALTIME) - (mono - out[1]);
    out[3] = best / 2;
}
