/* Threads that have ended lately: the last 16 384, in 458 752 bytes of which only what is used is ever touched.
 *
 * A ring by the order of their ends, and chains through it by pthread id. A chain runs from newer to older, so it is over
 * where it comes to a number that the ring has gone past: nothing is ever unlinked. */
#include "ended_tracks.h"

#include <string.h>

#define RING 16384u /* a power of two */

struct ended {
    pthread_t ident;
    uint32_t os_tid, serial;
    uint32_t older; /* number of the one that ended before it in its chain; 0 = none */
};

static struct ended ring[RING]; /* number n, from 1, is at n % RING */
static uint32_t newest[RING];   /* by hash of the pthread id: a number */
static uint32_t count;

/* GIL not needed; does not allocate. */
static uint32_t *chain_of(pthread_t ident) {
    return &newest[(uint32_t)((uint64_t)ident * 0x9E3779B97F4A7C15u >> 32) % RING];
}

/* GIL held; does not allocate. */
void scope_ended_tracks_clear(void) {
    if (count)
        memset(newest, 0, sizeof newest);
    count = 0;
}

/* Writers' lock held; does not allocate. */
void scope_ended_track_add(pthread_t ident, uint32_t os_tid, uint32_t serial) {
    uint32_t *chain = chain_of(ident);
    count += 1;
    ring[count % RING] = (struct ended){ident, os_tid, serial, *chain};
    *chain = count;
}

/* Writers' lock held; does not allocate. The serial of the last one with that id, 0 = unknown. `os_tid` 0 = any. */
uint32_t scope_ended_track_find(pthread_t ident, uint32_t os_tid) {
    for (uint32_t number = *chain_of(ident); number && count - number < RING;) {
        const struct ended *track = &ring[number % RING];
        if (pthread_equal(track->ident, ident) && (!os_tid || !track->os_tid || track->os_tid == os_tid))
            return track->serial;
        number = track->older;
    }
    return 0;
}
