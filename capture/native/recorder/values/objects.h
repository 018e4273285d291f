/* Serial numbers of instances: addresses are reused, serials never. */
#ifndef SCOPE_RECORDER_OBJECTS_H
#define SCOPE_RECORDER_OBJECTS_H

#include "python_api.h"

struct scope_object {
    PyObject *object; /* an address, never used as an object */
    PyObject *life;   /* strong: a weak reference to it, where nobody tells of births; else NULL */
    uint64_t serial;  /* 0 = not followed */
    bool is_fresh;    /* it has not been written to: what it holds then came past us */
    bool is_left;     /* there was no room to follow it any further */
};

void scope_object_born(PyObject *object);
void scope_object_passed_over(PyObject *object);
struct scope_object *scope_object_known(PyObject *object);
struct scope_object *scope_object_met(PyObject *object, bool births_are_told);
size_t scope_objects_bytes(void);
void scope_objects_open(void);
void scope_objects_close(void);

#endif
