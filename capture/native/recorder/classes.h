/* Which classes' instances are watched: finding them, putting our functions in, taking them out. */
#ifndef SCOPE_RECORDER_CLASSES_H
#define SCOPE_RECORDER_CLASSES_H

#include "python_api.h"

void scope_classes_start(PyMethodDef *set_method, PyMethodDef *delete_method);
void scope_classes_look(void);
void scope_classes_stop(void);
bool scope_class_is_watched(PyTypeObject *type);
int scope_class_pass_on(PyObject *closure, const char *slot, PyObject *object, PyObject *name, PyObject *value);

#endif
