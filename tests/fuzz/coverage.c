/* Counts the edges that a library compiled with -fsanitize-coverage=trace-pc passes, for libFuzzer: gcc has no counters
 * of its own that it could use. Two edges may share a counter; nothing depends on it but what is thought to be new. */
#include <stdint.h>

#define COUNTERS 8192
#define SCOPE_EXPORT __attribute__((visibility("default")))

static unsigned char counts[COUNTERS];
static struct {
    uintptr_t place, flags;
} all[COUNTERS];

SCOPE_EXPORT unsigned char *const scope_counters = counts;
SCOPE_EXPORT void *const scope_places = all;

/* Hidden: the sanitizer's own, which does nothing, comes before this in the order of libraries. */
__attribute__((visibility("hidden"))) void __sanitizer_cov_trace_pc(void) {
    const uintptr_t place = (uintptr_t)__builtin_return_address(0) - (uintptr_t)counts;
    counts[(place ^ place >> 13) % COUNTERS]++;
}
