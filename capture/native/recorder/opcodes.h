/* What the instructions of this interpreter do to the locals of their frame, by opcode. */
#ifndef SCOPE_RECORDER_OPCODES_H
#define SCOPE_RECORDER_OPCODES_H

#include <stdbool.h>

/* What an instruction binds or unbinds. */
#define SCOPE_BINDS_WHOLE 1u /* the slot that is its argument */
#define SCOPE_BINDS_HIGH 2u  /* the one in the upper half of it */
#define SCOPE_BINDS_BOTH 4u  /* the one in each half */

#define SCOPE_IS_QUIET 8u       /* nothing changes that is bound already, unless code of the program runs for it */
#define SCOPE_IS_ARITHMETIC 16u /* BINARY_OP: quiet where its argument is none of the in-place ones */

extern unsigned char scope_opcodes[256];

void scope_opcodes_assume(unsigned version);

/* GIL not needed; does not allocate. */
static inline bool scope_is_quiet(unsigned char opcode, unsigned char argument) {
    const unsigned char is = scope_opcodes[opcode];
    return is & SCOPE_IS_QUIET || (is & SCOPE_IS_ARITHMETIC && (argument < 13 || argument > 25));
}

#endif
