/* Put before the first line of the code under test: what it asks of the machine goes to the simulator, and each atomic
 * access is a point where somebody else may go on, or its process may be killed. The code itself is not changed. */
#ifndef SIM_POINTS_H
#define SIM_POINTS_H

#include <stdint.h>

#define clock_gettime sim_clock_gettime
#define getpid sim_getpid
#define madvise sim_madvise
#define usleep sim_usleep
#define PyEval_SaveThread sim_save_thread
#define PyEval_RestoreThread sim_restore_thread

extern int64_t sim_countdown; /* points until the scheduler is asked */
void sim_ask(void);
void sim_commits(uint32_t *committed, uint64_t slots);
void sim_drops(uint64_t *dropped, uint64_t count);

/* May not return: a process that is killed goes no further. */
static inline void sim_point(void) {
    if (--sim_countdown <= 0)
        sim_ask();
}

/* What the name of the place says is compared when this is compiled; whatever is published is noted for the oracle. */
#define sim_note(place, pointer, value)                                                                                \
    do {                                                                                                               \
        if (__builtin_strstr(place, "chunk->committed"))                                                               \
            sim_commits((uint32_t *)(void *)(pointer), (uint64_t)(value));                                             \
        else if (__builtin_strstr(place, "slot->dropped"))                                                             \
            sim_drops((uint64_t *)(void *)(pointer), (uint64_t)(value));                                               \
    } while (0)

#define __atomic_store_n(pointer, value, order)                                                                        \
    ({                                                                                                                 \
        __auto_type sim_value = (value);                                                                               \
        sim_point();                                                                                                   \
        sim_note(#pointer, pointer, sim_value);                                                                        \
        __atomic_store_n(pointer, sim_value, order);                                                                   \
    })
#define __atomic_load_n(pointer, order) (sim_point(), __atomic_load_n(pointer, order))
#define __atomic_fetch_or(pointer, value, order) (sim_point(), __atomic_fetch_or(pointer, value, order))
#define __atomic_fetch_and(pointer, value, order) (sim_point(), __atomic_fetch_and(pointer, value, order))
#define __atomic_fetch_add(pointer, value, order) (sim_point(), __atomic_fetch_add(pointer, value, order))

#endif
