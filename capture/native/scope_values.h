/* How values stand in the payload of a record.
 *
 * The payload of a CALL is those of the parameters, in the order of their names in the definition of its site; that of a
 * RETURN or YIELD is one, and a flag stands for None; without either nothing is known. That of a LINE or LOCALS are changes
 * of local variables: of each a word, bits 0..31 the number of its name (SCOPE_DEF_NAME; 0 = not known), 32..63 enum
 * scope_change, and then its value, but for one that is unbound. A value is one or more words of 64 bits, which end by
 * themselves. The low 4 bits of the first say what it is, the other 60 are its data:
 *
 *   SPECIAL    enum scope_special
 *   INT        a signed number
 *   SHORT      bits 4..7 of the word its length, bytes 1..7: UTF-8 of a str of at most 7 bytes
 *   FLOAT      -; then the double, bit for bit
 *   TEXT       bits of the word: 4..7 enum scope_text_what, 8 cut, 9 a secret was left out, 16..31 bytes;
 *              then its id; then the bytes, neither quoted nor escaped, filled up with zeros
 *   SAME       the id of a TEXT or CONTAINER
 *   CONTAINER  bits of the word: 4..6 enum scope_container_what, 8 there are more, 16..23 how many follow, pairs of a dict,
 *              32..63 its length; then its id; then the items as values, of a dict key and value in turns
 *   OBJECT     bits 48..63 of the word the number of its type (SCOPE_DEF_TYPE; 0 = not known), 4..47 of its address
 *
 * A SAME means a value that stands before it in the same chunk, at most half a second before. Bounds: 200 bytes of a text,
 * 8 items, depth 2; what goes deeper, or has no room, is SCOPE_SPECIAL_CUT. Ids are below 2^60 and never used twice. */
#ifndef SCOPE_VALUES_H
#define SCOPE_VALUES_H

enum scope_word {
    SCOPE_WORD_SPECIAL = 0,
    SCOPE_WORD_INT = 1,
    SCOPE_WORD_SHORT = 2,
    SCOPE_WORD_FLOAT = 3,
    SCOPE_WORD_TEXT = 4,
    SCOPE_WORD_SAME = 5,
    SCOPE_WORD_CONTAINER = 6,
    SCOPE_WORD_OBJECT = 7
};

enum scope_special {
    SCOPE_SPECIAL_UNBOUND = 0,
    SCOPE_SPECIAL_NONE = 1,
    SCOPE_SPECIAL_FALSE = 2,
    SCOPE_SPECIAL_TRUE = 3,
    SCOPE_SPECIAL_ELLIPSIS = 4,
    SCOPE_SPECIAL_REDACTED = 5,
    SCOPE_SPECIAL_CUT = 6
};

enum scope_text_what {
    SCOPE_TEXT_STR = 0,
    SCOPE_TEXT_BYTES_OBJECT = 1,
    SCOPE_TEXT_INT = 2, /* its digits, or "<int of N bits>" */
    SCOPE_TEXT_OTHER = 3
};

enum scope_container_what {
    SCOPE_CONTAINER_LIST = 0,
    SCOPE_CONTAINER_TUPLE = 1,
    SCOPE_CONTAINER_SET = 2,
    SCOPE_CONTAINER_FROZENSET = 3,
    SCOPE_CONTAINER_DICT = 4
};

enum scope_change {
    SCOPE_CHANGE_BOUND = 1,    /* the first time or again */
    SCOPE_CHANGE_IN_PLACE = 2, /* it is bound to the same object, which has changed */
    SCOPE_CHANGE_UNBOUND = 3
};

#endif
