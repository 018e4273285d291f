/* Secrets in command lines, hidden by the same table as those in a target's values. */
#include "../redaction.h"
#include "host.h"

/* No GIL; does not allocate. Adds a name to hide, NULL forgets all; 0 if there is no room. Called through ctypes. */
SCOPE_EXPORT int scope_hide_name(const char *name) {
    return scope_redact_own_name(name);
}

/* No GIL; does not allocate. 1 and where the next secret lies, or 0. Called through ctypes. */
SCOPE_EXPORT int scope_find_secret(const unsigned char *text, size_t count, size_t from, size_t *start, size_t *end) {
    return scope_next_secret(text, count, from, start, end);
}
