/* A file of ours that is mapped, and no descriptor of it: pool.bin and defs.bin. Knows nothing of Python. */
#ifndef SCOPE_RECORDER_MAPPED_FILE_H
#define SCOPE_RECORDER_MAPPED_FILE_H

#include <stdbool.h>
#include <stddef.h>

int scope_file_map(const char *path, size_t bytes, void **base);
bool scope_file_reserve(void *at, size_t bytes);

#endif
