"""The state before a segment, and at any row of it: the keyframe before it, plus the events up to it.

A segment that is asked again keeps the states it went through, every 32 768 events, so that a step costs at most
that many events wherever the cursor jumps. A step on goes on from the last one, a step back from one that is kept near.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from capture.errors import FormatError
from capture.events.batch import EventBatch
from capture.events.definitions import TrackRow
from capture.session.session import Session
from dags import registry
from dags.correlate.correlator import Correlator, in_time_order

STEP_ROWS = 32_768
SMALL_STATE = 20_000  # open calls and state cells; larger states are kept at fewer places
LARGE_STATE_STEPS = 8
BACK_ROWS = 256  # so far behind a cursor that steps back a state is kept, too


class SegmentReplay:
    """One segment in memory, ready to be played to any of its rows."""

    def __init__(self, batch: EventBatch, before: Correlator, tracks: Sequence[TrackRow]) -> None:
        """`before` is the state at the segment's first instant; it is kept and not changed."""
        self._batch = in_time_order(batch, before.temporal.moment.time_ns)
        self._tracks = tracks
        self._rows = [0]
        self._states = [before]
        self._near: tuple[int, Correlator] = (0, before)
        self._last: tuple[int, Correlator] | None = None

    def __len__(self) -> int:
        return len(self._batch)

    def rows_until(self, time_ns: int) -> int:
        """How many of the segment's events lie at or before that instant."""
        return int(np.searchsorted(self._batch.time_ns, time_ns, side="right"))

    def state_at(self, rows: int) -> Correlator:
        """The state after the segment's first rows. Only to be read, and until the next question: then it moves on."""
        if self._last is not None and self._last[0] == rows:
            return self._last[1]
        at, state = self._own_state(rows)
        self._last = (rows, self._advanced(at, state, rows))
        return self._last[1]

    def _own_state(self, rows: int) -> tuple[int, Correlator]:
        """(its row, a state to advance to those rows): the last one where time goes on, else as one that is kept."""
        found = bisect_right(self._rows, rows) - 1
        at, kept = self._rows[found], self._states[found]
        last_at, last = self._last or (-1, None)
        if last is not None and at <= last_at <= rows:
            return last_at, last
        if at <= self._near[0] <= rows:
            at, kept = self._near
        if rows < last_at <= rows + BACK_ROWS and at < rows - BACK_ROWS:
            self._near = (rows - BACK_ROWS, self._advanced(at, kept.copy(), rows - BACK_ROWS))
            at, kept = self._near
        if last is not None and rows < last_at <= at + STEP_ROWS:
            self._last = None
            return at, last.taken_back(kept, self._batch.slice(at, last_at))
        return at, kept.copy()

    def _advanced(self, at: int, state: Correlator, rows: int) -> Correlator:
        """A state of its own, moved on from one row to another. On its way copies of it are kept."""
        while at < rows:
            stop = min(rows, (at // STEP_ROWS + 1) * STEP_ROWS)
            state.advance(self._batch.slice(at, stop), self._tracks)
            at = stop
            if at % STEP_ROWS == 0 and at < len(self._batch) and self._is_worth_keeping(state, at):
                self._rows.append(at)
                self._states.append(state)
                state = state.copy()
        return state

    def _is_worth_keeping(self, state: Correlator, at: int) -> bool:
        if at <= self._rows[-1]:
            return False
        size = state.code.stacks.counts()["frames"] + len(state.state.cells)
        return size <= SMALL_STATE or at // STEP_ROWS % LARGE_STATE_STEPS == 0


def state_before(session: Session, segment: int) -> Correlator:
    """The state just before a segment's events: its keyframe, or a replay from the nearest sound one before it."""
    wanted = start = session.same_state_from(segment)
    while (found := _from_keyframe(session, start)) is None and start:
        start = session.same_state_from(start - 1)
    if found is None:
        found = Correlator()
    for between in session.with_rows[bisect_left(session.with_rows, start) : bisect_left(session.with_rows, wanted)]:
        _feed(found, session, between)
    found.skip_to(session.segments[segment].first_event_id)
    return found


def rebuild(session: Session) -> Iterator[tuple[int, bytes]]:
    """(segment index, keyframe) of every segment that begins with a state of its own, made anew by one replay."""
    begun = _from_keyframe(session, 0) if session.segments and session.segments[0].first_event_id > 1 else None
    state = begun or Correlator()  # of a flight recorder's session the first keyframe is made of what is forgotten
    for index in session.keyframe_places():
        state.skip_to(session.segments[index].first_event_id)
        yield index, state.keyframe()
        _feed(state, session, index)


def stored_facts(session: Session, index: int) -> Mapping[str, Any]:
    """What followers are fed of a segment beside its events."""
    facts: dict[str, Any] = {}
    for row in registry.FOLLOWERS:
        facts |= row.kind().stored_facts(session, index)
    return facts


def _feed(state: Correlator, session: Session, index: int) -> None:
    state.feed(session.events(index), session.tracks(), facts=stored_facts(session, index))


def _from_keyframe(session: Session, segment: int) -> Correlator | None:
    data = session.keyframe(segment)
    if data is None:
        return None
    try:
        found = Correlator.from_keyframe(data)
    except FormatError:
        return None
    return found if found.temporal.moment.event_id == session.segments[segment].first_event_id - 1 else None
