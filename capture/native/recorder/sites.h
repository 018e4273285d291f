/* Code object -> site number: the table that every event looks into. */
#ifndef SCOPE_RECORDER_SITES_H
#define SCOPE_RECORDER_SITES_H

#include "python_api.h"

/* What is special about a code object; 0 = recorded, and nothing is. */
#define SCOPE_CODE_LEFT_OUT 1u    /* the filter does not want it */
#define SCOPE_CODE_GENERATOR 2u   /* generator, coroutine: entered and left more than once */
#define SCOPE_CODE_JOIN 4u        /* threading.Thread.join */
#define SCOPE_CODE_OVERFLOW 8u    /* wanted, but the table is full or its definition could not be stored */
#define SCOPE_CODE_LOGS 0x10000u  /* logging.Logger.callHandlers */
#define SCOPE_CODE_WARNS 0x20000u /* warnings._showwarnmsg */
#define SCOPE_CODE_SAYS (SCOPE_CODE_LOGS | SCOPE_CODE_WARNS)
#define SCOPE_CODE_SPECIAL (SCOPE_CODE_LEFT_OUT | SCOPE_CODE_JOIN | SCOPE_CODE_OVERFLOW | SCOPE_CODE_SAYS)

/* What is told of its values, where they are recorded. */
#define SCOPE_CODE_RESULT 16u        /* what it returns and yields */
#define SCOPE_CODE_HIDDEN_RESULT 32u /* not so, for its name says that it is a secret */
#define SCOPE_CODE_ODD 64u           /* one of its parameters is in a cell or hidden; parameters.h */
#define SCOPE_CODE_ARGUMENTS 0xff00u /* as many parameters */
#define SCOPE_CODE_ARGUMENTS_SHIFT 8
#define SCOPE_CODE_VALUES (SCOPE_CODE_RESULT | SCOPE_CODE_HIDDEN_RESULT | SCOPE_CODE_ODD | SCOPE_CODE_ARGUMENTS)

#define SCOPE_CODE_LINES 0x40000u /* its lines are told of; hooks/line_events.c */
#define SCOPE_CODE_STEPS 0x80000u /* and all of them are recorded; hooks/steps.c */

struct scope_code {
    PyObject *code; /* borrowed: lifetimes.c has it forgotten before its address can be used again */
    uint32_t site;  /* 0 = not recorded */
    uint32_t flags;
};

struct scope_code_table {
    struct scope_code *entries;
    uint32_t shift; /* 64 - log2(number of entries) */
    uint32_t mask;
    uint32_t count;
};

extern struct scope_code_table scope_codes;

/* At most 16 MiB for code objects that are alive at once, and 8 MiB for what has ever had a name. */
#define SCOPE_CODE_LIMIT 500000u
#define SCOPE_SITE_LIMIT 250000u /* below 1 << SCOPE_SITE_BITS */

int scope_codes_open(void);
void scope_codes_close(void);
void scope_codes_forget(void);
void scope_codes_tell_values(bool told);
uint32_t scope_codes_recorded(void);
size_t scope_codes_bytes(void);
const struct scope_code *scope_code_learn(PyObject *code, PyObject *globals);
bool scope_code_pretend(PyObject *code, uint32_t site, uint32_t flags);
const struct scope_code *scope_code_of_frame(PyObject *code, PyFrameObject *frame);

/* GIL not needed while the GIL is held by the caller's hook; does not allocate. */
static inline uint32_t scope_code_slot(const PyObject *code) {
    return (uint32_t)(((uint64_t)(uintptr_t)code >> 4) * 0x9E3779B97F4A7C15u >> scope_codes.shift);
}

/* GIL held; does not allocate; borrowed. NULL = never seen. */
static inline const struct scope_code *scope_code_find(const PyObject *code) {
    for (uint32_t i = scope_code_slot(code);; i = (i + 1) & scope_codes.mask) {
        const struct scope_code *entry = &scope_codes.entries[i];
        if (SCOPE_LIKELY(entry->code == code))
            return entry;
        if (!entry->code)
            return NULL;
    }
}

#endif
