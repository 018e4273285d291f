/* Which classes' instances are watched: finding them, putting our functions in, taking them out.
 *
 * A watched class looks as it did before to everything that the program can ask: nothing in its dict changes, nor in
 * `builtins`. Our functions stand in the slots of the type itself. (A first version put a __setattr__ into the dict:
 * decorators that copy a class's dict, as dataclass(slots=True) and attrs do, then copied it along.)
 *
 * Classes are found as they are made, by the definitions of `builtins.__build_class__` and `object.__init_subclass__`,
 * whose C function is exchanged: one pointer that no Python code can see. The second is also reached by `type(name,
 * bases, dict)`. What neither sees (a base whose __init_subclass__ stops there) is found in its module later.
 *
 * Births are told by tp_alloc, of classes that are watched whole, and of those whose instances cannot be held weakly.
 * 3.13 forgets nothing: a call site that makes an instance while tp_alloc is ours becomes CALL_NON_PY_GENERAL, which holds
 * for every class and is never given up, so it stays 1.37 times as slow when the slot is as it was (shown without Scope,
 * by a tp_alloc that only calls PyType_GenericAlloc: 120 -> 164 ns an instance; 3.12 and 3.14 come back to 1.0).
 *
 * The interpreter fills a class's slots anew when its __setattr__ is set or deleted; a look four times a second puts our
 * function back. Classes whose slot holds other C code (threading.local, metaclasses) are left alone, and said. */
#include "hooks/classes.h"

#include "values/attribute_keys.h"
#include "values/class_choice.h"
#include "filter.h"
#include "hooks/type_slots.h"
#include "values/typenames.h"
#include "unseen.h"
#include "writer.h"

#include <stdlib.h>
#include <string.h>

#define IMMUTABLE_TYPE (1ul << 8)

typedef PyObject *(*build_class_function)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);

#define GONE ((PyTypeObject *)&table) /* in the place of a class that was there */
#define MOST_AT_A_RATE 16384u         /* classes that nobody has named */
#define MOST_LOOKED_AT 32768          /* when a recording begins, where none is named */

static struct scope_watched_class *table; /* open addressing */
static uint32_t mask, used, shift, at_a_rate;
static struct scope_class_hooks hooks;
static bool started;
static PyMethodDef *build_class_definition, *init_subclass_definition; /* the interpreter's */
static build_class_function build_class;                               /* what stood there; kept for good: a class */
static PyCFunction init_subclass;                                      /* body may be inside for hours */
static PyObject *sizes; /* {module name: number of globals at the last look} */

/* GIL held; does not allocate. The entry of a class, or NULL. */
static struct scope_watched_class *find(const PyTypeObject *type) {
    if (!table)
        return NULL;
    uint32_t at = (uint32_t)(((uint64_t)(uintptr_t)type >> 4) * 0x9E3779B97F4A7C15u >> shift);
    for (; table[at].type; at = (at + 1) & mask)
        if (table[at].type == type)
            return &table[at];
    return NULL;
}

/* GIL held; does not allocate; until the next class is made; NULL = it is not watched. */
struct scope_watched_class *scope_class_watched(const PyTypeObject *type) {
    return find(type);
}

/* GIL held; does not allocate. */
static void insert(const struct scope_watched_class *watched) {
    uint32_t at = (uint32_t)(((uint64_t)(uintptr_t)watched->type >> 4) * 0x9E3779B97F4A7C15u >> shift);
    while (table[at].type)
        at = (at + 1) & mask;
    table[at] = *watched;
}

/* GIL held; allocates plain memory; false without any. */
static bool make_room(void) {
    if (table && used * 2 < mask)
        return true;
    struct scope_watched_class *old = table;
    uint32_t old_mask = mask, bigger = old ? mask * 2 + 1 : 255;
    struct scope_watched_class *fresh = calloc((size_t)bigger + 1, sizeof *fresh);
    if (!fresh)
        return false;
    table = fresh;
    mask = bigger;
    shift = (uint32_t)__builtin_clzll(bigger);
    used = 0;
    for (uint32_t i = 0; old && i <= old_mask; i++) {
        if (old[i].type && old[i].type != GONE) {
            insert(&old[i]);
            used += 1;
        }
    }
    free(old);
    return true;
}

/* GIL held; does not allocate. What the slot would hold without us. */
static setattrofunc natural_setattro(PyTypeObject *type) {
    setattrofunc present = *scope_setattro_of(type);
    if (present == hooks.set_plain)
        return PyObject_GenericSetAttr;
    return present == hooks.set_python ? scope_slots.python_setattro : present;
}

/* GIL held; does not allocate. Whether instances of the class end up in PyObject_GenericSetAttr, past Python methods
 * only: the question that object.__setattr__ itself asks before it writes. */
static bool ends_in_generic(PyTypeObject *type) {
    for (; type; type = PyType_GetSlot(type, Py_tp_base)) {
        setattrofunc natural = natural_setattro(type);
        if (natural == PyObject_GenericSetAttr)
            return true;
        if (natural != scope_slots.python_setattro)
            return false;
    }
    return false;
}

/* GIL held; does not allocate. Whether object.__setattr__ on an instance of the class would meet one of our functions,
 * and nothing else that it has to respect. */
bool scope_class_has_hooks(PyTypeObject *type) {
    bool ours = find(type) != NULL;
    for (PyTypeObject *base = type; base && !ours; base = PyType_GetSlot(base, Py_tp_base)) {
        setattrofunc present = *scope_setattro_of(base);
        ours = present == hooks.set_plain || present == hooks.set_python;
    }
    return ours && ends_in_generic(type);
}

/* GIL held; does not allocate; false = left as it was. Puts our functions into the slots that we know. */
static bool put_in(const struct scope_watched_class *watched) {
    PyTypeObject *type = watched->type;
    setattrofunc *setattro = scope_setattro_of(type);
    allocfunc *alloc = scope_alloc_of(type);
    setattrofunc natural = natural_setattro(type);
    if (!ends_in_generic(type))
        return false;
    setattrofunc ours = natural == PyObject_GenericSetAttr ? hooks.set_plain : hooks.set_python;
    if (*setattro == ours && (*alloc != PyType_GenericAlloc || !watched->tells_births))
        return true;
    *setattro = ours;
    if (*alloc == PyType_GenericAlloc && watched->tells_births)
        *alloc = hooks.alloc;
    PyType_Modified(type); /* specialised instructions look at the version, not at the slots */
    return true;
}

/* GIL held; does not allocate. Puts back what was there, whoever copied it from a base. */
static bool take_out(PyTypeObject *type) {
    setattrofunc *setattro = scope_setattro_of(type), natural = natural_setattro(type);
    allocfunc *alloc = scope_alloc_of(type);
    if (*setattro == natural && *alloc != hooks.alloc)
        return false;
    *setattro = natural;
    if (*alloc == hooks.alloc)
        *alloc = PyType_GenericAlloc;
    return true;
}

/* GIL held; releases; new reference. Called by the interpreter when a class dies. `self`: its address. */
static PyObject *forget(PyObject *self, PyObject *reference) {
    PyTypeObject *type = PyLong_AsVoidPtr(self);
    struct scope_watched_class *entry = find(type);
    if (entry && entry->death == reference) {
        entry->type = GONE;
        entry->death = NULL;
        at_a_rate -= !entry->is_whole;
        take_out(type); /* a finalizer may still write to an instance */
        scope_attribute_keys_drop(type);
        Py_DecRef(reference);
    }
    SCOPE_RETURN_NONE;
}

static PyMethodDef forget_method = {"scope_forget_class", forget, METH_O, NULL};

/* GIL held; allocates; new reference or NULL without an exception. */
static PyObject *watch_death(PyTypeObject *type) {
    PyObject *address = PyLong_FromVoidPtr(type);
    PyObject *callback = address ? PyCFunction_NewEx(&forget_method, address, NULL) : NULL;
    PyObject *reference = callback ? PyWeakref_NewRef((PyObject *)type, callback) : NULL;
    PyErr_Clear();
    if (address)
        Py_DecRef(address);
    if (callback)
        Py_DecRef(callback);
    return reference;
}

/* GIL held; allocates with the collector off; never leaves an exception. */
static void say_untouched(PyTypeObject *type) {
    char name[SCOPE_TYPE_NAME_BYTES];
    scope_type_name(type, name);
    scope_unseen("class-untouched", name);
}

/* GIL held; allocates with the collector off; never leaves an exception. Whether a class that nobody has named can be watched,
 * and holds what is worth it: not of metaclasses, whose instances are classes, and not of named tuples. */
static bool is_worth_it(PyTypeObject *type) {
    if (PyType_IsSubtype(type, &PyType_Type) || PyType_IsSubtype(type, &PyTuple_Type))
        return false;
    if (at_a_rate < MOST_AT_A_RATE)
        return true;
    scope_unseen("classes-full", "");
    return false;
}

/* GIL held; allocates with the collector off; never leaves an exception. Watches a class that is wanted. */
static void consider(PyObject *object) {
    if (!PyType_Check(object))
        return;
    PyTypeObject *type = (PyTypeObject *)object;
    unsigned long flags = PyType_GetFlags(type);
    if (!(flags & Py_TPFLAGS_HEAPTYPE) || flags & IMMUTABLE_TYPE || find(type))
        return;
    const enum scope_choice choice = scope_class_choice(type);
    const bool is_whole = choice == SCOPE_CLASS_WHOLE;
    if (choice == SCOPE_CLASS_LEFT || (!is_whole && !is_worth_it(type)) || !make_room())
        return;
    if (PyType_IsSubtype(type, &PyType_Type) || !ends_in_generic(type)) {
        say_untouched(type);
        return;
    }
    struct scope_watched_class watched = {
        .type = type,
        .death = watch_death(type),
        .is_whole = is_whole,
        .tells_births = is_whole || !scope_type_integer(type, "__weakrefoffset__"),
    };
    if (!watched.death)
        return;
    insert(&watched);
    used += 1;
    at_a_rate += !is_whole;
    put_in(&watched);
    if (is_whole)
        hooks.watched(type);
}

/* GIL held; allocates; leaves exceptions as they are. */
static void consider_new(PyObject *made) {
    PyObject *type, *error, *traceback;
    if (!started || !scope_active)
        return;
    PyErr_Fetch(&type, &error, &traceback);
    int collecting = PyGC_Disable();
    consider(made);
    if (collecting)
        PyGC_Enable();
    PyErr_Restore(type, error, traceback);
}

/* GIL held; runs the target's code; new reference or NULL with an exception. Stands for builtins.__build_class__. */
static PyObject *call_build_class(PyObject *self, PyObject *const *args, Py_ssize_t count, PyObject *names) {
    PyObject *made = build_class(self, args, count, names);
    if (made)
        consider_new(made);
    return made;
}

/* GIL held; new reference or NULL with an exception. Stands for object.__init_subclass__; `self`: the new class. */
static PyObject *call_init_subclass(PyObject *self, PyObject *unused) {
    PyObject *result = init_subclass(self, unused);
    if (result)
        consider_new(self);
    return result;
}

/* GIL held; allocates; never leaves an exception. Calls `visit` once for each of the classes in a list and for all below them,
 * bases first as a rule; false where there were more than `most`. Releases the list; NULL = no memory. */
static bool each_class(PyObject *waiting, void (*visit)(PyObject *), Py_ssize_t most) {
    PyObject *met = PySet_New(NULL);
    for (Py_ssize_t i = 0; waiting && met && i < PyList_Size(waiting) && i < most; i++) {
        PyObject *type = PyList_GetItem(waiting, i); /* borrowed; the list keeps it */
        PyObject *below = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", type);
        visit(type);
        for (Py_ssize_t at = 0, count = below ? PyList_Size(below) : 0; at < count; at++) {
            PyObject *address = PyLong_FromVoidPtr(PyList_GetItem(below, at));
            if (address && PySet_Contains(met, address) == 0 && PySet_Add(met, address) == 0)
                PyList_Append(waiting, PyList_GetItem(below, at));
            if (address)
                Py_DecRef(address);
        }
        PyErr_Clear();
        if (below)
            Py_DecRef(below);
    }
    PyErr_Clear();
    const bool all = !waiting || PyList_Size(waiting) <= most;
    if (waiting)
        Py_DecRef(waiting);
    if (met)
        Py_DecRef(met);
    return all;
}

/* GIL held; allocates; never leaves an exception. Modules whose number of globals changed since the last look. */
static void look_through_modules(void) {
    PyObject *modules = PySys_GetObject("modules"), *name, *module, *key, *value; /* all borrowed */
    Py_ssize_t at = 0;
    if (!sizes && !(sizes = PyDict_New()))
        return;
    while (modules && PyDict_CheckExact(modules) && PyDict_Next(modules, &at, &name, &module)) {
        if (!PyModule_Check(module) || !PyUnicode_CheckExact(name))
            continue;
        PyObject *dict = PyModule_GetDict(module), *seen = PyDict_GetItemWithError(sizes, name);
        if (seen && PyLong_AsSsize_t(seen) == PyDict_Size(dict))
            continue;
        PyObject *size = PyLong_FromSsize_t(PyDict_Size(dict));
        if (size) {
            PyDict_SetItem(sizes, name, size);
            Py_DecRef(size);
        }
        Py_ssize_t within = 0;
        while (PyDict_Next(dict, &within, &key, &value))
            consider(value);
    }
    PyErr_Clear();
}

/* GIL held; allocates with the collector off; never leaves an exception. */
static void look_at(struct scope_watched_class *watched) {
    char name[SCOPE_TYPE_NAME_BYTES];
    scope_pace_look(&watched->instances);
    if (!put_in(watched))
        say_untouched(watched->type);
    if (watched->has_missed && !watched->told) {
        scope_type_name(watched->type, name);
        scope_unseen("instances-sampled", name);
        watched->told = true;
    }
}

/* GIL held; allocates with the collector off; never leaves an exception. Classes that came past us, and classes whose
 * slots the interpreter has filled anew. */
void scope_classes_look(void) {
    if (!started)
        return;
    look_through_modules();
    for (uint32_t i = 0; table && i <= mask; i++)
        if (table[i].type && table[i].type != GONE)
            look_at(&table[i]);
    scope_attribute_keys_look();
}

/* GIL held; allocates; never leaves an exception. Has both definitions call us, where they are as we know them. */
static void hook_creation(void) {
    PyObject *modules = PySys_GetObject("modules"); /* borrowed, as the next ones */
    PyObject *builtins = modules ? PyDict_GetItemString(modules, "builtins") : NULL;
    PyObject *dict = builtins && PyModule_Check(builtins) ? PyModule_GetDict(builtins) : NULL;
    PyObject *function = dict ? PyDict_GetItemString(dict, "__build_class__") : NULL;
    if (function && PyCFunction_Check(function))
        build_class_definition = scope_method_of(function, "__build_class__", METH_FASTCALL | METH_KEYWORDS);
    PyObject *of_object = scope_type_dict(&PyBaseObject_Type);
    PyObject *method = of_object ? PyMapping_GetItemString(of_object, "__init_subclass__") : NULL;
    if (method && scope_python.class_method_descriptor && Py_TYPE(method) == scope_python.class_method_descriptor)
        init_subclass_definition = scope_method_of(method, "__init_subclass__", METH_CLASS | METH_NOARGS);
    if (build_class_definition) {
        build_class = (build_class_function)(void (*)(void))build_class_definition->ml_meth;
        build_class_definition->ml_meth = (PyCFunction)(void (*)(void))call_build_class;
    }
    if (init_subclass_definition) {
        init_subclass = init_subclass_definition->ml_meth;
        init_subclass_definition->ml_meth = call_init_subclass;
    }
    PyErr_Clear();
    if (of_object)
        Py_DecRef(of_object);
    if (method)
        Py_DecRef(method);
}

/* GIL held; does not allocate. */
static void unhook_creation(void) {
    if (build_class_definition)
        build_class_definition->ml_meth = (PyCFunction)(void (*)(void))build_class;
    if (init_subclass_definition)
        init_subclass_definition->ml_meth = init_subclass;
    build_class_definition = init_subclass_definition = NULL;
}

/* GIL held; allocates with the collector off; never leaves an exception. Slots are as we know them: scope_slots_prove(). */
void scope_classes_start(const struct scope_class_hooks *wanted) {
    hooks = *wanted;
    started = true;
    hook_creation();
    PyObject *all = PyList_New(0);
    if (all)
        PyList_Append(all, (PyObject *)&PyBaseObject_Type);
    if (!each_class(all, consider, scope_filter_names_classes() ? PY_SSIZE_T_MAX : MOST_LOOKED_AT))
        scope_unseen("classes-full", "");
}

/* GIL held; does not allocate. */
static void restore(PyObject *type) {
    if (take_out((PyTypeObject *)type))
        PyType_Modified((PyTypeObject *)type);
}

/* GIL held; releases; never leaves an exception. */
void scope_classes_stop(void) {
    if (!started)
        return;
    started = false;
    unhook_creation();
    struct scope_watched_class *old = table;
    uint32_t old_mask = mask;
    int collecting = PyGC_Disable();
    PyObject *all = PyList_New(0);
    for (uint32_t i = 0; old && i <= old_mask; i++) {
        if (!old[i].type || old[i].type == GONE)
            continue;
        restore((PyObject *)old[i].type);
        if (all)
            PyList_Append(all, (PyObject *)old[i].type);
    }
    each_class(all, restore, PY_SSIZE_T_MAX); /* a class made from C copies the slots of its base, past every hook */
    if (collecting)
        PyGC_Enable();
    table = NULL;
    mask = used = at_a_rate = 0;
    for (uint32_t i = 0; old && i <= old_mask; i++)
        if (old[i].death)
            Py_DecRef(old[i].death);
    free(old);
    PyObject *old_sizes = sizes;
    sizes = NULL;
    if (old_sizes)
        Py_DecRef(old_sizes);
}
