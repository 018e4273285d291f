/* Loaded before the C library into a program that means harm: what is sent as JSON goes to the program first, which may
 * send something else instead, or answer -1. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/socket.h>

static long (*before_sending)(int, const void *, long);

void set_before_sending(void *function) {
    before_sending = (long (*)(int, const void *, long))function;
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
    static ssize_t (*real)(int, const void *, size_t, int);
    if (!real)
        real = (ssize_t (*)(int, const void *, size_t, int))dlsym(RTLD_NEXT, "send");
    if (before_sending && size && *(const char *)data == '{') {
        long sent = before_sending(fd, data, (long)size);
        if (sent >= 0)
            return sent;
    }
    return real(fd, data, size, flags);
}
