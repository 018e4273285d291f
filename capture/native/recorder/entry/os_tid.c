/* The kernel's number of a thread of which only the pthread handle is known: sys._current_frames() gives handles, and
 * `threading` knows numbers only of the threads that it started itself.
 *
 * Both glibc and musl keep the number in the block that the handle points to, at a place that no header tells. It is
 * found on our own thread, whose number we know, and every answer is checked against the kernel's list of threads. */
#include "entry/os_tid.h"

#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SEARCHED_BYTES 1024u /* less than either library's block, so that no search leaves it */

/* GIL not needed; does not allocate; 0 when the place is not certain. */
static size_t place_of_tid(void) {
    const char *block = (const char *)pthread_self();
    const uint32_t own = (uint32_t)syscall(SYS_gettid);
    size_t found = 0;
    for (size_t at = 4; at < SEARCHED_BYTES; at += 4) {
        uint32_t word;
        memcpy(&word, block + at, sizeof word);
        if (word != own)
            continue;
        if (found)
            return 0;
        found = at;
    }
    return found;
}

/* GIL held, which keeps the thread from ending; does not allocate; 0 when it cannot be told. */
uint32_t scope_os_tid_of(pthread_t thread) {
    static size_t place;
    if (!place)
        place = place_of_tid();
    if (!place)
        return 0;
    uint32_t tid;
    memcpy(&tid, (const char *)thread + place, sizeof tid);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%u", tid);
    return access(path, F_OK) == 0 ? tid : 0;
}
