/* Kinds of exceptions, which are those of a type that one place of the code raises: how often their frames are told. */
#ifndef SCOPE_RECORDER_EXCEPTION_KINDS_H
#define SCOPE_RECORDER_EXCEPTION_KINDS_H

#include "python_api.h"

#include <stddef.h>

struct scope_exception_kind {
    uint64_t hash; /* 0 = free */
    uint64_t told_ns;
    uint32_t told; /* how often, counted up to SCOPE_ALWAYS_TOLD */
    uint32_t line; /* where it is raised; 0 = not known */
};

#define SCOPE_ALWAYS_TOLD 3u

struct scope_exception_kind *scope_exception_kind_of(const PyObject *code, uint32_t offset, uint32_t type,
                                                     bool *is_new);
bool scope_exception_kind_is_due(struct scope_exception_kind *kind, bool all);
void scope_exception_kinds_close(void);
size_t scope_exception_kinds_bytes(void);

#endif
