/* A descriptor is only a number, and the program may close it and get it back for a file of its own.
 *
 * So each use asks first whether the number still means our file, and what stays open for long moves to a high number:
 * the kernel gives out the lowest free one, so a high one is not given out again soon after it was closed. What is left
 * is a program that closes the number and opens its thousandth file between the question and the use. */
#include "descriptor.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define HIGHEST 1024 /* a table for higher numbers would take memory, and every fork copies it */
#define BELOW 32     /* how far below the highest to look for a free number */
#define STANDARD 3   /* a program that has closed its standard streams may open them again */

/* GIL not needed; does not allocate. What a call that makes descriptors has just returned; -1 is closed. */
struct scope_descriptor scope_descriptor_of(int fd) {
    struct stat now;
    if (fd < 0 || fstat(fd, &now) != 0)
        return (struct scope_descriptor){0};
    return (struct scope_descriptor){.open = true, .fd = fd, .device = now.st_dev, .inode = now.st_ino};
}

/* GIL not needed; does not allocate; async-signal-safe. */
bool scope_descriptor_is_ours(const struct scope_descriptor *d) {
    struct stat now;
    return d->open && fstat(d->fd, &now) == 0 && now.st_dev == d->device && now.st_ino == d->inode;
}

/* GIL not needed; does not allocate; async-signal-safe: a forked child closes what it inherited. */
void scope_descriptor_close(struct scope_descriptor *d) {
    if (scope_descriptor_is_ours(d))
        close(d->fd);
    d->open = false;
}

/* GIL not needed; does not allocate. Gives the file a number out of the way; false, with errno, if only one of the
 * standard streams' is to be had. */
bool scope_descriptor_move_away(struct scope_descriptor *d) {
    struct rlimit limit;
    int highest = HIGHEST;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < HIGHEST)
        highest = (int)limit.rlim_cur;
    int fd = highest > BELOW + STANDARD ? fcntl(d->fd, F_DUPFD_CLOEXEC, highest - BELOW) : -1;
    if (fd < 0 && d->fd >= STANDARD)
        return true;
    if (fd < 0)
        fd = fcntl(d->fd, F_DUPFD_CLOEXEC, STANDARD);
    if (fd < 0)
        return false;
    if (scope_descriptor_is_ours(d))
        close(d->fd);
    d->fd = fd;
    return true;
}
