"""From looks at threads to rows of `waits`: which thread slept from when to when, cut where segments are cut.

A segment can be read by itself: it has a row for each wait that begins in it and one for each that ends in it. A wait
that goes on past the segment's end has a row without an end there, and the whole row lies where it ends; what lasts
longer than a segment is in the keyframes between. Nothing is said of a time that no look has covered: a wait whose next
look is missing ends at the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from capture.events.definitions import TrackRow, WaitRow
from capture.events.facts import SleepersFact
from capture.session.format import Time

TrackOf: TypeAlias = Callable[[int], TrackRow | None]

MOST_BEHIND_NS = 2_500_000_000  # by which looks may be late before events go on without them


class Wait(msgspec.Struct):
    """One wait on its way into the session; `track_id` 0: of a thread that no track is known for yet."""

    thread_id: int
    start_ns: Time
    kind: str
    track_id: int = 0
    end_ns: Time | None = None
    is_told: bool = False  # a row without an end lies in a segment


class Waits(msgspec.Struct):
    """The waits of one process. `known_ns`: everything up to then has been told; None: nobody looks."""

    known_ns: Time | None = None
    known_mono_ns: Time = 0
    open: dict[int, Wait] = {}
    closed: list[Wait] = []

    def feed(self, fact: SleepersFact, zero_ns: int) -> None:
        """Takes in one look; one that was read before a crash changes nothing. `zero_ns`: session time at 0."""
        if fact.known_ns <= self.known_mono_ns:
            return
        for thread_id, at_ns in fact.woke:
            wait = self.open.pop(thread_id, None)
            if wait is not None:
                wait.end_ns = at_ns + zero_ns
                self.closed.append(wait)
        for thread_id, at_ns, kind in fact.slept:
            if thread_id not in self.open:
                self.open[thread_id] = Wait(thread_id, at_ns + zero_ns, kind)
        if not fact.more:
            self.known_mono_ns, self.known_ns = fact.known_ns, fact.known_ns + zero_ns

    def take(self, start_ns: int, end_ns: int, track_of: TrackOf, *, final: bool) -> list[WaitRow]:
        """The rows of the segment from `start_ns` to `end_ns`; `track_of`: the track of a thread id.

        In the last one, `final`, who still sleeps does so up to the last look, which comes after the end.
        """
        rows: list[WaitRow] = []
        later: list[Wait] = []
        for wait in self.closed:
            assert wait.end_ns is not None
            if not _find_track(wait, track_of):
                continue  # a thread that never ran Python
            if wait.end_ns > end_ns:
                _tell_begun(wait, start_ns, end_ns, rows)
                later.append(wait)
            else:
                _tell_ended(wait, start_ns, wait.end_ns, rows)
        self.closed = later
        known_ns = self.known_ns if self.known_ns is not None else start_ns
        for wait in self.open.values():
            if not _find_track(wait, track_of):
                continue
            if known_ns >= end_ns and not final:
                _tell_begun(wait, start_ns, end_ns, rows)
            else:
                _tell_ended(wait, start_ns, known_ns if final else min(known_ns, end_ns), rows)
                wait.start_ns, wait.is_told = max(wait.start_ns, end_ns), False
        return rows


def _find_track(wait: Wait, track_of: TrackOf) -> bool:
    """Ties it to the thread that has the id; one that had it before and has ended is not meant."""
    if wait.track_id:
        return True
    track = track_of(wait.thread_id)
    if track is None or track.start_ns is None or (track.end_ns is not None and track.end_ns <= wait.start_ns):
        return False
    wait.track_id, wait.start_ns = track.track_id, max(wait.start_ns, track.start_ns)
    return True


def _tell_begun(wait: Wait, start_ns: int, end_ns: int, rows: list[WaitRow]) -> None:
    if not wait.is_told:
        wait.start_ns = max(wait.start_ns, start_ns)
        if wait.start_ns <= end_ns:
            wait.is_told = True
            rows.append(WaitRow(start_ns=wait.start_ns, end_ns=None, track_id=wait.track_id, kind=wait.kind))


def _tell_ended(wait: Wait, start_ns: int, end_ns: int, rows: list[WaitRow]) -> None:
    if not wait.is_told:
        wait.start_ns = max(wait.start_ns, start_ns)
    if wait.is_told or wait.start_ns < end_ns:
        end_ns = max(end_ns, wait.start_ns)
        rows.append(WaitRow(start_ns=wait.start_ns, end_ns=end_ns, track_id=wait.track_id, kind=wait.kind))
