/* What is kept out of every recording: secrets by the name that holds them, and secrets by their own look.
 *
 * The one table of it. The recorder includes this for values (secrets.c), the host's library for command lines
 * (capture/redaction.py), so that both hide the same. Errs on the side of hiding; no memory, no Python, one pass. */
#ifndef SCOPE_REDACTION_H
#define SCOPE_REDACTION_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define SCOPE_REDACTED "‹redacted›"

/* In any part of a name, written with '_' for '-' and in lower case. */
static const char *const scope_secret_parts[] = {"password",   "passwd",     "passphrase", "secret",    "token",
                                                 "api_key",    "apikey",     "access_key", "accesskey", "private_key",
                                                 "credential", "session_id", "cookie",     "authoriz",  "sessionid"};

/* As a whole word of a name: "auth", "auth_header", not "author". */
static const char *const scope_secret_words[] = {"pwd", "pw", "auth", "oauth", "jwt"};

/* How secrets of known makers begin, and how many characters must follow at least. */
static const struct {
    const char *begin;
    size_t least;
} scope_secret_looks[] = {{"sk-live-", 4}, {"sk-test-", 4}, {"sk_live_", 4}, {"sk_test_", 4}, {"sk-", 20},
                          {"rk_live_", 4}, {"ghp_", 16},    {"gho_", 16},    {"ghs_", 16},    {"github_pat_", 16},
                          {"glpat-", 10},  {"xoxb-", 8},    {"xoxp-", 8},    {"xapp-", 8},    {"AKIA", 12},
                          {"ASIA", 12},    {"AIza", 30},    {"eyJ", 20},     {"Bearer ", 6}};

/* What a person has named with --redact for this recording, in any part of a name as well. */
#define SCOPE_MOST_OWN_NAMES 16
static char scope_own_names[SCOPE_MOST_OWN_NAMES][64];
static size_t scope_own_name_count;

/* GIL not needed; does not allocate. Writes `count` bytes of a name as the table spells it, without an end. */
static inline void scope_fold_name(char *folded, const char *name, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char c = name[i] == '-' ? '_' : name[i];
        folded[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
}

/* GIL held or one thread; does not allocate. NULL forgets all of them; false if there is no room for one more. */
static inline bool scope_redact_own_name(const char *name) {
    size_t length = name ? strlen(name) : 0;
    if (!name)
        scope_own_name_count = 0;
    if (!length)
        return true;
    if (scope_own_name_count == SCOPE_MOST_OWN_NAMES || length >= sizeof scope_own_names[0])
        return false;
    scope_fold_name(scope_own_names[scope_own_name_count], name, length);
    scope_own_names[scope_own_name_count++][length] = 0;
    return true;
}

/* GIL not needed; does not allocate. */
static inline bool scope_is_name_byte(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

/* GIL not needed; does not allocate. Whether a name usually holds a secret; of a very long one its end counts. */
static inline bool scope_name_is_secret(const char *name, size_t count) {
    char lower[66] = "_";
    size_t from = count > 63 ? count - 63 : 0, length = 1 + count - from;
    scope_fold_name(lower + 1, name + from, count - from);
    lower[length++] = '_';
    lower[length] = 0;
    for (size_t i = 0; i < sizeof scope_secret_parts / sizeof *scope_secret_parts; i++)
        if (strstr(lower, scope_secret_parts[i]))
            return true;
    for (size_t i = 0; i < scope_own_name_count; i++)
        if (strstr(lower, scope_own_names[i]))
            return true;
    for (size_t i = 0; i < sizeof scope_secret_words / sizeof *scope_secret_words; i++) {
        size_t size = strlen(scope_secret_words[i]);
        for (const char *at = strstr(lower, scope_secret_words[i]); at; at = strstr(at + 1, scope_secret_words[i]))
            if (at[-1] == '_' && at[size] == '_')
                return true;
    }
    return false;
}

/* GIL not needed; does not allocate. Where the first byte of `stops` or the end is. */
static inline size_t scope_until(const unsigned char *text, size_t at, size_t count, const char *stops) {
    while (at < count && text[at] && !strchr(stops, text[at]))
        at++;
    return at;
}

/* GIL not needed; does not allocate. NAME=VALUE, NAME: VALUE, --NAME VALUE, with the sign between them at `at`. */
static inline bool scope_value_of_secret(const unsigned char *text, size_t count, size_t at, size_t *start,
                                         size_t *end) {
    size_t name_end = at;
    while (name_end && (text[name_end - 1] == '"' || text[name_end - 1] == '\'' || text[name_end - 1] == ' ') &&
           text[at] != ' ')
        name_end--;
    size_t name = name_end;
    while (name && scope_is_name_byte(text[name - 1]))
        name--;
    if (name == name_end || (text[at] == ' ' && text[name] != '-'))
        return false;
    if (!scope_name_is_secret((const char *)text + name, name_end - name))
        return false;
    size_t value = at + 1;
    while (value < count && text[value] == ' ')
        value++;
    if (value < count && (text[value] == '"' || text[value] == '\'')) {
        const char quote[] = {(char)text[value], 0};
        *start = value + 1;
        *end = scope_until(text, *start, count, quote);
    } else {
        *start = value;
        *end = scope_until(text, value, count, text[at] == ':' ? "\n,\"'" : " \t\n&,;\"'");
    }
    return *end > *start && text[*start] != '=' && !(text[at] == ' ' && text[*start] == '-');
}

/* GIL not needed; does not allocate. The password of SCHEME://USER:PASSWORD@HOST, "://" at `at`. */
static inline bool scope_password_of_url(const unsigned char *text, size_t count, size_t at, size_t *start,
                                         size_t *end) {
    size_t host = scope_until(text, at + 3, count, "@/?# \t\n\"'");
    *start = scope_until(text, at + 3, host, ":") + 1;
    *end = host;
    return host < count && text[host] == '@' && *start < host;
}

/* GIL not needed; does not allocate. A secret that begins at `at` and looks like one. */
static inline bool scope_looks_secret(const unsigned char *text, size_t count, size_t at, size_t *start, size_t *end) {
    *start = at;
    if (count - at > 20 && memcmp(text + at, "-----BEGIN", 10) == 0) {
        for (size_t i = at + 10; i + 11 <= count && i < at + 50; i++)
            if (memcmp(text + i, "PRIVATE KEY", 11) == 0) {
                *end = count;
                return true;
            }
        return false;
    }
    for (size_t i = 0; i < sizeof scope_secret_looks / sizeof *scope_secret_looks; i++) {
        size_t size = strlen(scope_secret_looks[i].begin), stop = at + size;
        if (count - at < size || memcmp(text + at, scope_secret_looks[i].begin, size) != 0)
            continue;
        while (stop < count && (scope_is_name_byte(text[stop]) || (text[stop] && strchr("./+=", text[stop]))))
            stop++;
        if (stop - at - size >= scope_secret_looks[i].least) {
            *end = stop;
            return true;
        }
    }
    return false;
}

/* GIL not needed; does not allocate. The next secret of a text, at or after `from`: true, and where it lies. */
static inline bool scope_next_secret(const unsigned char *text, size_t count, size_t from, size_t *start, size_t *end) {
    for (size_t at = from; at < count; at++) {
        bool found = false;
        switch (text[at]) {
        case ':':
            if (count - at > 2 && text[at + 1] == '/' && text[at + 2] == '/') {
                found = scope_password_of_url(text, count, at, start, end);
                break;
            }
            /* fall through */
        case '=':
        case ' ':
            found = scope_value_of_secret(text, count, at, start, end);
            break;
        case 's':
        case 'r':
        case 'g':
        case 'x':
        case 'A':
        case 'e':
        case 'B':
        case '-':
            if (!at || !scope_is_name_byte(text[at - 1]))
                found = scope_looks_secret(text, count, at, start, end);
            break;
        default:
            break;
        }
        if (found)
            return true;
    }
    return false;
}

#endif
