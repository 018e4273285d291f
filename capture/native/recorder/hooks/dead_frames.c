/* The frames of exceptions: whether they can be told here. There is nothing to hook. */
#include "hooks/dead_frames.h"

#include "values/frame_locals.h"
#include "values/words.h"
#include "values/written.h"

/* GIL held, given up as Python code does; allocates; runs our code; never leaves an exception. */
bool scope_dead_frames_prove(void) {
    return scope_python.cell && scope_python.frame_back && scope_frame_locals_prove();
}

/* GIL held; allocates plain memory; 0 or -1 with an exception. */
int scope_dead_frames_put(void) {
    if (scope_words_open())
        return 0;
    PyErr_NoMemory();
    return -1;
}

/* GIL held; does not allocate. */
void scope_dead_frames_sweep(PyObject *frames) {
    (void)frames;
    scope_written_sweep();
}

/* GIL held; releases weak references, frees plain memory. */
void scope_dead_frames_undo(void) {
    scope_words_close();
}
