/* Runs a program with none of the launcher's frames below it.
 *
 * A program that asks for its stack (inspect.stack, a logger with stack_info, warnings with a stacklevel) would find the
 * launcher at its end, where python alone has nothing, and would reach the limit of its recursion some calls early.
 * While the program runs, the thread's innermost frame is what it was before the launcher's first one, and its depth
 * too; greenlet does the same for each new greenlet. The thread's state is private to each version, so a place in it is
 * believed only if it holds what is known: the frame that runs now, the limit of recursion. Where it does not, the
 * program runs all the same, upon the launcher. */
#include "entry/bottom.h"

/* PyFrameObject of 3.11 and later; the stable ABI hides it. */
struct frame_object {
    PyObject head;
    PyFrameObject *back;
    struct inner_frame *inner;
};

struct inner_frame { /* of 3.12 and later */
    void *code;
    struct inner_frame *previous;
};

#define WORDS_OF_STATE 24
#define CFRAME 7        /* words into the thread's state of 3.11 and 3.12 */
#define DEPTH_OF_3_10 8 /* ints into the thread's state */
#define DEEPEST 64
#define NEAR_BYTES 65536 /* of C stack between the launcher's evaluation and us: a few calls */

/* GIL not needed; does not allocate. Whether the evaluation that called us can have left a record there: it may be read
 * then, whatever it is. In a build whose thread state is laid out otherwise the word is a flag, a count, another pointer. */
static bool lies_on_this_stack(const void *pointer) {
    const uintptr_t here = (uintptr_t)&pointer, there = (uintptr_t)pointer;
    return there > here && there - here < NEAR_BYTES && there % sizeof(void *) == 0;
}

/* GIL held; does not allocate; the place that holds this thread's innermost frame, or NULL. */
static void **find_frame(void *innermost) {
    void **state = (void **)PyThreadState_Get(), **place = NULL;
    if (scope_python.version == 0x030b || scope_python.version == 0x030c) {
        const bool older = scope_python.version == 0x030b;
        void **cframe = state[CFRAME];
        if (!lies_on_this_stack(cframe))
            return NULL;
        place = cframe + (older ? 1 : 0);
        return *place == innermost ? place : NULL;
    }
    for (size_t i = 0; i < WORDS_OF_STATE; i++)
        if (state[i] == innermost) {
            if (place)
                return NULL;
            place = &state[i];
        }
    return place;
}

/* GIL held; does not allocate. What is the innermost frame before any Python runs: none, or since 3.15 one that the
 * thread's state itself contains. */
static bool find_bottom(struct inner_frame *innermost, void **bottom) {
    *bottom = NULL;
    if (scope_python.version < 0x030f)
        return true;
    for (int depth = 0; innermost->previous; depth++) {
        if (depth == DEEPEST)
            return false;
        innermost = innermost->previous;
    }
    *bottom = innermost;
    return true;
}

/* GIL held; does not allocate. How many calls deep this thread is, `*place` counts them (up, or since 3.11 down from the
 * limit in the next int); 0 = not known. */
static int find_depth(int **place) {
    int *state = (int *)PyThreadState_Get();
    const int limit = Py_GetRecursionLimit();
    if (scope_python.version < 0x030b) {
        *place = &state[DEPTH_OF_3_10];
        return **place > 0 && **place < DEEPEST ? **place : 0;
    }
    for (size_t i = 1; i < 2 * WORDS_OF_STATE; i++)
        if (state[i] == limit && state[i - 1] < limit && state[i - 1] > limit - DEEPEST) {
            *place = &state[i - 1];
            return limit - state[i - 1];
        }
    return 0;
}

/* GIL held; runs the program; new reference or NULL with an exception. run_at_bottom(function, *arguments) */
PyObject *scope_run_at_bottom(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *function = PyTuple_GetItem(args, 0); /* borrowed */
    PyObject *arguments = function ? PyTuple_GetSlice(args, 1, PyTuple_Size(args)) : NULL;
    if (!arguments)
        return NULL;
    PyFrameObject *frame = PyEval_GetFrame(); /* borrowed */
    void *innermost = frame && scope_python.version >= 0x030b ? (void *)((struct frame_object *)frame)->inner : frame;
    void *bottom = NULL, **place = innermost ? find_frame(innermost) : NULL;
    const bool found = place && find_bottom(innermost, &bottom);
    int *counter = NULL, depth = find_depth(&counter);
    if (depth && scope_python.version < 0x030c && PyCFunction_CheckExact(function))
        depth += 1; /* these versions count the call of exec(), too */
    const int change = scope_python.version < 0x030b ? -depth : depth;
    if (found)
        *place = bottom;
    if (depth)
        *counter += change;
    PyObject *result = PyObject_CallObject(function, arguments);
    if (found)
        *place = innermost;
    if (depth)
        *counter -= change; /* by difference: the program may have set another limit */
    Py_DecRef(arguments);
    return result;
}
