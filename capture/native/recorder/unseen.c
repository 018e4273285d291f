/* What this recording cannot see, as definitions: they outlive both sides, like everything else in defs.bin.
 *
 * `code` is a row of capture/unseen.py, which has the sentence; `detail` names one thing that it is about (a class, a
 * thread, a module) or is "". Each pair is told once, and at most UNSEEN_DETAILS of a code, then "..." once. */
#include "unseen.h"

#include "defs.h"

#include <string.h>

#define UNSEEN_TOLD 512u
#define UNSEEN_DETAILS 32u

static uint64_t told[UNSEEN_TOLD];       /* hashes of (code, detail) */
static uint64_t told_codes[UNSEEN_TOLD]; /* of code alone */
static uint32_t told_count;

/* GIL not needed; does not allocate. FNV-1a 64 of a text and its end, going on from `hash`. */
static uint64_t hash_on(uint64_t hash, const char *text) {
    do
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    while (*text++);
    return hash;
}

/* GIL held; does not allocate. */
void scope_unseen_open(void) {
    told_count = 0;
}

/* GIL held; does not allocate; leaves exceptions as they are. */
void scope_unseen(const char *code, const char *detail) {
    const uint64_t of_code = hash_on(14695981039346656037u, code);
    uint64_t both = hash_on(of_code, detail);
    uint32_t details = 0;
    for (uint32_t i = 0; i < told_count; i++) {
        if (told[i] == both)
            return;
        details += told_codes[i] == of_code;
    }
    if (told_count == UNSEEN_TOLD || details > UNSEEN_DETAILS)
        return;
    if (details == UNSEEN_DETAILS)
        detail = "...";
    if (!scope_define(SCOPE_DEF_UNSEEN, told_count + 1, (const char *[]){code, detail}, 2))
        return;
    told[told_count] = both;
    told_codes[told_count++] = of_code;
}

/* GIL held; new reference or NULL with an exception. unseen(code, detail) */
PyObject *scope_unseen_from_python(PyObject *module, PyObject *args) {
    (void)module;
    const char *code, *detail;
    if (!PyArg_ParseTuple(args, "ss", &code, &detail))
        return NULL;
    scope_unseen(code, detail);
    SCOPE_RETURN_NONE;
}
