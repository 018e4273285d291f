/* Which line of its caller a function is called from. */
#ifndef SCOPE_RECORDER_CALL_LINES_H
#define SCOPE_RECORDER_CALL_LINES_H

#include "call_places.h"
#include "python_api.h"
#include "values/frame_locals.h"

#define SCOPE_EVALUATION_OF_THREAD 56 /* the two on 3.11 */
#define SCOPE_FRAME_OF_EVALUATION 8

struct scope_caller_layout {
    bool is_known;
    size_t previous;    /* of a frame: who called it */
    size_t instruction; /* of a frame: the address of the one that runs, or of its end; on 3.10 its number */
};

extern struct scope_caller_layout scope_caller_layout;

bool scope_call_lines_prove(void);
uint32_t scope_called_from_somewhere(const void *caller);

/* GIL held; does not allocate; borrowed, until it ends; NULL: nobody called it. */
static inline const void *scope_frame_caller(const void *frame) {
    return (const void *)(uintptr_t)scope_word_at(frame, scope_caller_layout.previous);
}

/* GIL held; does not allocate; borrowed, until it ends; NULL: nobody calls it. Of a frame that this thread is about to run, on
 * 3.10 and 3.11: 3.11 makes it known only then. */
static inline const void *scope_caller_of_new(const PyThreadState *thread, const void *frame) {
    if (scope_python.version == 0x030a)
        return scope_frame_caller(frame);
    const void *evaluation = (const void *)(uintptr_t)scope_word_at(thread, SCOPE_EVALUATION_OF_THREAD);
    return (const void *)(uintptr_t)scope_word_at(evaluation, SCOPE_FRAME_OF_EVALUATION);
}

/* GIL held; does not allocate. Where a frame stands, as one number: from 3.11 on a code object contains its instructions.
 * On 3.10 the number of the instruction follows the address of the code object, whose low bits are 0. */
static inline uint64_t scope_frame_place(const void *frame) {
    if (SCOPE_LIKELY(scope_python.version != 0x030a))
        return scope_word_at(frame, scope_caller_layout.instruction);
    const uint32_t number = (uint32_t)scope_word_at(frame, scope_caller_layout.instruction);
    return ((uint64_t)(uintptr_t)scope_frame_code(frame) << 16) + 2 * (uint64_t)number;
}

/* GIL held; does not allocate. Where the innermost recorded function of a stack stands, as the upper bits of the `a` of the
 * event that a function begins which is called there: its line, 0 = not known. `caller`: the innermost frame, and its place. */
static inline uint32_t scope_called_from_place(const void *caller, uint64_t key) {
    const struct scope_call_place *place = scope_call_place_of(key);
    if (SCOPE_LIKELY(place->key == key && place->line <= SCOPE_MOST_CALL_LINE))
        return place->line << SCOPE_SITE_BITS;
    return scope_called_from_somewhere(caller);
}

/* GIL held; does not allocate. The same, NULL: nobody calls. */
static inline uint32_t scope_called_from(const void *caller) {
    return caller ? scope_called_from_place(caller, scope_frame_place(caller)) : 0;
}

/* GIL held; does not allocate. The same of a frame that has just begun; 3.12 and later, where a place is an address. */
static inline uint32_t scope_frame_called_from(const void *frame) {
    const void *caller = scope_frame_caller(frame);
    return SCOPE_LIKELY(caller != NULL)
               ? scope_called_from_place(caller, scope_word_at(caller, scope_caller_layout.instruction))
               : 0;
}

/* GIL held; does not allocate. The same of the innermost frame of this thread. */
static inline uint32_t scope_called_now_from(void) {
    return SCOPE_LIKELY(scope_caller_layout.is_known) ? scope_frame_called_from(scope_frame_now()) : 0;
}

#endif
