/* A double as Python writes it: the fewest digits that are that number and no other. */
#ifndef SCOPE_HOST_FLOAT_TEXT_H
#define SCOPE_HOST_FLOAT_TEXT_H

#include <stddef.h>

#define SCOPE_FLOAT_BYTES 32

size_t scope_float_text(double number, char text[SCOPE_FLOAT_BYTES]);

#endif
