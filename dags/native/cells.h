/* Cells of the state DAG. Plain C, loaded through ctypes; one scope_cells belongs to one thread at a time. */
#ifndef SCOPE_CELLS_H
#define SCOPE_CELLS_H

#include "pairing.h"

#include <stdbool.h>
#include <stdint.h>

struct scope_cells;

#endif
