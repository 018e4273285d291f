/* Call stacks of many tracks, folded from calls and leaves. Plain C: no Python.h, loaded through ctypes.
 *
 * Every function may be called with or without the GIL; one scope_stacks belongs to one thread at a time.
 * Input is trusted in nothing: any kind, track, site or time, in any order.
 */
#ifndef SCOPE_PAIRING_H
#define SCOPE_PAIRING_H

#include <stdint.h>

#define SCOPE_EXPORT __attribute__((visibility("default")))

#define SCOPE_MAX_DEPTH (1u << 20)  /* frames of one track; deeper ones are counted, not kept */
#define SCOPE_MAX_FRAMES (1u << 23) /* frames of all tracks together, 256 MiB */
#define SCOPE_MAX_TRACKS (1u << 20) /* track ids go from 1 to this */
#define SCOPE_MAX_SKIP 4096u        /* frames a leave may skip; keeps hostile streams from costing depth x events */
#define SCOPE_MAX_CALL_ID (INT64_C(1) << 62)
#define SCOPE_MAX_LINE ((1u << 24) - 1)

#define SCOPE_OUTCOME_RETURN 0
#define SCOPE_OUTCOME_YIELD 1
#define SCOPE_OUTCOME_RAISE 2

#define SCOPE_ENTERED_EARLIER 1u /* found by a snapshot, entered earlier than start_ns says */
#define SCOPE_STANDS 2u          /* the recorder's last look found it innermost: nothing that it did later is told */

struct scope_frame { /* 32 bytes; also the bytes of exported stacks */
    int64_t call_id;
    int64_t start_ns;
    int32_t site_id;
    uint32_t line;   /* 0 = not known, or no longer */
    uint32_t flags;  /* SCOPE_ENTERED_EARLIER, SCOPE_STANDS */
    uint32_t unused; /* 0 */
};

struct scope_track { /* 32 bytes, per track with a state; exported beside the frames */
    int32_t track_id;
    uint32_t depth;
    uint32_t overflow;        /* calls entered beyond the limits and not left yet */
    uint32_t cursor;          /* depth that the next part of a snapshot continues at */
    int64_t unknown_since_ns; /* a gap that no snapshot has answered yet, or -1 */
    int64_t snapshot_ns;      /* the last snapshot, or -1 */
};

struct scope_events { /* columns of one batch, all of the same length */
    const uint8_t *kind;
    const int32_t *track_id;
    const int32_t *site_id;
    const int64_t *time_ns;
    const int64_t *ref; /* of what opens a call, the line that its caller is at; 0 = not known */
    const uint8_t *flags;
    const uint8_t *asks; /* by kind: whether the innermost call before its events is asked for */
    int64_t first_event_id;
    int64_t *opened; /* room for the call that each event opens, 0 where it opens none; zeros, or NULL */
};

struct scope_calls { /* where ended calls go; rows < capacity always */
    int64_t capacity;
    int64_t rows;
    int64_t *call_id;
    int64_t *start_ns;
    int64_t *end_ns;
    int64_t *parent_call_id;
    int32_t *track_id;
    int32_t *depth;
    int32_t *site_id;
    int32_t *call_line; /* of the caller, where it made the call; 0 = not known */
    uint8_t *outcome;
    int64_t *end_event_id; /* the event that ended it; 0: a snapshot did */
    int64_t event_id;      /* the one that is being folded in */
    int64_t *caller;       /* innermost call before each event that asks for it, in order, 0 = none; may be NULL */
    int64_t callers;
    int64_t caller_capacity;
};

struct scope_counts {
    int64_t next_call_id;
    int64_t unmatched; /* leaves of a site that is not on the stack */
    int64_t ignored;   /* events of impossible tracks, and calls beyond the limits */
    int64_t frames;    /* open calls */
    int64_t tracks;    /* tracks with a state */
    int64_t doubted;   /* 1 + ns of the last doubt, 0 = none: a track that appears later without a begin is unknown */
};

#endif
