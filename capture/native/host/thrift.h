/* Thrift's compact protocol, read in bounds: numbers, texts, lists and fields of structs, and what is passed over.
 *
 * No GIL; allocates nothing. Each function reads on from the cursor; after something wrong it stays at its end and all it
 * yields is 0. Source: doc/specs/thrift-compact-protocol.md of Apache Thrift. */
#ifndef SCOPE_HOST_THRIFT_H
#define SCOPE_HOST_THRIFT_H

#include <stdint.h>

#define MOST_DEPTH 16

enum { STOP = 0, TRUE_ = 1, FALSE_ = 2, BYTE_ = 3, I16 = 4, I32 = 5, I64 = 6, DOUBLE_ = 7, BINARY = 8 };
enum { LIST = 9, SET = 10, MAP = 11, STRUCT = 12 };

struct cursor {
    const unsigned char *at, *end;
    const char *wrong; /* the first thing that is, NULL while nothing is */
};

static inline void fail(struct cursor *c, const char *wrong) {
    if (!c->wrong)
        c->wrong = wrong;
    c->at = c->end;
}

static inline unsigned byte(struct cursor *c) {
    if (c->at >= c->end) {
        fail(c, "it is cut off");
        return 0;
    }
    return *c->at++;
}

static inline uint64_t varint(struct cursor *c) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        const unsigned one = byte(c);
        value |= (uint64_t)(one & 127) << shift;
        if (!(one & 128))
            return value;
    }
    fail(c, "a number in it is too long");
    return 0;
}

static inline int64_t number(struct cursor *c) {
    const uint64_t raw = varint(c);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

static inline uint64_t length(struct cursor *c) {
    const uint64_t bytes = varint(c);
    if (bytes > (uint64_t)(c->end - c->at)) {
        fail(c, "a text in it is cut off");
        return 0;
    }
    return bytes;
}

/* How many items a list has, each of which takes a byte at least; `type` is theirs. */
static inline int64_t list(struct cursor *c, int *type) {
    const unsigned head = byte(c);
    *type = head & 15;
    const uint64_t count = head >> 4 == 15 ? varint(c) : head >> 4;
    if (count > (uint64_t)(c->end - c->at)) {
        fail(c, "a list in it is cut off");
        return 0;
    }
    return (int64_t)count;
}

/* The type of the next field of a struct, STOP at its end. */
static inline int field(struct cursor *c, int64_t *id) {
    const unsigned head = byte(c);
    if (!(head & 15) || c->wrong)
        return STOP;
    *id = head >> 4 ? *id + (head >> 4) : number(c);
    if (*id < 1 || *id > 32767)
        fail(c, "a field in it has no number");
    return c->wrong ? STOP : (int)(head & 15);
}

static inline void skip(struct cursor *c, int type, int depth, int in_list) {
    if (depth > MOST_DEPTH) {
        fail(c, "it is too deep");
        return;
    }
    int item;
    int64_t id = 0, count;
    switch (type) {
    case TRUE_:
    case FALSE_:
        if (in_list)
            byte(c);
        return;
    case BYTE_:
        byte(c);
        return;
    case I16:
    case I32:
    case I64:
        varint(c);
        return;
    case DOUBLE_:
        for (int i = 0; i < 8; i++)
            byte(c);
        return;
    case BINARY:
        c->at += length(c);
        return;
    case LIST:
    case SET:
        for (count = list(c, &item); count > 0 && !c->wrong; count--)
            skip(c, item, depth + 1, 1);
        return;
    case STRUCT:
        while ((item = field(c, &id)) != STOP)
            skip(c, item, depth + 1, 0);
        return;
    default:
        fail(c, "it has a field of a type that is not known");
    }
}

#endif
