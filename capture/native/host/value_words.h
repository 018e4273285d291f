/* Values as scope_values.h has them in words, as texts: what states show of a value (recorder/values/render.c).
 *
 * A SAME refers to what lies in the same chunk, so at most SCOPE_CHUNK_BYTES of records before it. */
#ifndef SCOPE_HOST_VALUE_WORDS_H
#define SCOPE_HOST_VALUE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Names by number: that of number n is text[at[2n] .. at[2n + 1]). */
struct scope_names {
    const unsigned char *text;
    const int64_t *at;
    int64_t count;
};

/* Bytes that grow. `failed`: without memory, what came then is missing. */
struct scope_bytes {
    unsigned char *bytes;
    size_t length, room;
    bool failed;
};

void scope_append(struct scope_bytes *to, const void *bytes, size_t count);
void scope_append_word(struct scope_bytes *to, const char *word);
void scope_append_cut(struct scope_bytes *to, size_t from, size_t most);

/* The texts that a SAME may refer to: those of the last 64 KiB of records at least, and of 128 KiB at most. */
struct scope_known;
struct scope_known *scope_known_open(void);
void scope_known_pass(struct scope_known *known, size_t record_bytes);
void scope_known_close(struct scope_known *known);

/* The words of one event, read from front to back. After something that is no value it stands at its end. */
struct scope_value_reader {
    const uint64_t *at, *end;
    struct scope_known *known;
    const struct scope_names *types;
    struct scope_bytes *out;
    size_t from; /* where the text begins in `out` that is being written */
};

void scope_append_value(struct scope_value_reader *reader, int depth);

#define SCOPE_MOST_VALUE_BYTES 1000u /* of a text that is shown, besides the mark of a cut */

#endif
