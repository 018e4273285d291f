/* Mapping a new file once, and finding space in it later, without a descriptor.
 *
 * A descriptor is only a number. A program that closes what it does not know (a daemon) and opens files of its own gives
 * that number to one of them; what was then written or reserved "in our file" went into the program's. A mapping stays
 * the file's whatever the program does with its numbers.
 *
 * Touching a page that a full file system cannot provide would kill the target with SIGBUS. So pages are asked for
 * before they are touched, by having the kernel touch them: it answers with an error where we would get the signal. */
#define _GNU_SOURCE
#include "mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define LEAST_PAGE_BYTES 4096u
#define SIGNAL_MASK_BYTES 8u /* what rt_sigprocmask writes */

/* GIL not needed; does not allocate. Whether the number still means the file at `path`: another thread may close any
 * number at any time. */
static bool is_file_at(int fd, const char *path) {
    struct stat held, there;
    return fstat(fd, &held) == 0 && lstat(path, &there) == 0 && held.st_dev == there.st_dev &&
           held.st_ino == there.st_ino;
}

/* GIL not needed; maps memory. 0, or an errno: then there is no file. The new file at `path`, `bytes` long and without
 * space of its own yet; a forked child does not have the mapping. */
int scope_file_map(const char *path, size_t bytes, void **base) {
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    int problem = is_file_at(fd, path) ? 0 : EBADF;
    if (!problem && ftruncate(fd, (off_t)bytes) != 0)
        problem = errno;
    void *mapped = problem ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!problem && mapped == MAP_FAILED)
        problem = errno;
    if (is_file_at(fd, path))
        close(fd);
    if (problem) {
        unlink(path);
        return problem;
    }
    madvise(mapped, bytes, MADV_DONTFORK);
    madvise(mapped, bytes, MADV_DONTDUMP);
    *base = mapped;
    return 0;
}

/* GIL not needed; does not allocate; async-signal-safe. Whether `bytes` at `at`, whole pages that nothing was written to
 * yet, may be written from now on. Kernels before 5.14 cannot populate a mapping and a sandbox may forbid it; there any call that reports something
 * into memory of ours does the same for a page, and this one changes nothing. */
bool scope_file_reserve(void *at, size_t bytes) {
    if (madvise(at, bytes, MADV_POPULATE_WRITE) == 0)
        return true;
    if (errno == EFAULT || errno == ENOMEM)
        return false;
    for (size_t page = 0; page < bytes; page += LEAST_PAGE_BYTES) {
        unsigned char *first = (unsigned char *)at + page;
        if (syscall(SYS_rt_sigprocmask, 0, NULL, first, (size_t)SIGNAL_MASK_BYTES) != 0)
            return false;
        memset(first, 0, SIGNAL_MASK_BYTES);
    }
    return true;
}
