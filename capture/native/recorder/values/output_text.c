/* What is printed, logged or warned of, as events: whole, in as many as it takes, without secrets.
 *
 * A text stays as it is where it is UTF-8, as nearly all are. Where it is not, the whole write is escaped in a way that can
 * be taken back: a byte that is part of no letter is spelled as Python spells it (`\udce9`), and a backslash twice.
 *
 * `print("token:", token)` is three writes. So a secret is looked for in a write together with what stands before it on the
 * same line, of the same thread and stream; and a private key that is written line by line is left out to its end. */
#include "values/output_text.h"

#include "redaction.h"
#include "secrets.h"
#include "sites.h"
#include "tracks.h"
#include "values/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_BYTES ((SCOPE_MAX_EVENT_SLOTS - 1) * 16u - 8u) /* what is left of an event behind the line */
#define ESCAPE_BYTES 8u
#define MOST_BYTES (16u << 20) /* of one write: half of what the pool holds; the rest counts as dropped */
#define LINE_BYTES 120u        /* of a line that has begun are kept to look for secrets */
#define SHORT_BYTES 2048u      /* a write that is looked through without memory of its own */
#define KEY_BYTES 16384u       /* a private key has ended after so many, whatever they were */
#define MOST_FRAMES 64
#define STREAMS (SCOPE_OUTPUT_STDERR + 1)

/* Lines that have begun, of stdout and of stderr: the end of what was written last. */
static struct begun_line {
    uint32_t track;
    uint32_t length;
    bool in_key; /* a private key has begun, and not ended */
    size_t key_bytes;
    unsigned char bytes[LINE_BYTES];
} lines[STREAMS];

struct place {
    uint32_t site; /* 0 = of no recorded function */
    uint32_t line;
};

/* One write on its way into events. */
struct parts {
    struct scope_writer *w;
    struct place place;
    uint32_t flags;
    uint32_t heading; /* bytes at the beginning of each part */
    uint32_t length;
    bool over; /* the recording has ended meanwhile */
    unsigned char bytes[PART_BYTES];
};

/* GIL held; does not allocate. */
void scope_output_open(void) {
    memset(lines, 0, sizeof lines);
}

/* GIL held; allocates frame objects; never leaves an exception. The innermost recorded function, and its line now. */
static struct place place_now(void) {
    int collecting = PyGC_Disable();
    struct place place = {0};
    PyFrameObject *frame = PyEval_GetFrame();
    if (frame)
        Py_IncRef((PyObject *)frame);
    for (int step = 0; frame && step < MOST_FRAMES && !place.site; step++) {
        PyObject *code = (PyObject *)PyFrame_GetCode(frame);
        const struct scope_code *known = scope_code_of_frame(code, frame);
        Py_DecRef(code);
        if (known && known->site) {
            const int line = PyFrame_GetLineNumber(frame);
            place = (struct place){known->site, line > 0 ? (uint32_t)line : 0};
        }
        PyFrameObject *back = place.site ? NULL : scope_python.frame_back(frame);
        Py_DecRef((PyObject *)frame);
        frame = back;
    }
    if (frame)
        Py_DecRef((PyObject *)frame);
    PyErr_Clear();
    if (collecting)
        PyGC_Enable();
    return place;
}

/* GIL held, given up where the thread waits for space; may find file space. Writes what has gathered as one event. */
static void write_part(struct parts *parts, bool continues) {
    struct scope_writer *w = parts->w;
    const uint64_t line = parts->place.line;
    const uint32_t bytes = 8 + parts->length, slots = 1 + (bytes + 15) / 16;
    struct scope_record *record = parts->over ? NULL : scope_reserve(w, slots, NULL, true);
    parts->over |= !scope_active || w->session != scope_session;
    if (!parts->over && !record)
        scope_drop(w, SCOPE_GAP_POOL_FULL);
    if (!parts->over && record) {
        memset(record + slots - 1, 0, sizeof *record);
        memcpy(record + 1, &line, 8);
        memcpy((unsigned char *)(record + 1) + 8, parts->bytes, parts->length);
        const uint32_t flags = parts->flags | (continues ? SCOPE_OUTPUT_CONTINUES : 0) | SCOPE_PAYLOAD;
        scope_fill(record, scope_ticks(), parts->place.site, scope_head(SCOPE_OUTPUT, flags, bytes));
        scope_publish(w, slots);
    }
    parts->length = parts->heading;
}

/* GIL held as in write_part(). Bytes that stay together. */
static void append_whole(struct parts *parts, const char *bytes, uint32_t count) {
    if (parts->length + count > PART_BYTES)
        write_part(parts, true);
    memcpy(parts->bytes + parts->length, bytes, count);
    parts->length += count;
}

/* GIL held as in write_part(). UTF-8 that stays as it is; a letter is not cut. */
static void append_plain(struct parts *parts, const unsigned char *text, size_t count) {
    while (count) {
        const size_t room = PART_BYTES - parts->length;
        size_t run = count < room ? count : room;
        while (run && run < count && (text[run] & 0xc0) == 0x80)
            run--;
        memcpy(parts->bytes + parts->length, text, run);
        parts->length += (uint32_t)run;
        text += run;
        count -= run;
        if (count)
            write_part(parts, true);
    }
}

/* GIL not needed; does not allocate. How many bytes the letter at the beginning takes; 0 = it is none of UTF-8. */
static size_t letter(const unsigned char *text, size_t count) {
    const unsigned char first = text[0];
    const size_t size = first < 0x80   ? 1
                        : first < 0xc2 ? 0
                        : first < 0xe0 ? 2
                        : first < 0xf0 ? 3
                        : first < 0xf5 ? 4
                                       : 0;
    if (size > count)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((first == 0xe0 && text[1] < 0xa0) || (first == 0xed && text[1] > 0x9f) || (first == 0xf0 && text[1] < 0x90) ||
        (first == 0xf4 && text[1] > 0x8f))
        return 0;
    return size;
}

/* GIL not needed; does not allocate. */
static bool is_utf8(const unsigned char *text, size_t count) {
    size_t at = 0;
    while (at < count) {
        uint64_t word;
        if (count - at >= sizeof word) { /* eight of ASCII at once */
            memcpy(&word, text + at, sizeof word);
            if (!(word & 0x8080808080808080u)) {
                at += sizeof word;
                continue;
            }
        }
        const size_t size = letter(text + at, count - at);
        if (!size)
            return false;
        at += size;
    }
    return true;
}

/* GIL held as in write_part(). What is not secret. */
static void append(struct parts *parts, const unsigned char *text, size_t count) {
    if (!(parts->flags & SCOPE_OUTPUT_ESCAPED)) {
        append_plain(parts, text, count);
        return;
    }
    for (size_t at = 0; at < count && !parts->over;) {
        const size_t size = letter(text + at, count - at);
        char escape[ESCAPE_BYTES];
        if (size && text[at] != '\\') {
            append_whole(parts, (const char *)text + at, (uint32_t)size);
        } else if (size) {
            append_whole(parts, "\\\\", 2);
        } else {
            snprintf(escape, sizeof escape, "\\udc%02x", text[at]);
            append_whole(parts, escape, 6);
        }
        at += size ? size : 1;
    }
}

/* GIL held as in write_part(). */
static void append_redacted(struct parts *parts) {
    parts->flags |= SCOPE_OUTPUT_REDACTED;
    append_whole(parts, SCOPE_REDACTED, sizeof SCOPE_REDACTED - 1);
}

/* GIL not needed; does not allocate. Where `what` begins in the text; `count` where it does not. */
static size_t found_at(const unsigned char *text, size_t count, const char *what) {
    const unsigned char *at = memmem(text, count, what, strlen(what));
    return at ? (size_t)(at - text) : count;
}

/* GIL held as in write_part(). The text behind `known`, which was written before; whether a private key goes on past its end.
 * Secrets that begin in what was written before are left out from here on. */
static bool append_without_secrets(struct parts *parts, const unsigned char *text, size_t known, size_t count,
                                   bool in_key) {
    size_t at = known, start, end;
    if (in_key) {
        const size_t key_end = known + found_at(text + known, count - known, "-----END");
        if (key_end == known + 1 && text[known] == '\n')
            append(parts, text + known, 1);
        else if (key_end > known)
            append_redacted(parts);
        at = key_end;
        if (at == count)
            return true;
    }
    size_t from = in_key ? at : 0;
    while (at < count && !parts->over && scope_find_secret(text, count, from, &start, &end)) {
        const bool is_key = end == count && count - start > 10 && memcmp(text + start, "-----BEGIN", 10) == 0;
        if (is_key) { /* the shape goes to the end of the text */
            end = start + found_at(text + start, count - start, "-----END");
            in_key = end == count;
        }
        if (start > at)
            append(parts, text + at, start - at);
        if (end > at)
            append_redacted(parts);
        at = end > at ? end : at;
        from = end;
        if (is_key && in_key)
            return true;
    }
    if (at < count)
        append(parts, text + at, count - at);
    return false;
}

/* GIL held; does not allocate. Keeps the end of a line that goes on. */
static void keep_line(struct begun_line *line, uint32_t track, const unsigned char *text, size_t count) {
    const unsigned char *last = memrchr(text, '\n', count);
    const size_t from = last ? (size_t)(last - text) + 1 : 0, rest = count - from;
    line->track = track;
    line->length = (uint32_t)(rest < LINE_BYTES ? rest : LINE_BYTES);
    memcpy(line->bytes, text + count - line->length, line->length);
}

/* GIL held as in write_part(). The text behind what stands before it on its line. */
static void append_behind_line(struct parts *parts, struct begun_line *line, const unsigned char *text, size_t count) {
    unsigned char shortly[LINE_BYTES + SHORT_BYTES];
    if (line->track != parts->w->serial)
        line->length = line->in_key = 0;
    line->key_bytes = line->in_key ? line->key_bytes + count : 0;
    line->in_key &= line->key_bytes <= KEY_BYTES;
    const size_t known = line->length;
    if (!known) {
        line->in_key = append_without_secrets(parts, text, 0, count, line->in_key);
        keep_line(line, parts->w->serial, text, count);
        return;
    }
    unsigned char *both = count <= SHORT_BYTES ? shortly : malloc(known + count);
    if (!both) {
        append_redacted(parts);
        return;
    }
    memcpy(both, line->bytes, known);
    memcpy(both + known, text, count);
    line->in_key = append_without_secrets(parts, both, known, known + count, line->in_key);
    keep_line(line, parts->w->serial, both, known + count);
    if (both != shortly)
        free(both);
}

/* GIL held, given up where the thread waits for space: the text must stay as it is; allocates; never leaves an exception. One
 * write as events of the calling thread. `heading`: of what is logged or warned of, else NULL. */
void scope_output_write(uint32_t flags, const char *heading, const unsigned char *text, size_t count) {
    if (!count && !heading)
        return;
    struct scope_writer *w = scope_writer_of_this_thread(NULL);
    if (!w || w->quiet || w->ended || !scope_active)
        return;
    const size_t told = count < MOST_BYTES ? count : MOST_BYTES;
    struct parts parts;
    parts.w = w;
    parts.place = place_now();
    parts.flags = flags | (is_utf8(text, told) ? 0 : SCOPE_OUTPUT_ESCAPED);
    parts.length = parts.heading = 0;
    parts.over = false;
    if (heading) {
        parts.heading = parts.length = (uint32_t)strlen(heading) + 1;
        memcpy(parts.bytes, heading, parts.length);
        append_without_secrets(&parts, text, 0, told, false);
    } else {
        append_behind_line(&parts, &lines[flags & SCOPE_OUTPUT_STDERR], text, told);
    }
    if (parts.length > parts.heading || heading)
        write_part(&parts, told < count);
    for (size_t at = told; at < count && !parts.over; at += PART_BYTES)
        scope_drop(w, SCOPE_GAP_POOL_FULL);
}

/* GIL held; allocates; new reference or NULL without an exception. The bytes that a stream which takes `errors` in that way
 * makes of a str with half letters in it. */
static PyObject *bytes_with_halves(PyObject *text, PyObject *errors) {
    static const char *const ways[] = {"surrogateescape", "backslashreplace", "replace", "ignore", "surrogatepass"};
    const char *way = "backslashreplace";
    PyObject *spelled = errors && PyUnicode_CheckExact(errors) ? PyUnicode_AsUTF8String(errors) : NULL;
    for (size_t i = 0; spelled && i < sizeof ways / sizeof *ways; i++)
        if (strcmp(PyBytes_AsString(spelled), ways[i]) == 0)
            way = ways[i];
    PyErr_Clear();
    if (spelled)
        Py_DecRef(spelled);
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", way);
    PyErr_Clear();
    return bytes;
}

/* GIL held as in scope_output_write(); allocates; never leaves an exception. A str, or one of a subclass, whose characters are
 * read past it. `errors`: how the stream takes half letters, NULL: it is none. */
void scope_output_write_str(uint32_t flags, const char *heading, PyObject *text, PyObject *errors) {
    const unsigned char *ascii = PyUnicode_CheckExact(text) ? scope_ascii_of(text) : NULL;
    if (ascii) {
        scope_output_write(flags, heading, ascii, (size_t)PyUnicode_GetLength(text));
        return;
    }
    PyObject *bytes = PyUnicode_AsUTF8String(text);
    if (!bytes) {
        PyErr_Clear();
        bytes = bytes_with_halves(text, errors);
    }
    if (!bytes)
        return;
    scope_output_write(flags, heading, (const unsigned char *)PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
    Py_DecRef(bytes);
}
