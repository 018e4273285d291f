/* Threads that have ended lately, so that a join() that returns now can be told which thread it waited for. */
#ifndef SCOPE_RECORDER_ENDED_TRACKS_H
#define SCOPE_RECORDER_ENDED_TRACKS_H

#include <pthread.h>
#include <stdint.h>

void scope_ended_tracks_clear(void);
void scope_ended_track_add(pthread_t ident, uint32_t os_tid, uint32_t serial);
uint32_t scope_ended_track_find(pthread_t ident, uint32_t os_tid);

#endif
