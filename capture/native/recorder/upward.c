/* What the hot path asks of those above it. */
#include "upward.h"

struct scope_upward scope_upward;
