/* Functions that a type keeps in slots, and the two wrappers in front of `object.__setattr__`: read, replaced, put back. */
#ifndef SCOPE_RECORDER_TYPE_SLOTS_H
#define SCOPE_RECORDER_TYPE_SLOTS_H

#include "python_api.h"

typedef PyObject *(*scope_wrapper)(PyObject *self, PyObject *args, void *wrapped);

struct scope_slots {
    bool proved;
    size_t setattro, alloc;              /* offsets in a type */
    setattrofunc python_setattro;        /* what the slot of a class with a __setattr__ of its own holds */
    scope_wrapper *set_wrapper;          /* where the interpreter keeps the function behind object.__setattr__ */
    scope_wrapper *delete_wrapper;       /* and behind object.__delattr__ */
    scope_wrapper wrap_set, wrap_delete; /* what is there by nature */
};

extern struct scope_slots scope_slots;

bool scope_slots_prove(void);
PyMethodDef *scope_method_of(PyObject *function, const char *name, int flags);

/* GIL held; does not allocate. */
static inline setattrofunc *scope_setattro_of(PyTypeObject *type) {
    return (setattrofunc *)((char *)type + scope_slots.setattro);
}

/* GIL held; does not allocate. */
static inline allocfunc *scope_alloc_of(PyTypeObject *type) {
    return (allocfunc *)((char *)type + scope_slots.alloc);
}

#endif
