/* Hands edges and comparisons of Python code on to libFuzzer. The sanitizer's library, which has to be loaded early, has
 * empty functions of the same names, and they would be the ones that are called; loaded before it, these are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>

#define SCOPE_EXPORT __attribute__((visibility("default")))

/* libFuzzer's own function of that name; NULL before it is loaded. */
static void *own(const char *name) {
    const char *library = getenv("SCOPE_LIBFUZZER");
    void *loaded = library ? dlopen(library, RTLD_LAZY | RTLD_NOLOAD) : NULL;
    return loaded ? dlsym(loaded, name) : NULL;
}

#define HAND_ON(name, parameters, arguments)                                                                           \
    SCOPE_EXPORT void name parameters {                                                                                \
        static void(*next) parameters;                                                                                 \
        if (!next)                                                                                                     \
            next = (void(*) parameters)own(#name);                                                                     \
        if (next)                                                                                                      \
            next arguments;                                                                                            \
    }

HAND_ON(__sanitizer_cov_8bit_counters_init, (unsigned char *first, unsigned char *end), (first, end))
HAND_ON(__sanitizer_cov_pcs_init, (const uintptr_t *first, const uintptr_t *end), (first, end))
HAND_ON(__sanitizer_cov_trace_cmp8, (uint64_t left, uint64_t right), (left, right))
HAND_ON(__sanitizer_cov_trace_const_cmp8, (uint64_t left, uint64_t right), (left, right))
