/* The shared-memory pool that a target writes and a recorder drains.
 *
 * One file per target process, `pool.bin`, little-endian, fixed-size types only:
 *
 *   0                header, 4096 bytes (struct scope_pool_header)
 *   table_offset     block_count words of 32 bits: what each block is and which parts of it are in use
 *   blocks_offset    block_count x block_bytes
 *
 * A block of 64 KiB is free, or one large chunk, or sixteen small ones of 4 KiB. A thread begins with a small chunk, so
 * that thousands of threads find room, and gets a large one when it has filled a small one quickly. When nothing is free,
 * a thread that wants to write takes over a chunk whose records the recorder has all read, from a thread that has not
 * written since: so chunks follow the threads that are at work, not those that live.
 *
 * A thread writes a chunk front to back and closes it when it is full; the recorder frees a closed chunk once its records
 * are in the journal. No position ever wraps. A chunk has one writer (its thread, or whoever holds the GIL on its behalf)
 * and one reader. The table has two: the target sets bits of parts that are free, the recorder clears bits of parts that
 * are closed. A free block may become large or small; that is settled anew each time.
 *
 * Why chunks carry `seq_start` and `dropped_before`: every event a track produces has a sequence number, dropped
 * ones included, so a reader proves produced == recorded + dropped from the data, and a missing block shows.
 */
#ifndef SCOPE_POOL_H
#define SCOPE_POOL_H

#include "scope_kinds.h"

#include <stdint.h>

#define SCOPE_POOL_ABI 5u     /* 4 had no lines of calls, 3 no values: their records mean the same */
#define SCOPE_OLD_POOL_ABI 2u /* still read: host/old_records.h */
#define SCOPE_POOL_HEADER_BYTES 4096u
#define SCOPE_CHUNK_BYTES 65536u /* a large chunk: one block */
#define SCOPE_CHUNK_HEADER_BYTES 64u
#define SCOPE_CHUNK_CAPACITY ((SCOPE_CHUNK_BYTES - SCOPE_CHUNK_HEADER_BYTES) / 16u) /* 4092 records */
#define SCOPE_SMALL_BYTES 4096u
#define SCOPE_SMALL_CAPACITY ((SCOPE_SMALL_BYTES - SCOPE_CHUNK_HEADER_BYTES) / 16u) /* 252 records, or track slots */
#define SCOPE_SMALL_PER_BLOCK (SCOPE_CHUNK_BYTES / SCOPE_SMALL_BYTES)
#define SCOPE_DEFAULT_BLOCKS 512u                  /* 32 MiB at most */
#define SCOPE_MAX_EVENT_SLOTS SCOPE_SMALL_CAPACITY /* one event never spans chunks, and fits into any */

/* A word of the table. 0 = the block is free. */
#define SCOPE_BLOCK_PARTS 0xffffu  /* bit i: small chunk i is in use; bit 0 alone where the block is one large chunk */
#define SCOPE_BLOCK_LARGE 0x10000u /* the block is one large chunk */

/* "SCOPEPL\x01", kept inverted in code so that a memory scan finds only real pools. */
#define SCOPE_POOL_MAGIC_INVERTED {0xac, 0xbc, 0xb0, 0xaf, 0xba, 0xaf, 0xb3, 0xfe}

/* What the hooks were called for that an event does not stand for, each with a price that is measured in the target; and
 * what else the price of a recording depends on. capture/drain/pool.py has the same names (`Cost`). */
enum scope_cost {
    SCOPE_COST_LEFT_OUT_CALL = 0,  /* a frame that is left out, where that takes an evaluation function: 3.10, 3.11 */
    SCOPE_COST_LEFT_OUT_HOOK = 1,  /* the profile function, called for naught: 3.10, 3.11 */
    SCOPE_COST_LEFT_OUT_RAISE = 2, /* an exception in code that is left out: raised, passing, thrown in, leaving it */
    SCOPE_COST_RAISE = 3,          /* an exception in recorded code, besides the events that it makes */
    SCOPE_COST_FIRST_SIGHT = 4,    /* a code object seen for the first time */

    SCOPE_COST_SLOWED_NOW = 5, /* no count: 1 while instructions run that a profile function slows down: 3.10, 3.11 */
    SCOPE_COST_YARD_NS = 6,    /* CPU time of the work that prices are measured against, done at each sweep */
    SCOPE_COST_YARDS = 7,      /* how often it has been done */

    SCOPE_COST_RESUME = 8, /* of the events, generators that go on: 3.10, 3.11, where a call costs more than that */

    SCOPE_COST_SAMPLED_TICKS = 9, /* what a few hooks took amid the program; recorder/samples.h */
    SCOPE_COST_SAMPLES = 10,      /* how many these are */
    SCOPE_COST_USUAL_TICKS = 11,  /* the same in the loops that prices come from */
    SCOPE_COST_USUAL_SAMPLES = 12,

    SCOPE_COST_LONG_TICKS = 13, /* what those of them that wrote values took for these */
    SCOPE_COST_LONG_SAMPLES = 14,

    SCOPE_COSTS
};

struct scope_pool_header {      /* offsets in bytes */
    unsigned char magic[8];     /*   0 */
    uint32_t abi;               /*   8 */
    uint32_t header_bytes;      /*  12 */
    uint32_t block_bytes;       /*  16 */
    uint32_t block_count;       /*  20 */
    uint32_t small_bytes;       /*  24 */
    uint32_t record_bytes;      /*  28 */
    uint64_t table_offset;      /*  32 */
    uint64_t blocks_offset;     /*  40 */
    uint32_t pid;               /*  48 */
    uint32_t clock_kind;        /*  52  1 = TSC ticks, 2 = CLOCK_MONOTONIC ns */
    uint64_t start_ticks;       /*  56 */
    uint64_t start_mono_ns;     /*  64 */
    uint32_t python_hexversion; /* 72 */
    uint32_t when_full;         /*  76  0 drop, 1 block; the recorder's side may set it back to 0 */
    unsigned char pad0[48];
    uint32_t state;      /* 128  0 starting, 1 recording, 2 stopped (hooks are gone) */
    uint32_t site_count; /* 132 */
    unsigned char pad1[56];
    uint64_t dropped_unattributed; /* 192  events of threads that found no track slot; atomic add */
    unsigned char pad2[56];
    uint32_t blocks_used; /* 256  high-water mark: blocks [0, n) may hold data; also memory in use = n x 64 KiB */
    unsigned char pad3[60];
    uint64_t ended_dropped; /* 320  drops of tracks whose slot was recycled; atomic add */
    unsigned char pad4[56];
    uint64_t definition_bytes; /* 384  bytes of defs.bin that hold definitions, whole ones only; release-stored */
    unsigned char pad5[56];
    uint64_t table_bytes;              /* 448  what the recorder's tables take of the target's memory; told at sweeps */
    uint64_t cost_counts[SCOPE_COSTS]; /* 456  by enum scope_cost */
    unsigned char pad6[3640 - 8 * SCOPE_COSTS];
};

enum scope_chunk_state { SCOPE_CHUNK_WRITING = 1, SCOPE_CHUNK_CLOSED = 2, SCOPE_CHUNK_SLOTS = 3 };

struct scope_chunk {         /* 64-byte header, then `capacity` records, or track slots */
    uint32_t state;          /*  0  enum scope_chunk_state; says nothing where the table says "free" */
    uint32_t track_serial;   /*  4 */
    uint64_t seq_start;      /*  8  events this track produced (recorded + dropped) before this chunk */
    uint32_t committed;      /* 16  record slots written; release-stored last: the one commit point of an event */
    uint32_t generation;     /* 20  +2 per owner; odd while the header changes hands */
    uint64_t dropped_before; /* 24  total events of this track dropped before this chunk */
    uint32_t drained;        /* 32  record slots already in the journal; the recorder's, but for a new owner's 0 */
    uint32_t capacity;       /* 36  record slots that fit */
    unsigned char pad[24];
};

struct scope_track_slot { /* 16 bytes, where a record would be */
    uint32_t serial;      /*  0  0 = never used; serials start at 1 and are never reused in this pool */
    uint32_t state;       /*  4  1 live, 2 ended: the slot may be given to another track */
    uint64_t dropped;     /*  8  events of this track dropped so far */
};

#define SCOPE_SITE_BITS                                                                                                \
    18 /* of the `a` of what opens a call; above them the line that it is made from, 0 = not known */

struct scope_record { /* 16 bytes; the head of every event */
    uint64_t ticks;
    uint32_t a;
    uint8_t kind;
    uint8_t flags;
    uint16_t b;
};

/* GIL not needed; does not allocate. How many slots of 16 bytes behind a record its event takes, whatever its kind: where
 * SCOPE_PAYLOAD is among its flags, `b` bytes follow. capture/events/kinds.py says of each kind what they are. */
static inline uint32_t scope_payload_slots(const struct scope_record *head) {
    return head->flags & SCOPE_PAYLOAD ? (head->b + 15u) / 16u : 0;
}

/* Sequence numbers, `dropped` and every produced/recorded/dropped figure count events, not slots. A GAP is itself an event;
 * its ticks are when the gap began, and it is written when recording continues. */

/* defs.bin, append-only, beside pool.bin; the first `definition_bytes` of the header count. Each definition is counted
 * before the first record that uses it is committed.
 *   u16 magic 0x5dE5 | u8 kind | u8 flags | u32 id | u32 payload_bytes | u32 checksum | payload (UTF-8, fields split by \0)
 * checksum = FNV-1a 32 over the first 12 bytes and the payload. */
#define SCOPE_DEF_MAGIC 0x5dE5u
enum scope_def {
    SCOPE_DEF_SITE = 1, /* id = site (from 1): qualname, module, file, first line, co_name, parameters "a,b,*c,**d" */
    SCOPE_DEF_EXCEPTION = 2, /* id = exception type id (from 1): qualified type name */
    SCOPE_DEF_STATE_KEY = 3, /* id = key id (from 1): owner ("module" or "module.Class"), key, "global" | "attribute" */
    SCOPE_DEF_THREAD = 4,    /* id = serial: name, native tid, daemon "0"|"1"; a later one for the same id wins */
    SCOPE_DEF_PROCESS = 5,   /* id = 0: key, value   e.g. python_version; "matched", "--include PATTERN" */
    SCOPE_DEF_UNSEEN = 6,    /* id from 1: code, detail   something that this recording cannot see; capture/unseen.py */
    SCOPE_DEF_TYPE = 7,  /* id = type number of values (1..65535): "module.Type"; a later one for the same id wins */
    SCOPE_DEF_LINES = 8, /* id = site: lines of its code, as ranges "12-15,17"; several of a site add up */
    SCOPE_DEF_NAME = 9   /* id = number of a local variable's name (from 1), of any function: the name */
};

#endif
