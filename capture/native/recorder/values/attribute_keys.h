/* Numbers of attributes: one for each name of each class. */
#ifndef SCOPE_RECORDER_ATTRIBUTE_KEYS_H
#define SCOPE_RECORDER_ATTRIBUTE_KEYS_H

#include "pace.h"

/* Where a value that is assigned to an attribute ends up. */
enum scope_attribute {
    SCOPE_ATTRIBUTE_STORED,   /* in the instance */
    SCOPE_ATTRIBUTE_NATIVE,   /* a descriptor written in C takes it, and gives it back changed or not */
    SCOPE_ATTRIBUTE_COMPUTED, /* a property or another descriptor of the program decides */
};

struct scope_attribute_key {
    PyTypeObject *type; /* borrowed: scope_attribute_keys_drop is called before it goes */
    PyObject *name;     /* strong, interned */
    uint32_t id;        /* 0 = not recorded */
    uint8_t kind;       /* enum scope_attribute */
    bool redacted;
    bool held_containers; /* an instance has had one there */
    bool whole;           /* every change is written */
    struct scope_pace pace;
};

struct scope_attribute_key *scope_attribute_key(PyTypeObject *type, PyObject *name);
void scope_attribute_keys_drop(PyTypeObject *type);
void scope_attribute_keys_look(void);
void scope_attribute_keys_close(void);

#endif
