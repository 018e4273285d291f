/* Serial numbers of instances: addresses are reused, serials never. */
#ifndef SCOPE_RECORDER_OBJECTS_H
#define SCOPE_RECORDER_OBJECTS_H

#include "python_api.h"

uint64_t scope_object_serial(PyObject *object, bool *is_new);
void scope_objects_close(void);

#endif
