/* The parameters of a function: their names, and which of them cannot be read or told as the others are. */
#ifndef SCOPE_RECORDER_PARAMETERS_H
#define SCOPE_RECORDER_PARAMETERS_H

#include "python_api.h"

#define SCOPE_MOST_PARAMETERS 64u         /* whose values are told */
#define SCOPE_PARAMETER_NAMES_BYTES 4096u /* a field of a definition; defs.c */

struct scope_parameters {
    char names[SCOPE_PARAMETER_NAMES_BYTES];    /* "x,y,*args,**kw" */
    bool is_cut;                                /* there are more names than that */
    uint32_t count;                             /* at most SCOPE_MOST_PARAMETERS */
    uint64_t cells;                             /* a bit each: an inner function has it too, and it is in a cell */
    uint64_t hidden;                            /* a bit each: its name says that it is a secret */
    uint16_t cell_slots[SCOPE_MOST_PARAMETERS]; /* 3.10: where the cell of one is; later the slot is its own */
};

/* What is kept of those of which one at least is in a cell or hidden. */
struct scope_odd_parameters {
    uint64_t cells, hidden;
    uint16_t cell_slots[SCOPE_MOST_PARAMETERS];
};

void scope_parameters_read(struct scope_parameters *of, PyObject *code);
bool scope_parameters_keep(const PyObject *code, const struct scope_parameters *of);
const struct scope_odd_parameters *scope_parameters_find(const PyObject *code);
void scope_parameters_forget(const PyObject *code);
void scope_parameters_close(void);
size_t scope_parameters_bytes(void);

#endif
