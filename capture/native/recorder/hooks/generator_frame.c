/* What a generator's frame says of itself on 3.10 and 3.11: whether it begins, goes on or waits.
 *
 * A frame is 3.10's PyFrameObject or 3.11's _PyInterpreterFrame, which there lies inside the generator. Both versions
 * are finished; a build that lays its frames out in another way is still met by a proof on a live generator, without
 * which the profile function tells of generators, as it does where there is no evaluation function. */
#include "hooks/generator_frame.h"

#define STATE_OFFSET_310 108
#define STATE_OFFSET_311 (-5) /* the last byte but four of the generator before its frame */
#define LAST_OFFSET_311 56    /* of the address of the instruction that ran last */
#define OWNER_OFFSET_311 69
#define OWNED_BY_GENERATOR 1
#define STATE_CREATED (-2)
#define STATE_SUSPENDED (-1)
#define STATE_EXECUTING 0 /* where this does not hold every resume is looked at */
#define OP_RETURN_GENERATOR_311 75
#define INNER_OFFSET_311 24 /* of the frame in 3.11's PyFrameObject */

/* GIL held; does not allocate. Of a generator's frame, or one like it. */
static int state_of(const void *frame) {
    const int offset = scope_python.version == 0x030a ? STATE_OFFSET_310 : STATE_OFFSET_311;
    return *((const signed char *)frame + offset);
}

/* GIL held; does not allocate. On 3.11. */
static bool belongs_to_generator(const void *frame) {
    return ((const unsigned char *)frame)[OWNER_OFFSET_311] == OWNED_BY_GENERATOR;
}

/* GIL held; does not allocate. On 3.11: whether the generator has only been made. */
static bool has_just_been_made(const void *frame) {
    const unsigned char *last = scope_pointer_at(frame, LAST_OFFSET_311);
    return *last == OP_RETURN_GENERATOR_311;
}

/* GIL held; does not allocate. An event, or one of the two above. 3.10 tells a throw as a resume. */
uint32_t scope_generator_begins(const void *frame, int throwing) {
    if (scope_python.version == 0x030b && !belongs_to_generator(frame))
        return SCOPE_FRAME_SILENT; /* the call that only makes the generator */
    const int state = state_of(frame);
    if (scope_python.version == 0x030a)
        return state == STATE_CREATED ? SCOPE_CALL : state == STATE_SUSPENDED ? SCOPE_RESUME : SCOPE_FRAME_LOOKED_AT;
    if (state != STATE_EXECUTING)
        return SCOPE_FRAME_LOOKED_AT;
    return throwing ? SCOPE_THROW : has_just_been_made(frame) ? SCOPE_CALL : SCOPE_RESUME;
}

/* GIL held; does not allocate. Of a frame that is still there if it is a generator's. */
bool scope_generator_is_suspended(const void *frame) {
    return state_of(frame) == STATE_SUSPENDED;
}

/* GIL held; does not allocate. Whether a generator's frame reads as one that has been made, or that waits. */
static bool reads_as(const void *frame, const PyObject *code, bool made) {
    if (scope_pointer_at(frame, SCOPE_FRAME_CODE_OFFSET) != code ||
        state_of(frame) != (made ? STATE_CREATED : STATE_SUSPENDED))
        return false;
    return scope_python.version == 0x030a || (belongs_to_generator(frame) && has_just_been_made(frame) == made);
}

/* GIL held; allocates; new reference or NULL with an exception. A generator that yields once. */
static PyObject *new_generator(void) {
    PyObject *source = Py_CompileString("(None for _ in (None,))", "<generator>", Py_eval_input);
    PyObject *globals = source ? PyDict_New() : NULL, *builtins = PyEval_GetBuiltins(); /* borrowed */
    PyObject *generator = NULL;
    if (globals && builtins && PyDict_SetItemString(globals, "__builtins__", builtins) == 0)
        generator = PyEval_EvalCode(source, globals, globals);
    if (source)
        Py_DecRef(source);
    if (globals)
        Py_DecRef(globals);
    return generator;
}

/* GIL held; allocates; never leaves an exception. Whether all of this holds for a live generator of this interpreter. Runs
 * on a thread without hooks. */
bool scope_generator_frames_are_known(void) {
    PyObject *generator = new_generator();
    PyObject *frame = generator ? PyObject_GetAttrString(generator, "gi_frame") : NULL;
    PyObject *code = frame ? PyObject_GetAttrString(generator, "gi_code") : NULL, *value = NULL;
    bool known = false;
    if (code) {
        const bool old = scope_python.version == 0x030a;
        const PyFrameObject *present = PyEval_GetFrame(); /* borrowed */
        const void *inner = old ? (void *)frame : scope_pointer_at(frame, INNER_OFFSET_311);
        const bool other = old || (present && !belongs_to_generator(scope_pointer_at(present, INNER_OFFSET_311)));
        const bool made = reads_as(inner, code, true);
        value = PyIter_Next(generator);
        known = made && other && value && reads_as(inner, code, false);
    }
    PyErr_Clear();
    PyObject *parts[] = {value, code, frame, generator};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    return known;
}
