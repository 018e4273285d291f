/* Our place in sys.monitoring: an id, callbacks and events, taken, proved and given back.
 *
 * Any code of the program can free our id, set its events, or register over our callbacks, and is not asked by anybody.
 * So four times a second the place is proved: the id still bears our very name, its events are set, every callback is
 * alive (its `self` is a capsule that tells when it dies), and a generator of our own is heard as it starts, yields,
 * resumes and returns, which somebody who keeps our callbacks alive cannot feign. Asking for a callback is no way: it
 * takes registering another, which audit hooks hear of.
 *
 * Who takes the place and gives it back in between, as one does who keeps what register_callback() returns, passes every
 * proof. So functions of ours in the definitions of those that change a tool's place note that it was ours.
 *
 * What lies between the last proof, or the first such note after it, and the proof in hand is not known. Hooks go back
 * where our id is ours or free; an id that another tool has is left alone, also in the end. */
#include "hooks/tool.h"

#include "clock.h"
#include "filter.h"
#include "hooks/direct_call.h"
#include "hooks/greenlets.h"
#include "interpreters.h"
#include "hooks/replaced.h"
#include "unseen.h"
#include "writer.h"

#include <string.h>

static struct scope_callback *callbacks;
static size_t callback_count;
static int tool = -1;
static PyObject *name;             /* the very object that we gave sys.monitoring; strong */
static PyObject *canary;           /* a function that makes the generator; strong, or NULL */
static PyObject *set_local_events; /* a built-in function; strong, or NULL */
static unsigned times_in;          /* how often hooks have gone in */
static long events;
static uint32_t wanted_kinds, heard_kinds;
static uint64_t proved_ticks;
static uint64_t touched_ticks; /* when the program first changed our place since then; 0 = it has not */
static bool is_lost;

static PyObject *frees(PyObject *self, PyObject *id);
static PyObject *clears(PyObject *self, PyObject *id);
static PyObject *registers(PyObject *self, PyObject *const *args, Py_ssize_t count);
static PyObject *sets(PyObject *self, PyObject *const *args, Py_ssize_t count);

static struct scope_replaced changes[] = {
    {"free_tool_id", frees, NULL, NULL, METH_O},
    {"clear_tool_id", clears, NULL, NULL, METH_O}, /* 3.14 */
    {"register_callback", (scope_method)(void (*)(void))registers, NULL, NULL, METH_FASTCALL},
    {"set_events", (scope_method)(void (*)(void))sets, NULL, NULL, METH_FASTCALL},
};

#define CHANGES (sizeof changes / sizeof *changes)

/* GIL held; does not allocate; no exception. Before a call that changes the place of the tool `id`. */
static void note_change(PyObject *id) {
    if (tool < 0 || touched_ticks || scope_tls == &scope_muted || !PyLong_CheckExact(id) ||
        scope_in_another_interpreter())
        return;
    if (PyLong_AsLong(id) == tool)
        touched_ticks = scope_ticks();
    PyErr_Clear();
}

/* GIL held; new reference or NULL with an exception. Before 3.14 events and callbacks stay where they are. */
static PyObject *frees(PyObject *self, PyObject *id) {
    if (scope_python.version >= 0x030e)
        note_change(id);
    return changes[0].original(self, id);
}

/* GIL held; new reference or NULL with an exception. */
static PyObject *clears(PyObject *self, PyObject *id) {
    note_change(id);
    return changes[1].original(self, id);
}

/* As clears(). */
static PyObject *registers(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count)
        note_change(args[0]);
    return ((scope_fast_method)(void (*)(void))changes[2].original)(self, args, count);
}

/* As clears(). */
static PyObject *sets(PyObject *self, PyObject *const *args, Py_ssize_t count) {
    if (count)
        note_change(args[0]);
    return ((scope_fast_method)(void (*)(void))changes[3].original)(self, args, count);
}

/* GIL held; allocates; borrowed or NULL with an exception. The sys.monitoring namespace. */
static PyObject *monitoring(void) {
    PyObject *namespace = PySys_GetObject("monitoring");
    if (!namespace)
        PyErr_SetString(PyExc_RuntimeError, "this interpreter has no sys.monitoring");
    return namespace;
}

/* GIL held; allocates. The number of an event, 0 with an exception. */
static long event_bit(PyObject *namespace, const char *event) {
    PyObject *all = PyObject_GetAttrString(namespace, "events");
    PyObject *value = all ? PyObject_GetAttrString(all, event) : NULL;
    long bit = value ? PyLong_AsLong(value) : 0;
    if (all)
        Py_DecRef(all);
    if (value)
        Py_DecRef(value);
    return PyErr_Occurred() ? 0 : bit;
}

/* GIL held; allocates; 0 or -1 with an exception. Steals `result`. */
static int finish(PyObject *result) {
    if (!result)
        return -1;
    Py_DecRef(result);
    return 0;
}

/* GIL held; allocates; new reference or NULL with an exception. Whose an id is: None = nobody's. */
static PyObject *owner_of(PyObject *namespace, int id) {
    return PyObject_CallMethod(namespace, "get_tool", "i", id);
}

/* GIL held; allocates; 0 or -1 with an exception. A free id: 3 and 4 have no meaning of their own, 5 and 1, 2, 0 are
 * the optimizer's, coverage's, a profiler's and the debugger's. Never takes one that is in use. */
static int take_id(PyObject *namespace) {
    static const int candidates[] = {3, 4, 5, 1, 2, 0};
    tool = -1;
    for (int i = 0; i < 6; i++) {
        PyObject *owner = owner_of(namespace, i);
        if (!owner)
            return -1;
        bool ours = PyUnicode_Check(owner) && PyUnicode_CompareWithASCIIString(owner, "scope") == 0;
        Py_DecRef(owner);
        if (ours) {
            PyErr_SetString(PyExc_RuntimeError, "this process is already being recorded");
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof candidates / sizeof *candidates && tool < 0; i++) {
        PyObject *owner = owner_of(namespace, candidates[i]);
        if (!owner)
            return -1;
        bool is_free = owner == Py_None;
        Py_DecRef(owner);
        if (is_free && finish(PyObject_CallMethod(namespace, "use_tool_id", "iO", candidates[i], name)) == 0)
            tool = candidates[i];
        PyErr_Clear();
    }
    if (tool < 0) {
        PyErr_SetString(PyExc_RuntimeError, "all six sys.monitoring tool ids of the target are in use");
        return -1;
    }
    return 0;
}

/* GIL held; does not allocate. The callback that holds this capsule has died. */
static void guard_dies(PyObject *guard) {
    for (size_t i = 0; i < callback_count; i++)
        if (callbacks[i].guard == guard)
            callbacks[i].guard = NULL;
}

/* GIL held; allocates; 0 or -1 with an exception. */
static int register_callback(PyObject *namespace, struct scope_callback *wanted) {
    PyObject *guard = PyCapsule_New(wanted, NULL, guard_dies);
    PyObject *callback = guard ? PyCFunction_NewEx(&wanted->method, guard, NULL) : NULL;
    int failed = -1;
    if (callback) {
        wanted->guard = guard;
        scope_call_directly(callback, (scope_direct)(void (*)(void))wanted->method.ml_meth);
        failed = finish(PyObject_CallMethod(namespace, "register_callback", "ilO", tool, wanted->bit, callback));
        Py_DecRef(callback);
    }
    if (guard)
        Py_DecRef(guard);
    return failed;
}

/* GIL held; allocates; no exception. Has the interpreter look over code that no thread's stack has. */
static void instrument(PyObject *namespace, PyObject *codes) {
    const long any = event_bit(namespace, "PY_START");
    for (Py_ssize_t i = 0, count = codes ? PyList_Size(codes) : 0; i < count; i++)
        for (int turn = 0; turn < 2; turn++)
            finish(PyObject_CallMethod(namespace, "set_local_events", "iOl", tool, PyList_GetItem(codes, i),
                                       turn == 0 ? any : 0L));
    PyErr_Clear();
}

/* GIL held; allocates; 0 or -1 with an exception. The events of our callbacks, of all code anew.
 *
 * WORKAROUND: CPython 3.15 makes what it needs to tell of exceptions (`_co_monitoring`) for code that begins or stands on a
 * thread's stack. An exception in a greenlet that stood suspended when events were set found nothing there: a
 * segmentation fault, without Scope as well. So that code gets it first; again afterwards, because only then its own
 * exceptions are told. Not needed where `sys.monitoring` itself looks for NULL.
 *
 * restart_events() because DISABLE answers to an earlier recording, or to whoever had the id meanwhile, persist in the
 * code objects. */
static int set_events(PyObject *namespace) {
    PyObject *suspended = scope_python.version >= 0x030f ? scope_greenlets_codes() : NULL;
    instrument(namespace, suspended);
    const int failed = finish(PyObject_CallMethod(namespace, "set_events", "il", tool, events));
    if (!failed)
        instrument(namespace, suspended);
    if (suspended)
        Py_DecRef(suspended);
    return failed ? -1 : finish(PyObject_CallMethod(namespace, "restart_events", NULL));
}

/* GIL held; allocates; may run audit hooks; 0 or -1 with an exception. Callbacks first, then their events. */
static int put_hooks_in(PyObject *namespace) {
    touched_ticks = 0;
    for (size_t i = 0; i < callback_count; i++)
        if (callbacks[i].bit && register_callback(namespace, &callbacks[i]) != 0)
            return -1;
    if (set_events(namespace) != 0)
        return -1;
    times_in += 1;
    proved_ticks = scope_ticks();
    return 0;
}

/* GIL held; allocates; runs our code; no exception. */
static void make_canary(void) {
    PyObject *code = Py_CompileString("def canary():\n    yield\n", SCOPE_OWN_CODE, Py_file_input);
    PyObject *globals = code ? PyDict_New() : NULL;
    PyObject *result = globals ? PyEval_EvalCode(code, globals, globals) : NULL;
    canary = result ? PyDict_GetItemString(globals, "canary") : NULL;
    if (canary)
        Py_IncRef(canary);
    PyObject *parts[] = {code, globals, result};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
    PyErr_Clear();
}

/* GIL held; allocates; an exception stays. Callbacks that are wanted have a bit; here it becomes the event's. */
static void choose_events(PyObject *namespace) {
    events = 0;
    wanted_kinds = 0;
    for (size_t i = 0; i < callback_count && !PyErr_Occurred(); i++) {
        const uint32_t kind = callbacks[i].kind;
        const bool is_canarys =
            kind == SCOPE_CALL || kind == SCOPE_RETURN || kind == SCOPE_YIELD || kind == SCOPE_RESUME;
        callbacks[i].bit = callbacks[i].bit ? event_bit(namespace, callbacks[i].event) : 0;
        events |= callbacks[i].is_local ? 0 : callbacks[i].bit;
        if (callbacks[i].bit && is_canarys)
            wanted_kinds |= 1u << kind;
    }
}

/* GIL held; allocates; new reference, or NULL without an exception where the program has put something else there: that
 * cannot be called from a hook. */
static PyObject *built_in(PyObject *namespace, const char *function) {
    PyObject *found = PyObject_GetAttrString(namespace, function);
    PyErr_Clear();
    if (found && Py_TYPE(found) != &PyCFunction_Type) {
        Py_DecRef(found);
        found = NULL;
    }
    return found;
}

/* GIL held; allocates; 0 or -1 with an exception, then nothing stays installed. Hooks are in place and still inactive. Of
 * `all`, which outlives the recording, those are wanted that have a bit. */
int scope_tool_take(struct scope_callback *all, size_t count) {
    PyObject *namespace = monitoring();
    callbacks = all;
    callback_count = count;
    is_lost = false;
    if (!namespace || (!name && !(name = PyUnicode_FromString("scope"))) || take_id(namespace) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        all[i].guard = NULL;
    choose_events(namespace);
    if (PyErr_Occurred() || put_hooks_in(namespace) != 0) {
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        scope_tool_give_back();
        PyErr_Restore(type, value, traceback);
        return -1;
    }
    scope_replace_in(namespace, changes, CHANGES);
    make_canary();
    set_local_events = built_in(namespace, "set_local_events");
    return 0;
}

/* GIL held; allocates; no exception. Makes our id ours again where it is nobody's; false = it is another tool's. */
static bool own_id(PyObject *namespace) {
    PyObject *owner = owner_of(namespace, tool);
    bool ours = owner == name;
    if (owner == Py_None)
        ours = finish(PyObject_CallMethod(namespace, "use_tool_id", "iO", tool, name)) == 0;
    if (owner)
        Py_DecRef(owner);
    PyErr_Clear();
    return ours;
}

/* GIL held; allocates; may run audit hooks where a callback is new; no exception. Other callbacks are wanted, which have a bit,
 * or other code; what does not go in here does at the next look. */
void scope_tool_change(void) {
    PyObject *namespace = tool >= 0 ? monitoring() : NULL;
    if (namespace)
        choose_events(namespace);
    for (size_t i = 0; namespace && !is_lost && i < callback_count; i++)
        if (callbacks[i].bit && !callbacks[i].guard)
            register_callback(namespace, &callbacks[i]);
    if (namespace && !is_lost && !PyErr_Occurred())
        set_events(namespace);
    PyErr_Clear();
}

/* GIL held; allocates; never leaves an exception. free_tool_id alone leaves events and callbacks behind before 3.14. */
void scope_tool_give_back(void) {
    PyObject *namespace = tool >= 0 ? monitoring() : NULL;
    scope_put_back(changes, CHANGES);
    if (namespace && own_id(namespace)) {
        finish(PyObject_CallMethod(namespace, "set_events", "ii", tool, 0));
        PyErr_Clear();
        for (size_t i = 0; i < callback_count; i++) {
            long bit = event_bit(namespace, callbacks[i].event);
            if (bit)
                finish(PyObject_CallMethod(namespace, "register_callback", "ilO", tool, bit, Py_None));
            PyErr_Clear();
        }
        finish(PyObject_CallMethod(namespace, "free_tool_id", "i", tool));
    }
    PyErr_Clear();
    tool = -1;
    if (canary)
        Py_DecRef(canary);
    canary = NULL;
    if (set_local_events)
        Py_DecRef(set_local_events);
    set_local_events = NULL;
}

/* GIL held; does not allocate. -1 = none. */
int scope_tool_id(void) {
    return tool;
}

/* GIL held; does not allocate. How often hooks have gone in: with another number, code has no local events of ours. */
unsigned scope_tool_times_in(void) {
    return times_in;
}

/* GIL held; allocates; no exception. */
bool scope_tool_is_ours(void) {
    PyObject *namespace = tool >= 0 && !is_lost ? monitoring() : NULL;
    PyObject *owner = namespace ? owner_of(namespace, tool) : NULL;
    const bool is_ours = owner && owner == name;
    PyErr_Clear();
    if (owner)
        Py_DecRef(owner);
    return is_ours;
}

/* GIL held; allocates; no exception. The events that this code alone has: here is said which those are, for all that have
 * a use for some. Does nothing while it is not certain that our place is ours. */
void scope_tool_tell_lines(PyObject *code, bool on) {
    long bits = 0;
    for (size_t i = 0; on && i < callback_count; i++)
        bits |= callbacks[i].is_local ? callbacks[i].bit : 0;
    if (tool < 0 || is_lost || touched_ticks || !set_local_events)
        return;
    PyObject *id = PyLong_FromLong(tool), *events_of_code = PyLong_FromLong(bits);
    PyObject *result = NULL;
    if (id && events_of_code)
        result = PyObject_CallFunctionObjArgs(set_local_events, id, code, events_of_code, NULL);
    PyErr_Clear();
    PyObject *parts[] = {id, events_of_code, result};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i])
            Py_DecRef(parts[i]);
}

/* GIL held; does not allocate. A hook has run on a thread that is not recorded. */
void scope_tool_hears(uint32_t kind) {
    heard_kinds |= 1u << kind;
}

/* GIL held, given up as Python code does; allocates; no exception. Whether the canary is heard. */
static bool is_heard(void) {
    struct scope_writer *before = scope_tls;
    scope_tls = &scope_muted;
    heard_kinds = 0;
    PyObject *made = canary ? PyObject_CallNoArgs(canary) : NULL;
    PyObject *all = made ? PySequence_List(made) : NULL;
    const bool sang = all != NULL; /* a tool beside us may raise where it likes */
    PyErr_Clear();
    scope_tls = before;
    if (made)
        Py_DecRef(made);
    if (all)
        Py_DecRef(all);
    return !sang || (heard_kinds & wanted_kinds) == wanted_kinds;
}

/* GIL held; allocates; no exception. Whether all callbacks live and all events are set; our id must be ours. */
static bool is_complete(PyObject *namespace) {
    for (size_t i = 0; i < callback_count; i++)
        if (callbacks[i].bit && !callbacks[i].guard)
            return false;
    PyObject *set = PyObject_CallMethod(namespace, "get_events", "i", tool);
    const long now = set ? PyLong_AsLong(set) : 0;
    PyErr_Clear();
    if (set)
        Py_DecRef(set);
    return (now & events) == events;
}

/* GIL held; allocates; no exception. */
static void tell_taken(PyObject *namespace) {
    PyObject *owner = owner_of(namespace, tool);
    PyObject *bytes = scope_utf8(owner);
    scope_unseen("hooks-taken", bytes && PyBytes_Size(bytes) ? PyBytes_AsString(bytes) : "another tool");
    if (owner)
        Py_DecRef(owner);
    if (bytes)
        Py_DecRef(bytes);
    PyErr_Clear();
}

/* GIL held, given up as Python code does; runs our code and audit hooks; no exception. Proves that the hooks are in place, and
 * puts them back where it can. Unless they are in place, nothing is known since `since_ticks`. */
enum scope_tool_standing scope_tool_look(uint64_t *since_ticks) {
    PyObject *namespace = tool >= 0 ? monitoring() : NULL;
    const uint64_t now_ticks = scope_ticks();
    *since_ticks = touched_ticks ? touched_ticks : proved_ticks;
    PyErr_Clear();
    if (!namespace)
        return SCOPE_TOOL_IN_PLACE;
    if (!own_id(namespace)) {
        if (!is_lost)
            tell_taken(namespace);
        is_lost = true;
        return SCOPE_TOOL_LOST;
    }
    if (!is_lost && !touched_ticks && is_complete(namespace) && is_heard()) {
        proved_ticks = now_ticks;
        return SCOPE_TOOL_IN_PLACE;
    }
    is_lost = put_hooks_in(namespace) != 0;
    PyErr_Clear();
    scope_unseen("hooks-out", "");
    return is_lost ? SCOPE_TOOL_LOST : SCOPE_TOOL_PUT_BACK;
}
