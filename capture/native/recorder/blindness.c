/* Tracks whose calls cannot be followed for a while: another profiler has the thread, stacks switch unseen.
 *
 * Such a time is a gap, told where it begins and again while it lasts: a gap's end shows with the event after it, and a
 * reader of a recording that still runs would see none otherwise. It ends with the stack written anew. */
#include "blindness.h"

#include "tracks.h"

#define TELL_AGAIN_NS 1000000000u

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
