/* Which threads are recorded: their serials, slots, names, and how they end. */
#ifndef SCOPE_RECORDER_TRACKS_H
#define SCOPE_RECORDER_TRACKS_H

#include "writer.h"

int scope_tracks_open(void);
void scope_tracks_close(void);
void scope_tracks_forget(void);

struct scope_writer *scope_writer_of_this_thread(PyObject *entering);
struct scope_writer *scope_track_new(pthread_t ident, uint32_t os_tid, uint32_t serial);
uint32_t scope_track_next_serial(void);
void scope_track_begin(struct scope_writer *w, const char *name, bool daemon, bool was_running);
void scope_track_judge(struct scope_writer *w, const char *name);
void scope_track_rename(struct scope_writer *w, const char *name, bool daemon, uint32_t os_tid);
void scope_track_end(struct scope_writer *w);
void scope_tracks_sweep(PyObject *frames);
uint32_t scope_track_serial_of(pthread_t ident, uint32_t os_tid, bool *ended);
void scope_tracks_totals(uint64_t *produced, uint64_t *dropped, uint32_t *live);

#endif
