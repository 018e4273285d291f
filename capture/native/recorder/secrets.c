/* What is kept out of a recording: the one file of the recorder that holds the names of --redact. */
#include "secrets.h"

#include "redaction.h"

/* GIL not needed; does not allocate. Whether a name is one that usually holds a secret. */
bool scope_is_credential(const char *name) {
    return scope_name_is_secret(name, strlen(name));
}

/* GIL held; does not allocate. Hides values of this name too from now on, NULL: no longer; false if there is no room. */
bool scope_hide_name(const char *name) {
    return scope_redact_own_name(name);
}

/* GIL not needed; does not allocate. The next secret of a text, at or after `from`: true, and where it lies. */
bool scope_find_secret(const unsigned char *text, size_t count, size_t from, size_t *start, size_t *end) {
    return scope_next_secret(text, count, from, start, end);
}
