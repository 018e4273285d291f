/* Which classes' attributes are wanted, and how much of them. */
#ifndef SCOPE_RECORDER_CLASS_CHOICE_H
#define SCOPE_RECORDER_CLASS_CHOICE_H

#include "python_api.h"

enum scope_choice {
    SCOPE_CLASS_LEFT,
    SCOPE_CLASS_AT_A_RATE, /* the user's, without being asked for by name */
    SCOPE_CLASS_WHOLE,     /* named with --state: every write of every instance */
};

enum scope_choice scope_class_choice(PyTypeObject *type);

#endif
