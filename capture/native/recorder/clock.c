/* Whether the time stamp counter can be trusted: the CPU must promise it and the kernel must use it. */
#include "clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

uint32_t scope_clock_kind = SCOPE_CLOCK_MONOTONIC;

#if defined(__x86_64__)
/* GIL not needed; allocates only stdio buffers. */
static bool tsc_is_trusted(void) {
    char line[8192] = "";
    FILE *file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
    if (!file)
        return false;
    bool used = fgets(line, sizeof line, file) && strcmp(line, "tsc\n") == 0;
    fclose(file);
    if (!used || !(file = fopen("/proc/cpuinfo", "re")))
        return false;
    bool promised = false;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, "flags", 5) == 0) {
            promised = strstr(line, " constant_tsc") && strstr(line, " nonstop_tsc");
            break;
        }
    fclose(file);
    return promised;
}
#endif

/* GIL not needed; allocates only stdio buffers. Returns the kind that scope_ticks() uses from now on. */
uint32_t scope_clock_choose(void) {
    scope_clock_kind = SCOPE_CLOCK_MONOTONIC;
#if defined(__x86_64__)
    if (tsc_is_trusted())
        scope_clock_kind = SCOPE_CLOCK_TSC;
#endif
    return scope_clock_kind;
}
