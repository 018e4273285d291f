"""What the next step would need, made while the person looks at the last one. No Qt.

People scrub in strides: the moment that lies as far on as the last one is likely to be asked for next. Between two
strokes of a held key there is time to read its segment, to play it to that moment and to count what ran before it: the
whole answer. Measured over 20 M events, a hundredth of them a stroke: 25 ms of processor time, of which reading is 8.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Set
from typing import NamedTuple

from capture.errors import SessionProblem
from capture.session.session import Session
from dags.analyses import recent_calls
from dags.correlate.replay import STEP_ROWS
from dags.frame.reader import FrameReader
from dags.frame_parts import Frame
from views.reading.recent_calls import recent, window_ns
from views.reading.source import Source

LookUp = Callable[[Frame], None]
"""Reads what views ask for while they are patched for a frame."""


class _Known(NamedTuple):
    """Of what a frame was made: one made of less, or of what has been found damaged since, says something else."""

    generation: int
    problems: int
    damaged: int


class Ahead:
    """The strides through one session. Used by the thread that makes its frames."""

    def __init__(self, session: Session, source: Source, frames: FrameReader) -> None:
        self._session, self._source, self._frames = session, source, frames
        self._last_ns: int | None = None
        self._made: tuple[_Known, Frame] | None = None
        self._read_last: object = None

    def frame_at(self, time_ns: int, parts: Set[str] | None = None) -> Frame:
        """The frame of that instant: the one made ahead if it is that, has these parts, and would be made the same now.

        parts: None: all.

        Raises: SessionProblem when the instant lies outside the recording.
        """
        if self._made is not None:
            known, frame = self._made
            has_them = not frame.left_out if parts is None else not frame.lacks(parts)
            if frame.time_ns == time_ns and has_them and known == self._known():
                return frame
        return self._frames.at(time_ns, parts)

    def pieces(
        self, time_ns: int, look_up: LookUp = lambda frame: None, parts: Set[str] | None = None
    ) -> Iterator[None]:
        """Reads on, a few milliseconds per piece, after a frame of these parts at this instant; None: of all."""
        last_ns, self._last_ns = self._last_ns, time_ns
        if last_ns is None or last_ns == time_ns:
            return
        next_ns = next_stride(self._session, last_ns, time_ns)
        if next_ns is not None:
            yield from self._make(next_ns, look_up, parts)
        edge = next_edge(self._session, last_ns, time_ns)
        if edge is not None and (next_ns is None or edge[0] != self._session.segment_at(next_ns)):
            yield from self._read(*edge, parts)

    def _make(self, time_ns: int, look_up: LookUp, parts: Set[str] | None) -> Iterator[None]:
        """The whole answer."""
        index = self._session.segment_at(time_ns)
        if index is not None:
            self._source.segment_events(index)
            yield
        known = self._known()
        try:
            frame = self._frames.at(time_ns, parts)
        except SessionProblem:
            return
        self._made = known, frame
        yield
        if not frame.lacks(recent_calls.PARTS):
            self._source.calls_between(time_ns - window_ns(self._session, time_ns), time_ns)
            yield
            recent(self._source, frame)
        look_up(frame)
        yield

    def _read(self, index: int, time_ns: int, parts: Set[str] | None) -> Iterator[None]:
        """What a frame in that segment begins with; once, however many steps lead towards it."""
        wanted = (self._known(), index, time_ns, parts)
        if wanted == self._read_last:
            return
        self._source.segment_events(index)
        yield
        with contextlib.suppress(SessionProblem):
            self._frames.at(time_ns, parts)
        yield
        if parts is None or parts >= recent_calls.PARTS:
            self._source.calls_between(time_ns - window_ns(self._session, time_ns), time_ns)
            yield
        self._read_last = wanted

    def _known(self) -> _Known:
        session = self._session
        return _Known(session.manifest.generation, len(session.problems), len(session.reader.damaged))


def next_stride(session: Session, last_ns: int, time_ns: int) -> int | None:
    """The instant of the next stride; None where a frame is made in a moment: nearby in the same segment."""
    here = session.segment_at(time_ns)
    if last_ns == time_ns or here is None:
        return None
    wanted_ns = min(max(2 * time_ns - last_ns, session.start_ns), session.end_ns)
    if session.segment_at(wanted_ns) == here:
        segment = session.segments[here]
        events = segment.events * abs(wanted_ns - time_ns) // max(segment.end_ns - segment.start_ns, 1)
        return wanted_ns if events >= STEP_ROWS else None
    return wanted_ns


def next_edge(session: Session, last_ns: int, time_ns: int) -> tuple[int, int] | None:
    """(segment, instant) of the nearest edge of the next segment in the direction of a stride."""
    here = session.segment_at(time_ns)
    if last_ns == time_ns or here is None:
        return None
    there = here + (1 if time_ns > last_ns else -1)
    if not 0 <= there < len(session.segments):
        return None
    segment = session.segments[there]
    return there, segment.start_ns if there > here else segment.end_ns
