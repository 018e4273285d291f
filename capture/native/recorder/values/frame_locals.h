/* Locals by their place in the interpreter's own frame: no frame object is made for it.
 *
 * A frame is 3.10's PyFrameObject or, later, _PyInterpreterFrame. Proved at each start on a function whose locals are
 * known; before that, and where the proof fails, nothing here may be asked. */
#ifndef SCOPE_RECORDER_FRAME_LOCALS_H
#define SCOPE_RECORDER_FRAME_LOCALS_H

#include "python_api.h"
#include "values/layout.h"

#define SCOPE_CELL_CONTENT 16    /* in a cell object */
#define SCOPE_FRAME_OF_OBJECT 24 /* in a PyFrameObject of 3.11 and later */

struct scope_frame_layout {
    size_t locals;       /* of a frame: the first local */
    size_t code;         /* of a frame: what it runs */
    uint64_t tags;       /* bits of both that are not the address: 3.14 */
    size_t thread_frame; /* of a thread's state: its innermost frame; 0 = not known: 3.10, 3.11 */
    bool is_indirect;    /* 3.12: a structure that begins with it */
};

extern struct scope_frame_layout scope_frame_layout;

bool scope_frame_locals_prove(void);

/* GIL held; does not allocate; borrowed, as long as the object. The interpreter's own frame. */
static inline const void *scope_frame_of(const PyFrameObject *object) {
    if (scope_python.version == 0x030a)
        return object;
    return (const void *)(uintptr_t)scope_word_at(object, SCOPE_FRAME_OF_OBJECT);
}

/* GIL held; does not allocate; borrowed, until the frame goes on. What it runs. */
static inline const PyObject *scope_frame_code(const void *frame) {
    return (const PyObject *)(uintptr_t)(scope_word_at(frame, scope_frame_layout.code) & ~scope_frame_layout.tags);
}

/* GIL held; does not allocate; borrowed, until the frame goes on; NULL = not bound. */
static inline PyObject *scope_frame_local(const void *frame, uint32_t slot) {
    const size_t at = scope_frame_layout.locals + sizeof(PyObject *) * slot;
    return (PyObject *)(uintptr_t)(scope_word_at(frame, at) & ~scope_frame_layout.tags);
}

/* GIL held; does not allocate; borrowed, until somebody binds it anew; NULL = not bound. */
static inline PyObject *scope_cell_content(const PyObject *cell) {
    return (PyObject *)(uintptr_t)scope_word_at(cell, SCOPE_CELL_CONTENT);
}

/* GIL held; does not allocate. The innermost frame of this thread; 3.12 and later. */
static inline const void *scope_frame_now(void) {
    const PyThreadState *thread = scope_python.running_state();
    const void *at = (const void *)(uintptr_t)scope_word_at(thread, scope_frame_layout.thread_frame);
    return scope_frame_layout.is_indirect ? (const void *)(uintptr_t)scope_word_at(at, 0) : at;
}

#endif
