/* Arguments and results: whether they can be told here.
 *
 * There is nothing to hook. From put to undo code objects are marked at first sight, and the hooks of calls, which come
 * after this one, tell the values of those that are. */
#include "hooks/values.h"

#include "sites.h"
#include "values/words.h"
#include "values/written.h"

/* GIL held; allocates plain memory; 0 or -1 with an exception. */
int scope_values_put(void) {
    if (!scope_words_open()) {
        PyErr_NoMemory();
        return -1;
    }
    scope_codes_tell_values(true);
    return 0;
}

/* GIL held; does not allocate. */
void scope_values_sweep(PyObject *frames) {
    (void)frames;
    scope_written_sweep();
}

/* GIL held; releases weak references, frees plain memory. A frame that runs may still tell its end, without what is kept. */
void scope_values_undo(void) {
    scope_codes_tell_values(false);
    scope_words_close();
}
