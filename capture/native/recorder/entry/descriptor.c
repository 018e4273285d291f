/* A descriptor is only a number, and the program may close it and get it back for a file of its own.
 *
 * So each use asks first whether the number still means our file, and what stays open for long moves to a high number:
 * the kernel gives out the lowest free one, so a high one is not given out again soon after it was closed. What is left
 * is a program that closes the number and opens its thousandth file between the question and the use. */
#include "entry/descriptor.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#define STANDARD 3 /* a program that has closed its standard streams may open them again */

/* Where to look for a free number, by how many descriptors the process may have. Higher ones would need a larger table,
 * which every fork copies. */
static const int away[] = {992, 224, 32};

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
    int fd = -1;
    for (size_t i = 0; fd < 0 && i < sizeof away / sizeof *away; i++)
        fd = fcntl(d->fd, F_DUPFD_CLOEXEC, away[i]);
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
