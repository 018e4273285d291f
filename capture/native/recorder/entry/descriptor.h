/* Descriptors that prove themselves: a number and the file that it meant when we made it. Knows nothing of Python. */
#ifndef SCOPE_RECORDER_DESCRIPTOR_H
#define SCOPE_RECORDER_DESCRIPTOR_H

#include <stdbool.h>
#include <sys/types.h>

struct scope_descriptor {
    bool open; /* all zero: closed */
    int fd;
    dev_t device;
    ino_t inode;
};

struct scope_descriptor scope_descriptor_of(int fd);
bool scope_descriptor_move_away(struct scope_descriptor *d);
bool scope_descriptor_is_ours(const struct scope_descriptor *d);
void scope_descriptor_close(struct scope_descriptor *d);

#endif
