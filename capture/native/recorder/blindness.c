/* Tracks whose calls cannot be followed for a while: another profiler has the thread, stacks switch unseen.
 *
 * Such a time is a gap, told where it begins and again while it lasts: a gap's end shows with the event after it, and a
 * reader of a recording that still runs would see none otherwise. It ends with the stack written anew. Where all tracks
 * are blind at once, because somebody took our hooks out, one that begins is so from its first event. */
#include "blindness.h"

#include "snapshot.h"
#include "track_list.h"

#define TELL_AGAIN_NS 1000000000u

static uint32_t everywhere; /* why nothing is seen on any track, 0 = something is */

/* GIL held; may reserve file space. */
static void tell(struct scope_writer *w, uint64_t since_ticks) {
    scope_write_pause(w, w->blind, since_ticks);
    w->blind_told_ticks = scope_ticks();
    w->blind_told_ns = scope_coarse_ns();
    w->blind_told_events = scope_produced(w);
}

/* GIL held; may reserve file space. The calls of `w` have not been seen since then, and are not from now on. */
void scope_blind(struct scope_writer *w, uint32_t reason, uint64_t since_ticks) {
    if (w->blind || w->quiet || w->ended)
        return;
    w->blind = reason;
    tell(w, since_ticks);
}

/* GIL held; takes the tracks' lock; may reserve file space. Who is still blind says so again every second, and after every
 * event that was written since, which ends a gap for the reader. */
void scope_blind_sweep(void) {
    const uint64_t now_ns = scope_coarse_ns();
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w))
        if (w->blind && !w->ended && w->session == scope_session &&
            (scope_produced(w) != w->blind_told_events || now_ns - w->blind_told_ns > TELL_AGAIN_NS))
            tell(w, w->blind_told_ticks);
    scope_tracks_unlock();
}

/* GIL held; may reserve file space. Calls are seen again; the caller writes the stack next, which ends the gap. `reason` and
 * `since_ticks` tell it where it has not been told yet. */
void scope_see_again(struct scope_writer *w, uint32_t reason, uint64_t since_ticks) {
    if (!w->blind)
        scope_blind(w, reason, since_ticks);
    else if (scope_produced(w) != w->blind_told_events)
        tell(w, w->blind_told_ticks);
    w->blind = 0;
}

/* GIL held; does not allocate. A recording begins. */
void scope_blindness_open(void) {
    everywhere = 0;
}

/* GIL held; may reserve file space. A track begins: as blind as all others. */
void scope_blind_newcomer(struct scope_writer *w) {
    if (everywhere)
        scope_blind(w, everywhere, scope_ticks());
}

/* GIL held; takes the tracks' lock; may reserve file space. No calls have been seen since then, and none are from now on. */
void scope_blind_all(uint32_t reason, uint64_t since_ticks) {
    everywhere = reason;
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w))
        if (w->session == scope_session && !w->ended)
            scope_blind(w, reason, since_ticks);
    scope_tracks_unlock();
}

/* GIL held; does not allocate. Tracks that begin are not blind for this reason any more; the others are seen again one by
 * one. */
void scope_blind_no_more(uint32_t reason) {
    if (everywhere == reason)
        everywhere = 0;
}

/* GIL held; takes the tracks' lock; allocates frame objects with the collector off; no exception. Calls are seen again
 * everywhere, after a time that began then. `frames`: the stacks of all threads, of this instant; `calls`: they count. */
void scope_see_all_again(uint32_t reason, uint64_t since_ticks, PyObject *frames, bool calls) {
    everywhere = 0;
    scope_tracks_lock();
    for (struct scope_writer *w = scope_tracks_after(NULL); w; w = scope_tracks_after(w)) {
        if (w->session != scope_session || w->ended || w->over || w->quiet || (w->blind && w->blind != reason))
            continue;
        PyObject *ident = PyLong_FromUnsignedLong((unsigned long)w->ident);
        PyObject *frame = ident ? PyDict_GetItemWithError(frames, ident) : NULL; /* borrowed */
        scope_see_again(w, reason, since_ticks);
        if (calls)
            scope_snapshot(w, (PyFrameObject *)frame, SCOPE_SNAPSHOT_GAP, NULL);
        if (ident)
            Py_DecRef(ident);
    }
    scope_tracks_unlock();
    PyErr_Clear();
}
