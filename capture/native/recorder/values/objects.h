/* Serial numbers of instances: addresses are reused, serials never. */
#ifndef SCOPE_RECORDER_OBJECTS_H
#define SCOPE_RECORDER_OBJECTS_H

#include "python_api.h"

/* Set on the serial of an instance that has not been written to: what it holds then came past us. */
#define SCOPE_OBJECT_FRESH (1ull << 63)

void scope_object_born(PyObject *object);
uint64_t *scope_object_serial(PyObject *object);
size_t scope_objects_bytes(void);
void scope_objects_open(void);
void scope_objects_close(void);

#endif
