#include "state.h"
void scope_attributes_start(void) {}
void scope_attributes_sweep(void) {}
void scope_attributes_stop(void) {}
