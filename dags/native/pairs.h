/* Pairs of events, found again by a key. Plain C: no Python.h, loaded through ctypes.
 *
 * Which kinds begin and which end a pair, and by what they find one another, comes as a table (capture/events/kinds.py);
 * nothing here names a kind. Every function may be called with or without the GIL; one scope_pairs belongs to one thread
 * at a time. Input is trusted in nothing: any kind, track, object or number, in any order.
 */
#ifndef SCOPE_PAIRS_H
#define SCOPE_PAIRS_H

#include <stdint.h>

#define SCOPE_MAX_BEGUN (1u << 20) /* pairs that have begun and not ended; further ones are counted, not kept */

enum scope_pair_by { SCOPE_BY_TRACK = 1, SCOPE_BY_OBJECT = 2, SCOPE_BY_REF = 4, SCOPE_BY_CALL = 8 };

struct scope_pair_rule { /* of one kind */
    uint8_t pair;        /* its number, the same for a begin and an end; 0 = the kind does neither */
    uint8_t ends;        /* 0 = it begins one */
    uint8_t by;          /* of scope_pair_by: what a begin and its end have in common */
    uint8_t nests;       /* a second begin lies within the first; else the first one's end was lost */
};

struct scope_begun { /* 56 bytes; also the bytes of keyframes */
    int64_t event_id;
    int64_t time_ns;
    int64_t object_id;
    int64_t ref;
    int64_t call_id; /* innermost open call, 0 = none */
    int32_t track_id;
    int32_t site_id;
    uint8_t kind;
    uint8_t unused[7]; /* 0 */
};

struct scope_pair_events { /* columns of one batch, all of the same length but the last */
    const uint8_t *kind;
    const int32_t *track_id;
    const int32_t *site_id;
    const int64_t *time_ns;
    const int64_t *object_id;
    const int64_t *ref;
    const uint8_t *asks;   /* by kind: whether `caller` says something of such an event */
    const int64_t *caller; /* innermost open call at each of those; NULL = none are known */
    int64_t callers;       /* how many they are */
};

struct scope_pair_counts {
    int64_t begun;       /* and not ended */
    int64_t lost_begins; /* ends without a begin */
    int64_t lost_ends;   /* begins in whose place another came */
    int64_t keyless;     /* events without the object or number by which they are paired */
    int64_t ignored;     /* begins beyond the limit */
};

#endif
