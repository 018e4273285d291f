"""From a moment of a thread to the next or the last one that a debugger would stop at, by line or by event.

    found = TrackSteps(session).step(cursor_ns, track_id, "over", back=True)      # Ctrl+F10

Where the lines of the innermost call are recorded a step goes to a line, else to the begin or end of a call. How deep
an event lies is counted from the cursor on: what begins and ends calls is among the events, so that no call needs to be
found. Segments are read from the cursor outwards.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from capture.events.batch import Int64, UInt8, mask_of
from capture.events.kinds import KINDS, Kind, kinds_of
from capture.session.session import Session
from dags.analyses.writes import WantedWrites, nearest_write
from dags.frame.reader import FrameReader
from dags.frame_parts import StackFrame

By = Literal["line", "event"]
Way = Literal["into", "over", "out"]
Bools = npt.NDArray[np.bool_]
SEGMENTS_KEPT = 4
FIRST_LOOK = 512  # events; then more and more, since most steps are short
_COLUMNS = ("time_ns", "kind", "track_id", "ref")
_STEP = np.zeros(256, np.int64)
_STEP[list(KINDS)] = [kind.row.depth.step for kind in KINDS]
_STOPS: dict[By, Bools] = {"line": mask_of([Kind.LINE]), "event": mask_of([*kinds_of("call"), Kind.LINE])}
_FITS: dict[Way, Callable[[Int64], Bools]] = {
    "into": lambda depth: np.ones(len(depth), np.bool_),
    "over": lambda depth: depth <= 0,
    "out": lambda depth: depth < 0,
}


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Where a step leads: after that event. `line`: the one that the innermost call is at, or, of a write, that did it.

    None: not known. by: what it is a step by.
    """

    time_ns: int
    event_id: int
    track_id: int
    call_id: int | None
    line: int | None
    by: By


class WantedLocal(NamedTuple):
    """A local variable, of that function or, None, of any."""

    name: str
    site_id: int | None = None


class _TrackEvents(NamedTuple):
    """The events of one track in a segment, in order."""

    event_id: Int64
    time_ns: Int64
    kind: UInt8
    line: Int64


class TrackSteps:
    """Steps in one session; what was read last is kept. One thread at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._frames = FrameReader(session)
        self._kept: OrderedDict[tuple[int, int, int], _TrackEvents] = OrderedDict()
        self._stood: tuple[tuple[int, int] | None, list[StackFrame]] = (None, [])

    def step(self, time_ns: int, track_id: int, way: Way, *, back: bool = False) -> Stop | None:
        """The nearest stop of the thread that is not at that moment; None without one.

        over: not in calls that are made from here. out: where this call was made from, or, back, that line before it.

        Raises: SessionProblem.
        """
        stack = self._stack(time_ns, track_id)
        by_line = bool(stack) and stack[-1].locals is not None
        for by in ("line", "event") if by_line else ("event",):
            found = (self._back if back else self._on)(time_ns, track_id, _STOPS[by], _FITS[way])
            if found is not None:
                return self._stop(*found, track_id, by)
        return None

    def write_of_name(self, time_ns: int, name: tuple[str, str], *, back: bool = False) -> Stop | None:
        """The next or last write of a value (owner, key) that lives on; None without one. Raises: SessionProblem."""
        write = nearest_write(self._session, WantedWrites(name=name), (time_ns, None), -1 if back else 1)
        if write is None:
            return None
        stack = self._stack(write.time_ns, write.track_id) if write.track_id else []
        line = stack[-1].line if stack and stack[-1].line_is != "defined" else None
        event_id = self._event_of_write(write.version_id, write.time_ns)
        return Stop(
            time_ns=write.time_ns, event_id=event_id, track_id=write.track_id, call_id=write.call_id or None, line=line,
            by="event",
        )  # fmt: skip

    def write_of_local(
        self, time_ns: int, track_id: int, wanted: WantedLocal | None, *, back: bool = False
    ) -> Stop | None:
        """The next or last change of a local variable, None: of any, by that thread. Raises: SessionProblem."""
        for index in self._segments(time_ns, back=back):
            if self._session.segments[index].file("locals") is None:
                continue
            rows = self._session.segment_table(index, "locals", ("time_ns", "track_id", "call_id", "line", "name"))
            is_meant = pc.equal(rows["track_id"], track_id)
            if wanted is not None:
                is_meant = pc.and_(is_meant, pc.equal(rows["name"], wanted.name))
            beyond = pc.less(rows["time_ns"], time_ns) if back else pc.greater(rows["time_ns"], time_ns)
            rows = rows.filter(pc.and_(is_meant, beyond))
            order = range(len(rows) - 1, -1, -1) if back else range(len(rows))
            of_function: dict[int | None, bool] = {}
            calls, times = rows["call_id"].to_pylist(), rows["time_ns"].to_numpy()
            for row in order:
                call_id = calls[row]
                if call_id not in of_function:
                    of_function[call_id] = self._is_of(wanted, call_id, int(times[row]), track_id)
                if of_function[call_id]:
                    line = rows["line"][row].as_py()
                    return self._stop_at_change(index, int(times[row]), track_id, call_id, line)
        return None

    def _is_of(self, wanted: WantedLocal | None, call_id: int | None, time_ns: int, track_id: int) -> bool:
        if wanted is None or wanted.site_id is None:
            return True
        return any(one.call_id == call_id and one.site_id == wanted.site_id for one in self._stack(time_ns, track_id))

    def _stop_at_change(self, index: int, time_ns: int, track_id: int, call_id: int | None, line: int | None) -> Stop:
        events = self._of_track(index, track_id)
        at = max(int(np.searchsorted(events.time_ns, time_ns, "right")) - 1, 0)
        return Stop(
            time_ns=time_ns, event_id=int(events.event_id[at]), track_id=track_id, call_id=call_id, line=line, by="line"
        )

    def _event_of_write(self, version_id: int, time_ns: int) -> int:
        """The event that a version of a value came with: as many states lie before it in its segment as versions."""
        for index in self._segments(time_ns, back=True):
            if self._session.segments[index].file("states") is None:
                continue
            versions = self._session.segment_table(index, "states", ("version_id",))["version_id"].to_numpy()
            at = np.flatnonzero(versions == version_id)
            if len(at):
                states = np.flatnonzero(self._session.events(index, ("kind",)).kind == Kind.STATE)
                return self._session.segments[index].first_event_id + int(states[at[0]])
        return 0

    def _on(
        self, time_ns: int, track_id: int, stops: Bools, fits: Callable[[Int64], Bools]
    ) -> tuple[_TrackEvents, int] | None:
        depth = 0
        for index in self._segments(time_ns, back=False):
            events = self._of_track(index, track_id)
            start, size = int(np.searchsorted(events.time_ns, time_ns, "right")), FIRST_LOOK
            while start < len(events.kind):
                kind = events.kind[start : start + size]
                depths = depth + np.cumsum(_STEP[kind])
                hits = np.flatnonzero(stops[kind] & fits(depths))
                if len(hits):
                    return events, start + int(hits[0])
                start, size, depth = start + size, 8 * size, int(depths[-1])
        return None

    def _back(
        self, time_ns: int, track_id: int, stops: Bools, fits: Callable[[Int64], Bools]
    ) -> tuple[_TrackEvents, int] | None:
        depth, is_here = 0, True
        for index in self._segments(time_ns, back=True):
            events = self._of_track(index, track_id)
            stop, size = int(np.searchsorted(events.time_ns, time_ns, "right")), FIRST_LOOK
            while stop > 0:
                start = max(stop - size, 0)
                kind = events.kind[start:stop]
                sums = np.cumsum(_STEP[kind])
                found = stops[kind] & fits(depth + sums - sums[-1])
                if is_here:  # the last one is where the thread stands
                    found[-1], is_here = False, False
                hits = np.flatnonzero(found)
                if len(hits):
                    return events, start + int(hits[-1])
                stop, size, depth = start, 8 * size, depth - int(sums[-1])
        return None

    def _segments(self, time_ns: int, *, back: bool) -> Iterator[int]:
        """Those that may hold something from there on, the nearest first."""
        segments = self._session.segments
        if back:
            yield from (index for index in reversed(self._session.with_rows) if segments[index].start_ns <= time_ns)
        else:
            yield from (index for index in self._session.with_rows if segments[index].end_ns >= time_ns)

    def _of_track(self, index: int, track_id: int) -> _TrackEvents:
        segment = self._session.segments[index]
        key = (segment.seq, segment.events, track_id)
        found = self._kept.get(key)
        if found is None:
            batch = self._session.events(index, _COLUMNS)
            rows = np.flatnonzero(batch.track_id == track_id)
            found = self._kept[key] = _TrackEvents(
                batch.first_event_id + rows, batch.time_ns[rows], batch.kind[rows], batch.ref[rows]
            )
            while len(self._kept) > SEGMENTS_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return found

    def _stack(self, time_ns: int, track_id: int) -> list[StackFrame]:
        if (time_ns, track_id) != self._stood[0]:
            frame = self._frames.at(time_ns, {"tracks", "stacks"}, [track_id])
            self._stood = (time_ns, track_id), frame.tracks[0].stack if frame.tracks else []
        return self._stood[1]

    def _stop(self, events: _TrackEvents, at: int, track_id: int, by: By) -> Stop:
        time_ns, is_line = int(events.time_ns[at]), events.kind[at] == Kind.LINE
        stack = self._stack(time_ns, track_id)
        line = stack[-1].line if stack and stack[-1].line_is != "defined" else None
        return Stop(
            time_ns=time_ns,
            event_id=int(events.event_id[at]),
            track_id=track_id,
            call_id=stack[-1].call_id if stack else None,
            line=int(events.line[at]) if is_line else line,
            by="line" if is_line else by,
        )
