/* Which line of its caller a function is called from.
 *
 * A frame leads to its caller, and says which instruction runs. From 3.12 on the interpreter puts frames of its own
 * between those of functions: where C calls, and where a class makes an instance. Those have no lines and are passed,
 * as callers are that are not recorded.
 *
 * All of it is proved at each start against what frame objects say, on calls of every kind that the interpreter treats
 * by itself, often enough for it to specialize them.
 *
 * Source: CPython, Include/internal/pycore_frame.h, Include/cpython/frameobject.h (3.10), Objects/codeobject.c. */
#include "values/call_lines.h"

#include "filter.h"
#include "sites.h"

#define OWNED_BY_C 3    /* or more: a frame of the interpreter's; 3.12 and later */
#define IMMORTAL_BIT 30 /* of a count of references */
#define ROUNDS 40
#define LOOKS_A_ROUND 4
#define MOST_PASSED 8         /* frames that are not recorded, between caller and called */
#define MOST_BYTES (1u << 20) /* of instructions, where a key has room for no more: 3.10 */

static const char source[] = "def called(*given):\n"
                             "    look()\n"
                             "def each():\n"
                             "    look()\n"
                             "    yield\n"
                             "class Made:\n"
                             "    __init__ = called\n"
                             "def prove(rounds):\n"
                             "    for one in rounds:\n"
                             "        called(one)\n"
                             "        list(map(called, (one,)))\n"
                             "        Made()\n"
                             "        for other in each():\n"
                             "            pass\n";

struct scope_caller_layout scope_caller_layout;

static size_t owner_at;   /* of a frame; 0: it has none */
static uint64_t first_at; /* of the first instruction, from the code object on; 3.11 and later */
static uint32_t looks;    /* of the proof */
static uint32_t right;    /* of these, that found what the frame object says */

/* GIL held; does not allocate. As these versions are known to be. */
static void assume(void) {
    const unsigned version = scope_python.version;
    scope_caller_layout = (struct scope_caller_layout){
        .previous = version == 0x030a  ? 24
                    : version < 0x030c ? 48
                                       : 8,
        .instruction = version == 0x030a ? 96 : 56,
    };
    owner_at = version < 0x030c ? 0 : version < 0x030e ? 70 : 74;
    first_at = 0;
}

/* GIL held; does not allocate; no exception. The line where a frame stands, 0 = it has none that can be told. */
static uint32_t line_of(const void *frame) {
    const PyObject *code = scope_frame_code(frame);
    const uint64_t key = scope_frame_place(frame), address = (uint64_t)(uintptr_t)code;
    const uint64_t at = scope_python.version == 0x030a ? key - (address << 16) : key - address - first_at;
    const int line = at < MOST_BYTES ? scope_python.code_line((PyObject *)(uintptr_t)code, (int)at) : 0;
    return line > 0 && line <= (int)SCOPE_MOST_CALL_LINE ? (uint32_t)line : 0;
}

/* GIL held; does not allocate. Whether it is the interpreter's own, for C that calls. */
static bool is_between(const void *frame) {
    return owner_at && ((const unsigned char *)frame)[owner_at] >= OWNED_BY_C;
}

/* GIL held; does not allocate. Whether it runs code of the interpreter's own that stays for ever and has no lines. */
static bool is_lineless(const void *frame) {
    return (uint32_t)scope_word_at(scope_frame_code(frame), 0) >> IMMORTAL_BIT && !line_of(frame);
}

/* GIL held; does not allocate. The line where a frame stands, or SCOPE_NOT_RECORDED_PLACE. It is kept where it is heard of
 * when the code goes. */
static uint32_t look_up(const void *frame) {
    const PyObject *code = scope_frame_code(frame);
    const bool is_passed = is_between(frame);
    const struct scope_code *known = is_passed ? NULL : scope_code_find(code);
    const uint32_t line = known && known->site ? line_of(frame) : SCOPE_NOT_RECORDED_PLACE;
    if (known || is_passed || is_lineless(frame))
        scope_call_place_keep(code, scope_frame_place(frame), line);
    return line;
}

/* GIL held; does not allocate. As scope_called_from(), whose caller is not known yet, or not recorded. */
SCOPE_NOT_INLINE uint32_t scope_called_from_somewhere(const void *caller) {
    for (int i = 0; caller && i < MOST_PASSED; i++) {
        const uint64_t key = scope_frame_place(caller);
        const struct scope_call_place *place = scope_call_place_of(key);
        const uint32_t line = place->key == key ? place->line : look_up(caller);
        if (line != SCOPE_NOT_RECORDED_PLACE)
            return line << SCOPE_SITE_BITS;
        caller = scope_frame_caller(caller);
    }
    return 0;
}

/* GIL held; may allocate frame objects; -1 = there is none. What frame objects say. */
static int line_of_caller(PyFrameObject *frame) {
    PyFrameObject *back = scope_python.frame_back(frame);
    const int line = back ? PyFrame_GetLineNumber(back) : -1;
    if (back)
        Py_DecRef((PyObject *)back);
    return line;
}

/* GIL held; may allocate a frame object. Whether the function that calls us is called from where we find it to be. */
static bool reads_right(void) {
    PyFrameObject *object = PyEval_GetFrame(); /* borrowed */
    const void *frame = object ? scope_frame_of(object) : NULL;
    if (!frame || (scope_python.version == 0x030b && scope_caller_of_new(PyThreadState_Get(), NULL) != frame))
        return false;
    if (!looks++ && scope_python.frame_lasti)
        first_at = scope_frame_place(frame) - (uint64_t)(uintptr_t)scope_frame_code(frame) -
                   (uint64_t)scope_python.frame_lasti(object);
    const void *caller = scope_frame_caller(frame);
    for (int i = 0; caller && i < MOST_PASSED; i++, caller = scope_frame_caller(caller))
        if (!is_between(caller) && !is_lineless(caller))
            return (int)line_of(caller) == line_of_caller(object);
    return false;
}

/* GIL held; may allocate frame objects; new reference. Called by the functions. */
static PyObject *look(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    right += reads_right();
    PyErr_Clear();
    SCOPE_RETURN_NONE;
}

static PyMethodDef look_method = {"look", look, METH_NOARGS, NULL};

/* GIL held; allocates; runs our code; may leave an exception. */
static void call_in_every_way(PyObject *globals) {
    PyObject *code = Py_CompileString(source, SCOPE_OWN_CODE, Py_file_input);
    PyObject *asked = code ? PyCFunction_NewEx(&look_method, NULL, NULL) : NULL, *defined = NULL;
    PyObject *rounds = asked ? PyBytes_FromStringAndSize(NULL, ROUNDS) : NULL, *done = NULL;
    if (rounds && PyDict_SetItemString(globals, "look", asked) == 0 &&
        PyDict_SetItemString(globals, "__builtins__", PyEval_GetBuiltins()) == 0)
        defined = PyEval_EvalCode(code, globals, globals);
    PyObject *prove = defined ? PyDict_GetItemString(globals, "prove") : NULL; /* borrowed */
    if (prove)
        done = PyObject_CallFunctionObjArgs(prove, rounds, NULL);
    PyObject *parts[] = {code, asked, defined, rounds, done};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held, given up as Python code does; allocates; runs our code; never leaves an exception. Runs on a thread that is not
 * recorded. */
bool scope_call_lines_prove(void) {
    const bool has_frames = scope_frame_locals_prove();
    assume();
    looks = right = 0;
    PyObject *globals = PyDict_New();
    const bool has_lines = scope_python.code_line && (scope_python.frame_lasti || scope_python.version == 0x030a);
    if (globals && has_frames && has_lines)
        call_in_every_way(globals);
    PyErr_Clear();
    if (globals)
        Py_DecRef(globals);
    return right == ROUNDS * LOOKS_A_ROUND;
}
