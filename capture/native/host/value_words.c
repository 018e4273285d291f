/* Values in words as texts: bounded in time and memory by the words that are there, whatever these claim. */
#define _GNU_SOURCE /* memmem */
#include "value_words.h"

#include "../redaction.h"
#include "../scope_pool.h"
#include "../scope_values.h"
#include "float_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DEPTH 8 /* of containers in containers; a recorder goes less deep */
#define CUT "…"
#define UNKNOWN "?"
#define TABLE_SLOTS 8192u /* more than the definitions in two times 64 KiB of records, each of 24 bytes at least */
#define FIRST_ROOM 65536u

/* -- bytes that grow */

/* No GIL; allocates. Room for `count` bytes more, or false. */
static bool make_room(struct scope_bytes *to, size_t count) {
    if (to->room - to->length >= count)
        return true;
    size_t room = to->room ? to->room : FIRST_ROOM;
    while (room - to->length < count)
        room *= 2;
    unsigned char *grown = realloc(to->bytes, room);
    if (!grown) {
        to->failed = true;
        return false;
    }
    to->bytes = grown;
    to->room = room;
    return true;
}

/* No GIL; allocates. */
void scope_append(struct scope_bytes *to, const void *bytes, size_t count) {
    if (!make_room(to, count))
        return;
    memcpy(to->bytes + to->length, bytes, count);
    to->length += count;
}

/* No GIL; allocates. */
void scope_append_word(struct scope_bytes *to, const char *word) {
    scope_append(to, word, strlen(word));
}

/* No GIL; allocates. Cuts what begins at `from` to at most so many bytes, whole characters, and a mark. */
void scope_append_cut(struct scope_bytes *to, size_t from, size_t most) {
    if (to->length - from <= most)
        return;
    size_t length = most;
    while (length > 0 && (to->bytes[from + length] & 0xc0) == 0x80)
        length--;
    to->length = from + length;
    scope_append_word(to, CUT);
}

/* -- what a SAME may refer to */

struct slot {
    uint64_t id;
    uint32_t epoch, length;
    size_t offset;
};

struct generation {
    struct slot slots[TABLE_SLOTS];
    struct scope_bytes texts;
    uint32_t count;
};

/* Two of them: one that fills up for 64 KiB of records, and the one before it. A slot counts where it has the epoch of
 * its generation, so that none has to be cleared when they change. */
struct scope_known {
    struct generation generations[2];
    uint32_t epoch; /* of the younger one, which lies at its lowest bit */
    size_t passed;  /* bytes of records since it began */
};

/* Allocates; NULL without memory. */
struct scope_known *scope_known_open(void) {
    struct scope_known *known = calloc(1, sizeof *known);
    if (known)
        known->epoch = 2; /* no slot has it, nor the one before */
    return known;
}

/* Frees. */
void scope_known_close(struct scope_known *known) {
    if (!known)
        return;
    free(known->generations[0].texts.bytes);
    free(known->generations[1].texts.bytes);
    free(known);
}

/* No GIL; does not allocate. So much more of a track has been read; what lies too far back is forgotten. */
void scope_known_pass(struct scope_known *known, size_t record_bytes) {
    known->passed += record_bytes;
    if (known->passed < SCOPE_CHUNK_BYTES)
        return;
    known->passed = 0;
    known->epoch++;
    struct generation *young = &known->generations[known->epoch & 1];
    young->texts.length = 0;
    young->count = 0;
    if (known->epoch < 2) { /* once in 2^32 times */
        memset(known->generations[0].slots, 0, sizeof known->generations[0].slots);
        memset(known->generations[1].slots, 0, sizeof known->generations[1].slots);
        known->epoch = 2;
    }
}

/* No GIL; does not allocate. The slot of an id, or the first free one of its chain. */
static struct slot *slot_of(struct generation *generation, uint64_t id, uint32_t epoch) {
    uint32_t at = (uint32_t)(id * 0x9E3779B97F4A7C15u >> 51) & (TABLE_SLOTS - 1);
    while (generation->slots[at].epoch == epoch && generation->slots[at].id != id)
        at = (at + 1) & (TABLE_SLOTS - 1);
    return &generation->slots[at];
}

/* No GIL; allocates. Keeps what `out` has from `from` on as the text of that id. */
static void define(struct scope_known *known, uint64_t id, const struct scope_bytes *out, size_t from) {
    struct generation *young = &known->generations[known->epoch & 1];
    if (!id || out->failed || young->count >= TABLE_SLOTS / 2)
        return;
    struct slot *slot = slot_of(young, id, known->epoch);
    const size_t offset = young->texts.length, length = out->length - from;
    scope_append(&young->texts, out->bytes + from, length <= SCOPE_MOST_VALUE_BYTES ? length : SCOPE_MOST_VALUE_BYTES);
    if (young->texts.failed)
        return;
    if (length > SCOPE_MOST_VALUE_BYTES) {
        struct scope_bytes *texts = &young->texts;
        while (texts->length > offset && (out->bytes[from + texts->length - offset] & 0xc0) == 0x80)
            texts->length--;
        scope_append_word(texts, CUT);
    }
    young->count += slot->epoch != known->epoch;
    *slot = (struct slot){id, known->epoch, (uint32_t)(young->texts.length - offset), offset};
}

/* No GIL; allocates. Appends the text of an id; once what is being written is longer than anything that is shown of it,
 * nothing more: what a SAME costs is bounded so. */
static void append_same(struct scope_value_reader *reader, uint64_t id) {
    struct scope_known *known = reader->known;
    for (uint32_t epoch = known->epoch; epoch + 2 > known->epoch; epoch--) {
        struct generation *generation = &known->generations[epoch & 1];
        const struct slot *slot = slot_of(generation, id, epoch);
        if (slot->epoch != epoch)
            continue;
        if (reader->out->length - reader->from <= SCOPE_MOST_VALUE_BYTES)
            scope_append(reader->out, generation->texts.bytes + slot->offset, slot->length);
        return;
    }
    scope_append_word(reader->out, UNKNOWN);
}

/* -- one value */

/* No GIL; allocates. Nothing that follows in this event can be trusted. */
static void give_up(struct scope_value_reader *reader) {
    reader->at = reader->end;
    scope_append_word(reader->out, UNKNOWN);
}

/* No GIL; does not allocate. Whether a byte stands for itself between single quotes. */
static inline bool is_plain(unsigned char byte) {
    return byte >= 0x20 && byte < 0x7f && byte != '\'' && byte != '\\';
}

/* No GIL; allocates. Printable as it is, the rest escaped; bytes >= 0x80 are kept where the text is UTF-8. */
static void append_escaped(struct scope_bytes *out, const unsigned char *bytes, size_t count, bool utf8) {
    if (!make_room(out, 4 * count))
        return;
    unsigned char *at = out->bytes + out->length;
    for (size_t i = 0; i < count; i++) {
        const unsigned char byte = bytes[i];
        if (is_plain(byte) || (byte >= 0x80 && utf8)) {
            *at++ = byte;
            continue;
        }
        *at++ = '\\';
        if (byte == '\n' || byte == '\t') {
            *at++ = byte == '\n' ? 'n' : 't';
        } else if (byte == '\'' || byte == '\\') {
            *at++ = byte;
        } else {
            *at++ = 'x';
            *at++ = (unsigned char)"0123456789abcdef"[byte >> 4];
            *at++ = (unsigned char)"0123456789abcdef"[byte & 15];
        }
    }
    out->length = (size_t)(at - out->bytes);
}

/* No GIL; allocates. */
static void append_quoted(struct scope_bytes *out, const unsigned char *bytes, size_t count, bool utf8) {
    scope_append(out, "'", 1);
    append_escaped(out, bytes, count, utf8);
    scope_append(out, "'", 1);
}

/* No GIL; allocates. Of a bytes; where secrets were left out of it, the mark for one is none of its bytes. */
static void append_bytes(struct scope_bytes *out, const unsigned char *bytes, size_t count, bool has_marks) {
    const size_t size = sizeof SCOPE_REDACTED - 1;
    const unsigned char *const end = bytes + count;
    const unsigned char *mark;
    scope_append(out, "'", 1);
    while (has_marks && (mark = memmem(bytes, (size_t)(end - bytes), SCOPE_REDACTED, size))) {
        append_escaped(out, bytes, (size_t)(mark - bytes), false);
        scope_append(out, mark, size);
        bytes = mark + size;
    }
    append_escaped(out, bytes, (size_t)(end - bytes), false);
    scope_append(out, "'", 1);
}

/* No GIL; allocates. */
static void append_int(struct scope_bytes *out, int64_t number) {
    char digits[24], *at = digits + sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--at = '-';
    scope_append(out, at, (size_t)(digits + sizeof digits - at));
}

/* No GIL; allocates. */
static void append_special(struct scope_bytes *out, uint64_t which) {
    static const char *const words[] = {
        [SCOPE_SPECIAL_UNBOUND] = "<unbound>",
        [SCOPE_SPECIAL_NONE] = "None",
        [SCOPE_SPECIAL_FALSE] = "False",
        [SCOPE_SPECIAL_TRUE] = "True",
        [SCOPE_SPECIAL_ELLIPSIS] = "Ellipsis",
        [SCOPE_SPECIAL_REDACTED] = SCOPE_REDACTED,
        [SCOPE_SPECIAL_CUT] = CUT,
    };
    scope_append_word(out, which < sizeof words / sizeof *words ? words[which] : UNKNOWN);
}

/* No GIL; allocates. */
static void append_float(struct scope_value_reader *reader) {
    char text[SCOPE_FLOAT_BYTES];
    double number;
    if (reader->at == reader->end) {
        give_up(reader);
        return;
    }
    memcpy(&number, reader->at++, sizeof number);
    scope_append(reader->out, text, scope_float_text(number, text));
}

/* No GIL; allocates. */
static void append_text(struct scope_value_reader *reader, uint64_t word) {
    const size_t count = word >> 16 & 0xffff, words = 1 + (count + 7) / 8, from = reader->out->length;
    if (words > (size_t)(reader->end - reader->at)) {
        give_up(reader);
        return;
    }
    const uint64_t id = *reader->at;
    const unsigned char *bytes = (const unsigned char *)(reader->at + 1);
    reader->at += words;
    switch (word >> 4 & 15) {
    case SCOPE_TEXT_STR:
        append_quoted(reader->out, bytes, count, true);
        break;
    case SCOPE_TEXT_BYTES_OBJECT:
        scope_append(reader->out, "b", 1);
        append_bytes(reader->out, bytes, count, word >> 9 & 1);
        break;
    default:
        append_escaped(reader->out, bytes, count, true);
    }
    if (reader->out->length == from) /* digits that are not there: no text at all would say that nothing was told */
        scope_append_word(reader->out, UNKNOWN);
    if (word >> 8 & 1)
        scope_append_word(reader->out, CUT);
    define(reader->known, id, reader->out, from);
}

/* No GIL; allocates. The items of a container between its brackets. */
static void append_items(struct scope_value_reader *reader, uint64_t word, bool is_dict, int depth) {
    const uint64_t shown = word >> 16 & 0xff, length = word >> 32;
    for (uint64_t i = 0; i < shown && reader->at < reader->end; i++) {
        if (i)
            scope_append(reader->out, ", ", 2);
        scope_append_value(reader, depth);
        if (is_dict) {
            scope_append(reader->out, ": ", 2);
            scope_append_value(reader, depth);
        }
    }
    if (shown < length || word >> 8 & 1)
        scope_append_word(reader->out, shown ? ", " CUT : CUT);
}

/* No GIL; allocates. */
static void append_container(struct scope_value_reader *reader, uint64_t word, int depth) {
    static const char *const brackets[][2] = {[SCOPE_CONTAINER_LIST] = {"[", "]"},
                                              [SCOPE_CONTAINER_TUPLE] = {"(", ")"},
                                              [SCOPE_CONTAINER_SET] = {"{", "}"},
                                              [SCOPE_CONTAINER_FROZENSET] = {"frozenset(", ")"},
                                              [SCOPE_CONTAINER_DICT] = {"{", "}"}};
    const uint64_t what = word >> 4 & 7, length = word >> 32;
    const size_t from = reader->out->length, from_before = reader->from;
    if (what >= sizeof brackets / sizeof *brackets || reader->at == reader->end || depth >= MOST_DEPTH) {
        give_up(reader);
        return;
    }
    const uint64_t id = *reader->at++;
    const bool is_empty_set = what == SCOPE_CONTAINER_SET && !length;
    reader->from = from;
    scope_append_word(reader->out, is_empty_set ? "set(" : brackets[what][0]);
    append_items(reader, word, what == SCOPE_CONTAINER_DICT, depth + 1);
    scope_append_word(reader->out, is_empty_set                                   ? ")"
                                   : what == SCOPE_CONTAINER_TUPLE && length == 1 ? ",)"
                                                                                  : brackets[what][1]);
    reader->from = from_before;
    define(reader->known, id, reader->out, from);
}

/* No GIL; allocates. */
static void append_object(struct scope_value_reader *reader, uint64_t word) {
    const struct scope_names *types = reader->types;
    const int64_t type = (int64_t)(word >> 48);
    char address[32];
    const int length =
        snprintf(address, sizeof address, " at 0x%llx>", (unsigned long long)(word >> 4 & ((1ull << 44) - 1)) << 4);
    scope_append(reader->out, "<", 1);
    if (type < types->count && types->at[2 * type] < types->at[2 * type + 1])
        append_escaped(reader->out, types->text + types->at[2 * type],
                       (size_t)(types->at[2 * type + 1] - types->at[2 * type]), true);
    else
        scope_append_word(reader->out, UNKNOWN);
    scope_append(reader->out, address, (size_t)length);
}

/* No GIL; allocates. Appends the next value of the event; UNKNOWN where there is none. */
void scope_append_value(struct scope_value_reader *reader, int depth) {
    if (reader->at == reader->end) {
        scope_append_word(reader->out, UNKNOWN);
        return;
    }
    const uint64_t word = *reader->at++;
    switch (word & 15) {
    case SCOPE_WORD_SPECIAL:
        append_special(reader->out, word >> 4);
        return;
    case SCOPE_WORD_INT:
        append_int(reader->out, (int64_t)word >> 4);
        return;
    case SCOPE_WORD_SHORT:
        if ((word >> 4 & 15) > 7) {
            give_up(reader);
            return;
        }
        append_quoted(reader->out, (const unsigned char *)(reader->at - 1) + 1, word >> 4 & 15, true);
        return;
    case SCOPE_WORD_FLOAT:
        append_float(reader);
        return;
    case SCOPE_WORD_TEXT:
        append_text(reader, word);
        return;
    case SCOPE_WORD_SAME:
        append_same(reader, word >> 4);
        return;
    case SCOPE_WORD_CONTAINER:
        append_container(reader, word, depth);
        return;
    case SCOPE_WORD_OBJECT:
        append_object(reader, word);
        return;
    default:
        give_up(reader);
    }
}
