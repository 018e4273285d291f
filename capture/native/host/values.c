/* What calls were given, what they returned and what lines changed: the values of events as a column of texts. */
#include "../scope_pool.h"
#include "../scope_values.h"
#include "host.h"
#include "value_words.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PARAMETERS 16 /* of a call are shown */
#define CUT "…"
#define MOST_OF_CHANGES (1u << 18) /* bytes, after which values are not shown: a recorder has room for less */

/* What the words of a kind are; capture/decode/value_texts.py has the same. */
enum { NO_VALUES = 0, ARGUMENTS = 1, ONE_VALUE = 2, CHANGES = 3, FRAME = 4 };

/* No GIL; allocates. `x=1, name='abc', *args=(1, 2)`: the values that are there, by the names of the site. */
static void append_arguments(struct scope_value_reader *reader, const struct scope_names *names, int64_t site) {
    const unsigned char *name = names->text, *end = names->text;
    struct scope_bytes *out = reader->out;
    size_t shown_bytes = 0;
    if (site < names->count && names->at[2 * site] < names->at[2 * site + 1]) {
        name += names->at[2 * site];
        end += names->at[2 * site + 1];
    }
    for (int at = 0; reader->at < reader->end; at++) {
        const unsigned char *comma = name < end ? memchr(name, ',', (size_t)(end - name)) : NULL;
        const unsigned char *stop = comma ? comma : end;
        if (at == MOST_PARAMETERS)
            shown_bytes = out->length;
        if (at)
            scope_append(out, ", ", 2);
        if (name < stop)
            scope_append(out, name, (size_t)(stop - name));
        else
            scope_append_word(out, "?");
        scope_append(out, "=", 1);
        scope_append_value(reader, 0);
        name = comma ? comma + 1 : end;
    }
    if (shown_bytes) { /* read nevertheless: later events may refer to them */
        out->length = shown_bytes;
        scope_append_word(out, ", " CUT);
    }
}

/* No GIL; allocates. `x=1`, `y`: what is bound, and what is no more, one a row. Each value is cut by itself: an event has
 * as many as it has room for, none of which may be missing. */
static void append_changes(struct scope_value_reader *reader, const struct scope_names *names) {
    struct scope_bytes *out = reader->out;
    const size_t begin = reader->from;
    while (reader->at < reader->end) {
        const uint64_t word = *reader->at++;
        const int64_t name = (uint32_t)word;
        if (out->length > begin)
            scope_append(out, "\n", 1);
        if (name < names->count && names->at[2 * name] < names->at[2 * name + 1])
            scope_append(out, names->text + names->at[2 * name],
                         (size_t)(names->at[2 * name + 1] - names->at[2 * name]));
        else
            scope_append_word(out, "?");
        if (word >> 32 == SCOPE_CHANGE_UNBOUND)
            continue;
        scope_append(out, "=", 1);
        reader->from = out->length;
        scope_append_value(reader, 0);
        scope_append_cut(out, reader->from, out->length - begin <= MOST_OF_CHANGES ? SCOPE_MOST_VALUE_BYTES : 0);
    }
    reader->from = begin;
}

/* No GIL; allocates. The text of one event with words. */
static void append_event(struct scope_value_reader *reader, const struct scope_record *head, int what,
                         const struct scope_names *parameters, const struct scope_names *variables) {
    if (what == FRAME)
        reader->at++; /* its line */
    if (what == CHANGES || what == FRAME) {
        append_changes(reader, variables);
        return;
    }
    if (what == ARGUMENTS)
        append_arguments(reader, parameters, head->a & ((1u << SCOPE_SITE_BITS) - 1));
    else
        scope_append_value(reader, 0);
    scope_append_cut(reader->out, reader->from, SCOPE_MOST_VALUE_BYTES);
}

/* No GIL; allocates what `scope_free_texts` frees. The texts of the values of events: `heads`, with the bit of payloads where
 * they have words, and their words, b / 8 of each, side by side.
 *
 * They are of `runs` runs, one after the other: of each track `rows[2k]` events whose texts are known already, to which the
 * `rows[2k + 1]` others may refer. `what` says of each kind what its words are; where it is one value, the flag
 * SCOPE_RETURN_IS_NONE is None. `row` and `end` have room for each event of the second sort, and `end` for one more: which of
 * them have a text, counted from 0 over all runs, and where it ends in what is returned as `text` (NULL: nothing was
 * written). `line` has room for as many as `row`: of each of these the line where it is a frame, else 0; a frame without
 * local variables is among them, with an empty text. Returns how many texts there are; -1 without memory, or where the numbers do not fit. */
SCOPE_EXPORT int64_t scope_value_texts(const struct scope_record *heads, int64_t head_count, const uint64_t *words,
                                       int64_t word_count, const int64_t *rows, int64_t runs, const unsigned char *what,
                                       const struct scope_names *parameters, const struct scope_names *types,
                                       const struct scope_names *variables, int64_t *row, int64_t *line, int64_t *end,
                                       unsigned char **text) {
    struct scope_bytes out = {0};
    struct scope_value_reader reader = {.known = scope_known_open(), .types = types, .out = &out, .at = words};
    const uint64_t *const last = words + word_count;
    int64_t told = 0, texts = 0;
    bool fits = reader.known != NULL;
    *text = NULL;
    end[0] = 0;
    for (int64_t run = 0; run < 2 * runs && fits; run++) {
        for (int64_t i = 0; i < rows[run] && fits; i++, heads++, head_count--, told += run & 1) {
            fits = head_count > 0;
            if (!fits)
                break;
            const int kind = what[heads->kind];
            const bool has_words = heads->flags & SCOPE_PAYLOAD && kind != NO_VALUES;
            const uint64_t *const first = reader.at;
            const size_t count = has_words ? heads->b / 8 : 0;
            fits = (int64_t)count <= last - first;
            if (!fits)
                break;
            reader.end = first + count;
            reader.from = out.length;
            if (count)
                append_event(&reader, heads, kind, parameters, variables);
            else if (kind == ONE_VALUE && heads->flags & SCOPE_RETURN_IS_NONE)
                scope_append_word(&out, "None");
            reader.at = first + count;
            scope_known_pass(reader.known, sizeof *heads + 8 * count);
            if (!(run & 1)) {
                out.length = reader.from;
            } else if (out.length > reader.from || (kind == FRAME && count)) {
                line[texts] = kind == FRAME && count ? (int64_t)(*first & UINT32_MAX) : 0;
                row[texts++] = told;
                end[texts] = (int64_t)out.length;
            }
        }
    }
    scope_known_close(reader.known);
    *text = out.bytes;
    return fits && !out.failed ? texts : -1;
}

/* Frees. */
SCOPE_EXPORT void scope_free_texts(unsigned char *text) {
    free(text);
}
