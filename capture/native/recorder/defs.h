/* defs.bin: what the numbers in the pool mean. Append-only; a definition is in the file before its first use. */
#ifndef SCOPE_RECORDER_DEFS_H
#define SCOPE_RECORDER_DEFS_H

#include "scope_pool.h"

#include <stdbool.h>

int scope_defs_open(const char *path);
void scope_defs_close(void);
void scope_defs_forget(void);
bool scope_define(enum scope_def kind, uint32_t id, const char *const *fields, int count);

#endif
