/* What is kept out of a recording, by the table of redaction.h and the names of --redact. */
#ifndef SCOPE_RECORDER_SECRETS_H
#define SCOPE_RECORDER_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

bool scope_is_credential(const char *name);
bool scope_hide_name(const char *name);
bool scope_find_secret(const unsigned char *text, size_t count, size_t from, size_t *start, size_t *end);

#endif
