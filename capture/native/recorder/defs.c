/* defs.bin: what the numbers in the pool mean.
 *
 * The file is mapped whole and filled from its start; the pool's header says how far. The bytes are in the page cache
 * when they are counted there, so they outlive a kill -9 of the target, and what is not counted is not there: no
 * definition is ever seen in half. */
#include "defs.h"

#include "mapped_file.h"
#include "pool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define FIELD_LIMIT 4096
#define HEAD_BYTES 16
#define CUT "…"
#define FIELDS 6
#define MOST_BYTES (64u << 20) /* some 400 000 functions; address space until it is used */
#define LEAST_BYTES (1u << 20) /* where address space is limited */
#define STEP_BYTES 65536u      /* space is asked for by so much */
#define KEPT_BYTES 262144u     /* for what cannot be seen: that the rest is full must still be told */

_Static_assert(HEAD_BYTES + FIELDS * (FIELD_LIMIT + 1) < STEP_BYTES, "a definition may need two steps at most");

static unsigned char *definitions; /* NULL = none may be written */
static size_t mapped_bytes, reserved_bytes;

/* GIL not needed; maps memory. 0, or an errno. The pool must be open. */
int scope_defs_open(const char *path) {
    void *base = NULL;
    int problem = ENOMEM;
    for (size_t bytes = MOST_BYTES; problem == ENOMEM && bytes >= LEAST_BYTES; bytes /= 2) {
        problem = scope_file_map(path, bytes, &base);
        mapped_bytes = bytes;
    }
    if (problem)
        return problem;
    definitions = base;
    reserved_bytes = 0;
    scope_pool.header->definition_bytes = 0;
    return 0;
}

/* GIL held; unmaps memory. The file stays for the recorder to drain. */
void scope_defs_close(void) {
    if (definitions)
        munmap(definitions, mapped_bytes);
    definitions = NULL;
}

/* Runs in a forked child, where the mapping does not exist; async-signal-safe. */
void scope_defs_forget(void) {
    definitions = NULL;
}

/* GIL not needed; does not allocate. */
static uint32_t fnv1a(uint32_t hash, const unsigned char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        hash = (hash ^ bytes[i]) * 16777619u;
    return hash;
}

/* GIL not needed; does not allocate. The length of `text` without the part of a letter at its end, where whoever filled a
 * buffer with it has cut one. */
static size_t whole_letters(const char *text, size_t length) {
    size_t lead = length;
    while (lead > 0 && length - lead < 3 && (text[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead == 0)
        return length;
    const unsigned char first = (unsigned char)text[lead - 1];
    const size_t wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
    return length - (lead - 1) < wanted ? lead - 1 : length;
}

/* GIL held (it orders the writers); does not allocate. False when the definition could not be stored: then its number
 * must not be used. */
bool scope_define(enum scope_def kind, uint32_t id, const char *const *fields, int count) {
    if (!definitions)
        return false;
    unsigned char buffer[HEAD_BYTES + FIELDS * (FIELD_LIMIT + 1)];
    size_t size = HEAD_BYTES;
    for (int i = 0; i < count && i < FIELDS; i++) {
        if (i)
            buffer[size++] = 0;
        size_t length = strnlen(fields[i], FIELD_LIMIT + 1);
        const bool is_cut = length > FIELD_LIMIT;
        length = whole_letters(fields[i], is_cut ? FIELD_LIMIT - sizeof CUT : length);
        memcpy(buffer + size, fields[i], length);
        size += length;
        if (is_cut) {
            memcpy(buffer + size, CUT, sizeof CUT - 1);
            size += sizeof CUT - 1;
        }
    }
    const uint16_t magic = SCOPE_DEF_MAGIC;
    const uint32_t payload_bytes = (uint32_t)(size - HEAD_BYTES);
    memcpy(buffer, &magic, 2);
    buffer[2] = (unsigned char)kind;
    buffer[3] = 0;
    memcpy(buffer + 4, &id, 4);
    memcpy(buffer + 8, &payload_bytes, 4);
    uint32_t checksum = fnv1a(2166136261u, buffer, 12);
    checksum = fnv1a(checksum, buffer + HEAD_BYTES, payload_bytes);
    memcpy(buffer + 12, &checksum, 4);

    const uint64_t used = scope_pool.header->definition_bytes;
    if (kind != SCOPE_DEF_UNSEEN && used + size > mapped_bytes - KEPT_BYTES)
        return false;
    while (used + size > reserved_bytes) {
        if (reserved_bytes + STEP_BYTES > mapped_bytes || !scope_file_reserve(definitions + reserved_bytes, STEP_BYTES))
            return false;
        reserved_bytes += STEP_BYTES;
    }
    memcpy(definitions + used, buffer, size);
    __atomic_store_n(&scope_pool.header->definition_bytes, used + size, __ATOMIC_RELEASE);
    return true;
}
