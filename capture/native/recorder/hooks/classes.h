/* Which classes' instances are watched: finding them, putting our functions in, taking them out. */
#ifndef SCOPE_RECORDER_CLASSES_H
#define SCOPE_RECORDER_CLASSES_H

#include "pace.h"

struct scope_watched_class {
    PyTypeObject *type;    /* borrowed: `death` tells when it goes */
    PyObject *death;       /* strong: a weak reference whose callback forgets it */
    bool is_whole;         /* every instance is followed, else `instances` of them */
    bool tells_births;     /* our function stands in tp_alloc */
    bool has_missed, told; /* an instance was not followed; and that has been said */
    struct scope_pace instances;
};

/* What stands in a watched class's slots instead of PyObject_GenericSetAttr, of the slot function of classes with a
 * __setattr__ of their own, and of PyType_GenericAlloc; and what is called, with the collector off, once it stands there. */
struct scope_class_hooks {
    setattrofunc set_plain, set_python;
    allocfunc alloc;
    void (*watched)(PyTypeObject *type);
};

void scope_classes_start(const struct scope_class_hooks *hooks);
void scope_classes_look(void);
void scope_classes_stop(void);
struct scope_watched_class *scope_class_watched(const PyTypeObject *type);
bool scope_class_has_hooks(PyTypeObject *type);

#endif
