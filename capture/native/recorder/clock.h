/* The one reading of time in the target: TSC ticks where the kernel trusts the TSC, else CLOCK_MONOTONIC. */
#ifndef SCOPE_CLOCK_H
#define SCOPE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define SCOPE_CLOCK_TSC 1u
#define SCOPE_CLOCK_MONOTONIC 2u

extern uint32_t scope_clock_kind;

uint32_t scope_clock_choose(void);

/* GIL not needed; does not allocate. */
static inline uint64_t scope_mono_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* GIL not needed; does not allocate. A few ms coarse, but four times cheaper than a full reading. */
static inline uint64_t scope_coarse_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* GIL not needed; does not allocate. */
static inline bool scope_clock_is_an_instruction(void) {
#if defined(__x86_64__)
    return scope_clock_kind == SCOPE_CLOCK_TSC;
#else
    return false;
#endif
}

/* GIL not needed; does not allocate. */
static inline uint64_t scope_ticks(void) {
#if defined(__x86_64__)
    if (__builtin_expect(scope_clock_is_an_instruction(), 1))
        return __rdtsc();
#endif
    return scope_mono_ns();
}

#endif
