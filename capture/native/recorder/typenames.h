/* The name of a type, without asking the type. */
#ifndef SCOPE_RECORDER_TYPENAMES_H
#define SCOPE_RECORDER_TYPENAMES_H

#include "python_api.h"

#define SCOPE_TYPE_NAME_BYTES 256

void scope_type_parts(PyTypeObject *type, char *module, char *qualname);
void scope_type_name(PyTypeObject *type, char *name);

#endif
