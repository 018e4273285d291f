/* Whether a Parquet file has the shape that Scope writes: its footer and the headers of its pages, before any of it
 * reaches a Parquet library.
 *
 * Arrow ends the process for some footers (86 of the 6 272 single bits of one), and believes what pages claim to be
 * when they are decompressed. Both are prevented here: every field that Arrow looks at has the type and one of the
 * values that a flat table of numbers and texts needs, pages lie side by side and add up to what the footer says, and
 * what their dictionaries can grow to is told. */
#include "host.h"
#include "thrift.h"

#include <string.h>

#define MOST_COLUMNS 256
#define MOST_GROUPS 64
#define MOST_BYTES (1ll << 40)

struct column {
    int64_t type, values, bytes, packed_bytes, data_at, dictionary_at, codec;
};

struct shape {
    int64_t types[MOST_COLUMNS];    /* of the leaves, in order */
    int64_t optional[MOST_COLUMNS]; /* whether they may be null */
    int64_t leaves, rows, groups, groups_rows;
    int64_t worst_text[MOST_COLUMNS];
    struct column column;
    int64_t column_no, has_schema, group_values, decoded;
    const unsigned char *file;
    int64_t footer_at;
};

/* The functions of this file need no GIL and allocate nothing. Each reads on from the cursor; after something wrong it
 * stays at its end and all it yields is 0. */

/* A number that has to lie in bounds, and be of the type that Arrow takes it for: it passes over another one. */
static int64_t between(struct cursor *c, int type, int wanted, int64_t least, int64_t most, const char *what) {
    const int64_t value = type == wanted ? number(c) : least - 1;
    if (value < least || value > most) {
        fail(c, what);
        return least < 0 ? 0 : least;
    }
    return value;
}

/* The items of a list of structs, or of numbers, one call for each. */
static void each(struct cursor *c, int type, int item, int64_t most, void (*read)(struct cursor *, struct shape *),
                 struct shape *shape) {
    int found;
    int64_t count = type == LIST ? list(c, &found) : -1;
    if (count < 0 || count > most || (count && found != item)) {
        fail(c, "a list in it is too long, or none");
        return;
    }
    for (; count > 0 && !c->wrong; count--)
        read(c, shape);
}

/* -- the schema --------------------------------------------------------------------------------------------------- */

/* A union LogicalType: STRING {} or INTEGER {bitWidth, isSigned}. */
static void logical_type(struct cursor *c, int64_t physical) {
    int64_t id = 0, in_id = 0;
    const int type = field(c, &id);
    int inner, width = 0;
    if (type != STRUCT || !((id == 1 && physical == 6) || (id == 10 && (physical == 1 || physical == 2)))) {
        fail(c, "a column of it is of a type that no table has");
        return;
    }
    while ((inner = field(c, &in_id)) != STOP) {
        if (id == 10 && in_id == 1 && inner == BYTE_)
            width = (int)byte(c);
        else if (!(id == 10 && in_id == 2 && (inner == TRUE_ || inner == FALSE_)))
            fail(c, "a column of it is of a type that no table has");
    }
    if (id == 10 && !(physical == 2 ? width == 64 : width == 8 || width == 16 || width == 32))
        fail(c, "a column of it has numbers of an odd width");
    if (field(c, &id) != STOP)
        fail(c, "a column of it is of two types");
}

static void schema_element(struct cursor *c, struct shape *s) {
    int64_t id = 0, physical = -1, children = 0, repetition = -1, converted = -1;
    const unsigned char *logical = NULL;
    int type, named = 0;
    while ((type = field(c, &id)) != STOP) {
        if (id == 1)
            physical = between(c, type, I32, 0, 6, "a column of it is of a type that no table has");
        else if (id == 3)
            repetition = between(c, type, I32, 0, 1, "a column of it holds lists");
        else if (id == 4 && type == BINARY) {
            c->at += length(c);
            named = 1;
        } else if (id == 5)
            children = between(c, type, I32, 0, MOST_COLUMNS, "it has too many columns");
        else if (id == 6)
            converted = between(c, type, I32, 0, 18, "a column of it is of a type that no table has");
        else if (id == 9)
            between(c, type, I32, INT32_MIN, INT32_MAX, "a column of it has an odd number");
        else if (id == 10 && type == STRUCT) {
            logical = c->at;
            skip(c, type, 0, 0);
        } else
            fail(c, "a column of it is described in an odd way");
    }
    if (c->wrong)
        return;
    if (!named)
        fail(c, "a column of it has no name");
    else if (!s->has_schema) { /* the root */
        s->has_schema = 1;
        s->leaves = -children;
        if (physical >= 0 || converted >= 0 || logical)
            fail(c, "its schema has no root");
        return;
    }
    if (s->leaves == 0 || children)
        s->leaves = 0, fail(c, "its columns are not flat");
    if (physical < 0 || physical == 3 || repetition < 0)
        fail(c, "a column of it is of a type that no table has");
    /* UTF8 and ENUM of texts; (U)INT_8 to _32 and _64 of numbers of that size */
    const int fits = physical == 6   ? converted == 0
                     : physical == 1 ? (converted >= 11 && converted <= 13) || (converted >= 15 && converted <= 17)
                     : physical == 2 ? converted == 14 || converted == 18
                                     : 0;
    if (converted >= 0 && !fits)
        fail(c, "a column of it is of a type that no table has");
    if (c->wrong)
        return;
    if (logical) {
        struct cursor inner = {logical, c->end, NULL};
        logical_type(&inner, physical);
        if (inner.wrong)
            fail(c, inner.wrong);
    }
    s->optional[s->column_no] = repetition;
    s->types[s->column_no++] = physical;
}

/* -- a column of a row group -------------------------------------------------------------------------------------- */

static void encoding(struct cursor *c, struct shape *s) {
    (void)s;
    const int64_t one = number(c);
    if (!(one == 0 || one == 2 || one == 3 || one == 5 || one == 8)) /* PLAIN, dictionaries, RLE, DELTA_BINARY_PACKED */
        fail(c, "it is encoded in a way that no table is");
}

static void path(struct cursor *c, struct shape *s) {
    (void)s;
    c->at += length(c);
}

static void encoding_count(struct cursor *c, struct shape *s) {
    int64_t id = 0;
    int type;
    while ((type = field(c, &id)) != STOP) {
        if (id == 1)
            between(c, type, I32, 0, 2, "it has pages of an odd kind");
        else if (id == 2 && type == I32)
            encoding(c, s);
        else if (id == 3)
            between(c, type, I32, 0, INT32_MAX, "it has a negative number of pages");
        else
            skip(c, type, 0, 0);
    }
}

static void statistics(struct cursor *c, int64_t physical) {
    static const int sizes[] = {1, 4, 8, -1, 4, 8, 0};
    int64_t id = 0;
    int type;
    while ((type = field(c, &id)) != STOP) {
        if ((id == 1 || id == 2 || id == 5 || id == 6) && type == BINARY) {
            const int64_t bytes = (int64_t)length(c);
            c->at += bytes;
            if (sizes[physical] && bytes != sizes[physical])
                fail(c, "its statistics are of another type");
        } else if (id == 3 || id == 4)
            between(c, type, I64, 0, INT32_MAX, "its statistics count more than there is");
        else
            skip(c, type, 0, 0);
    }
}

/* Arrow ends the process for histograms of levels of another length: it throws where nothing may be thrown. */
static void size_statistics(struct cursor *c, struct shape *s) {
    const int64_t levels[] = {1, s->column_no < s->leaves ? 1 + s->optional[s->column_no] : 0};
    int64_t id = 0;
    int type, item;
    while ((type = field(c, &id)) != STOP) {
        if (id == 1 && s->column.type == 6)
            between(c, type, I64, 0, MOST_BYTES, "its statistics count more than there is");
        else if ((id == 2 || id == 3) && type == LIST) {
            int64_t count = list(c, &item);
            if (count && (item != I64 || count != levels[id - 2]))
                fail(c, "its statistics are of another type");
            for (; count > 0 && !c->wrong; count--)
                between(c, I64, I64, 0, MOST_BYTES, "its statistics count more than there is");
        } else
            fail(c, "its statistics are of another type");
    }
}

static void column_metadata(struct cursor *c, struct shape *s) {
    struct column *column = &s->column;
    int64_t id = 0;
    int type, paths = 0;
    *column = (struct column){.type = -1, .values = -1, .bytes = -1, .packed_bytes = -1, .data_at = -1, .codec = -1};
    while ((type = field(c, &id)) != STOP) {
        switch (id) {
        case 1:
            column->type = between(c, type, I32, 0, 6, "a column of it is of a type that no table has");
            break;
        case 2:
            each(c, type, I32, 16, encoding, s);
            break;
        case 3:
            paths++;
            each(c, type, BINARY, 1, path, s);
            break;
        case 4:
            column->codec = between(c, type, I32, 0, 7, "it is compressed in a way that is not known");
            if (column->codec == 3 || column->codec == 5)
                fail(c, "it is compressed in a way that is not known");
            break;
        case 5:
            column->values = between(c, type, I64, 0, INT32_MAX, "a column of it claims odd numbers of rows");
            break;
        case 6:
            column->bytes = between(c, type, I64, 0, MOST_BYTES, "a column of it claims an odd size");
            break;
        case 7:
            column->packed_bytes = between(c, type, I64, 0, MOST_BYTES, "a column of it claims an odd size");
            break;
        case 9:
            column->data_at = between(c, type, I64, 0, s->footer_at, "a page of it is elsewhere");
            break;
        case 11:
            column->dictionary_at = between(c, type, I64, 0, s->footer_at, "a page of it is elsewhere");
            break;
        case 12:
            if (type != STRUCT || column->type < 0)
                fail(c, "its statistics are none");
            else
                statistics(c, column->type);
            break;
        case 13:
            each(c, type, STRUCT, 64, encoding_count, s);
            break;
        case 8: /* key-value metadata */
            skip(c, type, 0, 0);
            break;
        case 16:
            if (type != STRUCT || column->type < 0)
                fail(c, "its statistics are none");
            else
                size_statistics(c, s);
            break;
        default:
            fail(c, "a column of it is described in an odd way");
        }
    }
    if (!c->wrong && (column->type < 0 || paths != 1 || column->codec < 0 || column->values < 0 || column->bytes < 0 ||
                      column->packed_bytes < 0 || column->data_at < 0))
        fail(c, "a column of it is not described");
}

/* The header of a page: number of values in it; its sizes. */
struct page {
    int64_t kind, bytes, packed_bytes, values, encoding;
};

static void page_detail(struct cursor *c, struct page *page, int64_t physical) {
    int64_t id = 0;
    int type;
    while ((type = field(c, &id)) != STOP) {
        if (id == 1)
            page->values = between(c, type, I32, 0, INT32_MAX, "a page of it claims odd numbers of rows");
        else if (id == 2)
            page->encoding = between(c, type, I32, 0, 8, "it is encoded in a way that no table is");
        else if (page->kind == 0 && (id == 3 || id == 4))
            between(c, type, I32, 3, 3, "its levels are encoded in an odd way");
        else if (page->kind == 0 && id == 5 && type == STRUCT)
            statistics(c, physical);
        else if (!(page->kind == 2 && id == 3 && (type == TRUE_ || type == FALSE_)))
            fail(c, "a page of it is described in an odd way");
    }
}

static void page_header(struct cursor *c, struct page *page, int64_t physical) {
    int64_t id = 0;
    int type;
    *page = (struct page){-1, -1, -1, -1, -1};
    while ((type = field(c, &id)) != STOP) {
        if (id == 1)
            page->kind = between(c, type, I32, 0, 2, "it has pages of an odd kind");
        else if (id == 2)
            page->bytes = between(c, type, I32, 0, INT32_MAX, "a page of it claims an odd size");
        else if (id == 3)
            page->packed_bytes = between(c, type, I32, 0, INT32_MAX, "a page of it claims an odd size");
        else if (id == 4)
            between(c, type, I32, INT32_MIN, INT32_MAX, "a page of it has an odd checksum");
        else if (((id == 5 && page->kind == 0) || (id == 7 && page->kind == 2)) && type == STRUCT)
            page_detail(c, page, physical);
        else
            fail(c, "a page of it is described in an odd way");
    }
    if (!c->wrong && (page->kind < 0 || page->kind == 1 || page->bytes < 0 || page->packed_bytes < 0 ||
                      page->values < 0 || page->encoding < 0))
        fail(c, "a page of it is not described");
}

static int64_t most(int64_t bytes) {
    return bytes < MOST_BYTES ? bytes : MOST_BYTES;
}

/* All pages of the column chunk just read: side by side, and as many values and bytes as it claims. */
static void pages(struct cursor *footer, struct shape *s) {
    const struct column *column = &s->column;
    const int64_t start = column->dictionary_at ? column->dictionary_at : column->data_at;
    int64_t bytes = 0, values = 0, dictionary_bytes = -1, coded = 0, text = 0;
    if (!column->values && !column->packed_bytes)
        return;
    if (start < 4 || (column->values && column->data_at < start) || column->packed_bytes > s->footer_at - start) {
        fail(footer, "a page of it is elsewhere");
        return;
    }
    struct cursor c = {s->file + start, s->file + start + column->packed_bytes, NULL};
    while (!c.wrong && c.at < c.end) {
        const unsigned char *head = c.at;
        struct page page;
        page_header(&c, &page, column->type);
        if (c.wrong)
            break;
        const int is_dictionary = page.kind == 2;
        if (page.packed_bytes > c.end - c.at || (!column->codec && page.bytes != page.packed_bytes)) {
            fail(&c, "a page of it claims an odd size");
            break;
        }
        if (is_dictionary ? head != s->file + start || !column->dictionary_at : head < s->file + column->data_at)
            fail(&c, "a page of it is elsewhere");
        bytes += c.at - head + page.bytes;
        c.at += page.packed_bytes;
        if (is_dictionary) {
            dictionary_bytes = page.bytes;
            static const int64_t least[] = {0, 4, 8, 12, 4, 8, 4};
            if ((page.encoding != 0 && page.encoding != 2) || page.values * least[column->type] > page.bytes)
                fail(&c, "a dictionary of it is shorter than it claims");
        } else {
            const int is_coded = page.encoding == 2 || page.encoding == 8;
            const int is_delta = page.encoding == 5 && (column->type == 1 || column->type == 2);
            if (!(page.encoding == 0 || (is_coded && dictionary_bytes >= 0) || is_delta ||
                  (page.encoding == 3 && column->type == 0)))
                fail(&c, "it is encoded in a way that no table is");
            values += page.values;
            coded += is_coded ? page.values : 0;
            text += is_coded ? 0 : page.bytes;
        }
    }
    if (!c.wrong && (bytes != column->bytes || values != column->values))
        fail(&c, "its pages are not what it claims");
    if (c.wrong)
        fail(footer, c.wrong);
    else if (column->type == 6)
        s->worst_text[s->column_no] += most(text + coded * (dictionary_bytes < 0 ? 0 : dictionary_bytes));
}

static void column_chunk(struct cursor *c, struct shape *s) {
    int64_t id = 0;
    int type, described = 0;
    while ((type = field(c, &id)) != STOP) {
        if (id == 3 && type == STRUCT && !described++)
            column_metadata(c, s);
        else if (id == 2 && type == I64)
            number(c); /* deprecated, and nobody looks at it */
        else
            fail(c, "a column of it is described in an odd way");
    }
    if (!described)
        fail(c, "a column of it is not described");
    if (!c->wrong && (s->column_no >= s->leaves || s->column.type != s->types[s->column_no]))
        fail(c, "its columns are not those of its schema");
    if (s->group_values < 0)
        s->group_values = s->column.values;
    if (!c->wrong && s->group_values != s->column.values)
        fail(c, "its columns are not of one length");
    if (!c->wrong)
        pages(c, s);
    s->decoded += s->column.bytes;
    s->column_no++;
}

static void row_group(struct cursor *c, struct shape *s) {
    int64_t id = 0, rows = -1;
    int type;
    s->column_no = 0;
    s->group_values = -1;
    while ((type = field(c, &id)) != STOP) {
        if (id == 1) {
            if (s->column_no)
                fail(c, "a part of it has its columns twice");
            each(c, type, STRUCT, MOST_COLUMNS, column_chunk, s);
        } else if (id == 2 || id == 6)
            between(c, type, I64, 0, MOST_BYTES, "a part of it claims an odd size");
        else if (id == 3)
            rows = between(c, type, I64, 0, INT32_MAX, "a part of it claims odd numbers of rows");
        else if (id == 5)
            between(c, type, I64, 0, MOST_BYTES, "a part of it is elsewhere");
        else if (id == 7)
            between(c, type, I16, 0, MOST_GROUPS, "a part of it has an odd number");
        else
            fail(c, "a part of it is described in an odd way");
    }
    if (!c->wrong && (rows < 0 || s->column_no != s->leaves || s->group_values != rows))
        fail(c, "a part of it has not the rows that it claims");
    s->groups_rows += rows;
}

static void file_metadata(struct cursor *c, struct shape *s) {
    int64_t id = 0;
    int type;
    while ((type = field(c, &id)) != STOP) {
        if (id == 1)
            between(c, type, I32, 1, 2, "it is of a version that is not known");
        else if (id == 2 && !s->has_schema) {
            each(c, type, STRUCT, MOST_COLUMNS + 1, schema_element, s);
            if (!c->wrong && s->column_no != -s->leaves)
                fail(c, "its columns are not flat");
            s->leaves = s->column_no;
        } else if (id == 3)
            s->rows = between(c, type, I64, 0, INT32_MAX, "it claims odd numbers of rows");
        else if (id == 4 && s->has_schema && s->leaves && !s->groups++)
            each(c, type, STRUCT, MOST_GROUPS, row_group, s);
        else if ((id == 5 || id == 7) && type == LIST)
            skip(c, type, 0, 0); /* key-value metadata, orders of columns */
        else if (id == 6 && type == BINARY)
            c->at += length(c);
        else
            fail(c, "it is described in an odd way");
    }
    if (!c->wrong && (!s->groups || s->groups_rows != s->rows))
        fail(c, "it has not the rows that it claims");
}

/* No GIL; does not allocate. NULL when the file has the shape of a flat table, or what is wrong with it, as the rest of a
 * sentence about it. `totals` are its rows, its columns, and its bytes when decompressed; `worst_text` (room for 256) is
 * by column how many bytes of text it can make, at most.
 */
SCOPE_EXPORT const char *scope_parquet_shape(const unsigned char *file, int64_t bytes, int64_t totals[3],
                                             int64_t *worst_text) {
    if (bytes < 12 || memcmp(file, "PAR1", 4) || memcmp(file + bytes - 4, "PAR1", 4))
        return "it is no Parquet file";
    const unsigned char *tail = file + bytes - 8;
    const int64_t footer = tail[0] | tail[1] << 8 | tail[2] << 16 | (int64_t)tail[3] << 24;
    if (footer > bytes - 12)
        return "it is cut off";
    struct shape shape = {.file = file, .footer_at = bytes - 8 - footer};
    struct cursor c = {file + shape.footer_at, tail, NULL};
    file_metadata(&c, &shape);
    if (!c.wrong && c.at != c.end)
        fail(&c, "something follows its description");
    totals[0] = shape.rows, totals[1] = shape.leaves, totals[2] = shape.decoded;
    memcpy(worst_text, shape.worst_text, sizeof shape.worst_text);
    return c.wrong;
}
