/* What the instructions of each version do to the locals of their frame.
 *
 * Finished versions cannot change their opcodes; code_slots.c proves on code of ours that those of the interpreter that runs
 * are these.
 *
 * Source: CPython 3.10 to 3.15, Lib/opcode.py and Include/opcode_ids.h. */
#include "opcodes.h"

#include <stddef.h>
#include <string.h>

struct version_opcodes {
    unsigned version;
    unsigned char whole[3];   /* STORE_FAST, DELETE_FAST, LOAD_FAST_AND_CLEAR */
    unsigned char high;       /* STORE_FAST_LOAD_FAST */
    unsigned char both;       /* STORE_FAST_STORE_FAST */
    unsigned char arithmetic; /* BINARY_OP; 3.10 has an opcode for each */
    /* Loads and stores of locals, loads of constants and globals; what moves values on the stack; jumps; comparisons,
     * subscriptions and arithmetic that is not in place; what makes a tuple, list or dict; returns. 0 after the last. */
    unsigned char quiet[40];
};

static const struct version_opcodes known[] = {
    {0x030a, {125, 126}, 0, 0, 0, {1,   2,   3,   4,   9,   11,  12,  15,  19,  20,  22,  23,  24,
                                   25,  26,  27,  62,  63,  64,  65,  66,  83,  100, 102, 103, 105,
                                   107, 110, 111, 112, 113, 114, 115, 116, 117, 124, 125, 144}},
    {0x030b, {125, 126}, 0, 0, 122, {1,   9,   11,  12,  15,  25,  83,  99,  100, 102, 103, 105, 107, 110, 111,
                                     112, 114, 115, 116, 117, 120, 124, 125, 128, 129, 140, 144, 175, 176}},
    {0x030c, {125, 126, 143}, 0, 0, 122, {1,   9,   11,  12,  15,  25,  83,  99,  100, 102, 103, 105, 107, 110,
                                          114, 115, 116, 117, 120, 121, 124, 125, 127, 128, 129, 140, 143, 144}},
    {0x030d, {110, 65, 86}, 111, 112, 45, {5,  30, 32, 36, 40, 41, 42, 43, 47, 48, 52,  58,  61,  71,  76,  77,
                                           79, 83, 85, 86, 87, 88, 91, 97, 98, 99, 100, 103, 110, 111, 112, 115}},
    {0x030e, {112, 63, 85}, 113, 114, 44, {27, 28, 31, 35, 39, 40, 41, 42, 46, 47,  51,  56,  59,  69,  74,  75,  77,
                                           82, 84, 85, 86, 87, 88, 89, 92, 94, 100, 101, 102, 103, 112, 113, 114, 117}},
    {0x030f, {111, 61, 84}, 112, 113, 42, {25, 26, 29, 33, 37, 38, 39, 40, 44, 45, 49,  54,  57,  67,  73,  74,  76,
                                           81, 83, 84, 85, 86, 87, 88, 91, 93, 99, 100, 101, 102, 111, 112, 113, 116}},
};

unsigned char scope_opcodes[256];

/* GIL held; does not allocate. As this version is known to be; of an unknown one nothing is. */
void scope_opcodes_assume(unsigned version) {
    memset(scope_opcodes, 0, sizeof scope_opcodes);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct version_opcodes *of = &known[i];
        if (of->version != version)
            continue;
        for (size_t one = 0; one < sizeof of->quiet && of->quiet[one]; one++)
            scope_opcodes[of->quiet[one]] |= SCOPE_IS_QUIET;
        for (size_t one = 0; one < sizeof of->whole; one++)
            scope_opcodes[of->whole[one]] |= SCOPE_BINDS_WHOLE;
        scope_opcodes[of->high] |= SCOPE_BINDS_HIGH;
        scope_opcodes[of->both] |= SCOPE_BINDS_BOTH;
        scope_opcodes[of->arithmetic] |= SCOPE_IS_ARITHMETIC;
    }
    scope_opcodes[0] = SCOPE_IS_QUIET; /* CACHE; above it stands for what a version does not have */
}
