/* What was told last of the locals of each frame whose lines are recorded. */
#ifndef SCOPE_RECORDER_ACTIVATIONS_H
#define SCOPE_RECORDER_ACTIVATIONS_H

#include "code_slots.h"

/* What a slot held when it was looked at last. */
struct scope_seen {
    const PyObject *object; /* compared, never used; NULL = nothing */
    uint64_t key;           /* of all that was shown of it; scope_words_key() */
};

struct scope_activation {
    const void *frame;     /* compared; NULL = free */
    uint64_t slots_serial; /* of its code */
    uint64_t produced;     /* events of its thread, when its line was told */
    uint32_t restarts;     /* gaps and stacks of its thread by then: after either, a reader begins anew */
    uint32_t line;         /* that runs; 0 = not known */
    bool is_known;         /* all that is bound has been told since it began or went on */
    uint32_t count, width; /* as those of its code */
    uint64_t *changeable;  /* slots whose values may change while they stay bound */
    uint64_t *changed;     /* slots that differed from what was told, at the last look */
    uint64_t *in_place;    /* of these, those that hold the same object */
    struct scope_seen seen[];
};

struct scope_activation *scope_activation_of(const void *frame, const struct scope_code_slots *slots);
struct scope_activation *scope_activation_begin(const void *frame, const struct scope_code_slots *slots);
void scope_activation_end(const void *frame);
void scope_activations_close(void);
size_t scope_activations_bytes(void);

#endif
