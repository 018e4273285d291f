/* What a generator's frame says of itself on 3.10 and 3.11, where it is read while it runs. */
#ifndef SCOPE_RECORDER_GENERATOR_FRAME_H
#define SCOPE_RECORDER_GENERATOR_FRAME_H

#include "python_api.h"

#include "scope_pool.h"

#include <string.h>

#define SCOPE_FRAME_CODE_OFFSET 32 /* in 3.10's PyFrameObject and in 3.11's _PyInterpreterFrame */

/* What a frame's beginning can be, besides an event. */
#define SCOPE_FRAME_LOOKED_AT 0u      /* the profile function tells of this frame */
#define SCOPE_FRAME_SILENT UINT32_MAX /* nothing is to be told */

uint32_t scope_generator_begins(const void *frame, int throwing);
bool scope_generator_is_suspended(const void *frame);
bool scope_generator_frames_are_known(void);

/* GIL held; does not allocate. A pointer inside a structure. */
static inline void *scope_pointer_at(const void *structure, size_t offset) {
    void *value;
    memcpy(&value, (const unsigned char *)structure + offset, sizeof value);
    return value;
}

#endif
