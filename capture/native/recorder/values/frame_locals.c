/* Where locals are, and the proof of it.
 *
 * Finished versions cannot change, and those that are not may; so a function of our own is called at each start, with one
 * parameter of every kind, two of them in cells, and reads its own frame as the hooks do.
 *
 * Source: CPython, Include/internal/pycore_frame.h, Include/cpython/frameobject.h, Include/cpython/pystate.h. */
#include "values/frame_locals.h"

#include "filter.h"

#define PARAMETERS 6
#define LOCALS_310 7 /* of the function below: its cells follow */
#define THIRD_IS_FIRST_CELL 0
#define KEYWORDS_ARE_SECOND_CELL 1

static const char source[] = "def prove(a, b, /, c, *d, e, **f):\n"
                             "    def inner(): return c, f\n"
                             "    return look()\n";

struct scope_frame_layout scope_frame_layout;

static PyObject *expected[PARAMETERS]; /* borrowed while the function runs: a, b, c, what is in d, e, what is in f */
static bool is_proved;

/* GIL held; does not allocate. As these versions are known to be. */
static void assume(void) {
    const unsigned version = scope_python.version;
    scope_frame_layout = (struct scope_frame_layout){
        .locals = version == 0x030a  ? 352
                  : version < 0x030e ? 72
                                     : 80,
        .code = version < 0x030c ? 32 : 0,
        .tags = version < 0x030e ? 0 : 3,
        .thread_frame = version < 0x030c    ? 0
                        : version == 0x030c ? 56
                                            : 72,
        .is_indirect = version == 0x030c,
    };
}

/* GIL held; may allocate a frame object; borrowed, NULL = not found. The frame that calls us, as the hooks get it. */
static const void *own_frame(void) {
    const PyFrameObject *object = PyEval_GetFrame(); /* borrowed */
    const void *frame = object ? scope_frame_of(object) : NULL;
    if (!frame || scope_frame_layout.thread_frame == 0)
        return frame;
    const PyThreadState *thread = scope_python.running_state ? scope_python.running_state() : NULL;
    return thread && scope_frame_now() == frame ? frame : NULL;
}

/* GIL held; does not allocate. What is in the cell of a parameter; NULL = there is no cell as there should be. */
static PyObject *in_cell(const void *frame, uint32_t slot, uint32_t cell) {
    const bool is_apart = scope_python.version == 0x030a;
    const PyObject *holder = scope_frame_local(frame, is_apart ? LOCALS_310 + cell : slot);
    if (!holder || (is_apart && scope_frame_local(frame, slot)))
        return NULL;
    return scope_cell_content(holder);
}

/* GIL held; does not allocate. */
static bool is_known(const void *frame) {
    PyFrameObject *object = PyEval_GetFrame(); /* borrowed */
    PyObject *code = (PyObject *)PyFrame_GetCode(object);
    Py_DecRef(code);
    if (scope_frame_code(frame) != code)
        return false;
    PyObject *rest = scope_frame_local(frame, 4), *keywords = in_cell(frame, 5, KEYWORDS_ARE_SECOND_CELL);
    return scope_frame_local(frame, 0) == expected[0] && scope_frame_local(frame, 1) == expected[1] &&
           in_cell(frame, 2, THIRD_IS_FIRST_CELL) == expected[2] && scope_frame_local(frame, 3) == expected[4] &&
           rest && PyTuple_CheckExact(rest) && PyTuple_Size(rest) == 1 && PyTuple_GetItem(rest, 0) == expected[3] &&
           keywords && PyDict_CheckExact(keywords) && PyDict_GetItemString(keywords, "g") == expected[5];
}

/* GIL held; may allocate a frame object; new reference. Called by the function. */
static PyObject *look(PyObject *self, PyObject *unused) {
    (void)self, (void)unused;
    const void *frame = own_frame();
    is_proved = frame && is_known(frame);
    PyErr_Clear();
    SCOPE_RETURN_NONE;
}

static PyMethodDef look_method = {"look", look, METH_NOARGS, NULL};

/* GIL held; allocates; runs our code; new reference or NULL with an exception. */
static PyObject *make_function(PyObject *globals) {
    PyObject *code = Py_CompileString(source, SCOPE_OWN_CODE, Py_file_input);
    PyObject *asked = code ? PyCFunction_NewEx(&look_method, NULL, NULL) : NULL, *result = NULL;
    if (asked && PyDict_SetItemString(globals, "look", asked) == 0)
        result = PyEval_EvalCode(code, globals, globals);
    PyObject *function = result ? PyDict_GetItemString(globals, "prove") : NULL; /* borrowed */
    if (function)
        Py_IncRef(function);
    PyObject *parts[] = {code, asked, result};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    return function;
}

/* GIL held; allocates; runs our code; no exception of ours goes on. prove(a, b, c, d, e=e, g=f) */
static void call(PyObject *function) {
    PyObject *positional = PyTuple_Pack(4, expected[0], expected[1], expected[2], expected[3]);
    PyObject *keywords = positional ? Py_BuildValue("{s:O,s:O}", "e", expected[4], "g", expected[5]) : NULL;
    PyObject *result = keywords ? PyObject_Call(function, positional, keywords) : NULL;
    PyObject *parts[] = {positional, keywords, result};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held, given up as Python code does; allocates; runs our code; never leaves an exception. Runs on a thread that is
 * not recorded. */
bool scope_frame_locals_prove(void) {
    assume();
    is_proved = false;
    PyObject *globals = PyDict_New(), *function = globals ? make_function(globals) : NULL;
    for (int i = 0; i < PARAMETERS; i++)
        expected[i] = PyFloat_FromDouble(i + 0.5);
    if (function && expected[0] && expected[1] && expected[2] && expected[3] && expected[4] && expected[5])
        call(function);
    PyErr_Clear();
    for (int i = 0; i < PARAMETERS; i++) {
        if (expected[i])
            Py_DecRef(expected[i]);
        expected[i] = NULL;
    }
    if (function)
        Py_DecRef(function);
    if (globals)
        Py_DecRef(globals);
    return is_proved;
}
