/* Every thread's writer: the one of this thread, all of them by pthread id, and the chunks that idle ones hold. */
#ifndef SCOPE_RECORDER_TRACK_LIST_H
#define SCOPE_RECORDER_TRACK_LIST_H

#include "writer.h"

void scope_track_list_open(void);
void scope_track_list_forget(void);
void scope_tracks_lock(void);
void scope_tracks_unlock(void);

void scope_track_link(struct scope_writer *w);
void scope_track_free(struct scope_writer *w);
struct scope_writer *scope_tracks_after(const struct scope_writer *w);
struct scope_writer *scope_track_find_locked(pthread_t ident, bool live);
struct scope_writer *scope_track_find(pthread_t ident);
struct scope_writer *scope_tracks_main(void);
struct scope_chunk *scope_tracks_idle_chunk(const struct scope_writer *taker, bool large);
uint32_t scope_tracks_idle_parts(void);

/* Lock held; does not allocate. */
static inline bool scope_track_is_live(const struct scope_writer *w) {
    return w->session == scope_session && !w->ended;
}

#endif
