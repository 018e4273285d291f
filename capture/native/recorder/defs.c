/* defs.bin: what the numbers in the pool mean.
 *
 * One write(2) per definition: the bytes are in the page cache when it returns, so they outlive a kill -9 of the
 * target, and O_APPEND never touches what is already there. */
#include "defs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIELD_LIMIT 4096
#define HEAD_BYTES 16

static int defs_fd = -1;

/* GIL not needed; does not allocate. 0, or an errno. */
int scope_defs_open(const char *path) {
    defs_fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return defs_fd < 0 ? errno : 0;
}

/* GIL not needed; async-signal-safe (a forked child calls it too). */
void scope_defs_close(void) {
    if (defs_fd >= 0)
        close(defs_fd);
    defs_fd = -1;
}

/* GIL not needed; does not allocate. */
static uint32_t fnv1a(uint32_t hash, const unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

/* GIL held (it orders the writers); does not allocate. False when the definition could not be stored: then its number
 * must not be used. A partly written one is cut off again, because a torn definition hides all that follow. */
bool scope_define(enum scope_def kind, uint32_t id, const char *const *fields, int count) {
    unsigned char buffer[HEAD_BYTES + 5 * (FIELD_LIMIT + 1)];
    size_t size = HEAD_BYTES;
    for (int i = 0; i < count && i < 5; i++) {
        if (i)
            buffer[size++] = 0;
        size_t length = strnlen(fields[i], FIELD_LIMIT);
        if (length == FIELD_LIMIT)
            while (length > 0 && (fields[i][length] & 0xc0) == 0x80)
                length--; /* never cut inside a UTF-8 character */
        memcpy(buffer + size, fields[i], length);
        size += length;
    }
    const uint16_t magic = SCOPE_DEF_MAGIC;
    const uint32_t payload_bytes = (uint32_t)(size - HEAD_BYTES);
    memcpy(buffer, &magic, 2);
    buffer[2] = (unsigned char)kind;
    buffer[3] = 0;
    memcpy(buffer + 4, &id, 4);
    memcpy(buffer + 8, &payload_bytes, 4);
    uint32_t checksum = fnv1a(2166136261u, buffer, 12);
    checksum = fnv1a(checksum, buffer + HEAD_BYTES, payload_bytes);
    memcpy(buffer + 12, &checksum, 4);

    ssize_t written;
    do
        written = write(defs_fd, buffer, size);
    while (written < 0 && errno == EINTR);
    if (written == (ssize_t)size)
        return true;
    struct stat now;
    if (written > 0 && fstat(defs_fd, &now) == 0 && ftruncate(defs_fd, now.st_size - written) != 0)
        scope_defs_close(); /* nothing readable can follow a torn definition: define nothing more */
    return false;
}
