"""What the next step would need, read while the person looks at the last one. No Qt.

People scrub in strides: the moment that lies as far on as the last one is likely to be asked for next. Most of what a
frame costs is reading its segment, and between two strokes of a held key there is time for that.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from capture.errors import SessionProblem
from capture.session.session import Session
from dags.frame.reader import FrameReader
from views.reading.recent_calls import window_ns
from views.reading.source import Source


class Ahead:
    """The strides through one session. Used by the thread that makes its frames."""

    def __init__(self, session: Session, source: Source, frames: FrameReader) -> None:
        self._session, self._source, self._frames = session, source, frames
        self._last_ns: int | None = None

    def pieces(self, time_ns: int) -> Iterator[None]:
        """Reads on, a few milliseconds per piece, after a frame at this instant."""
        last_ns, self._last_ns = self._last_ns, time_ns
        wanted = None if last_ns is None else likely_next(self._session, last_ns, time_ns)
        if wanted is None:
            return
        index, wanted_ns = wanted
        self._source.segment_events(index)
        yield
        with contextlib.suppress(SessionProblem):
            self._frames.at(wanted_ns)
        yield
        self._source.calls_between(wanted_ns - window_ns(self._session, wanted_ns), wanted_ns)
        yield


def likely_next(session: Session, last_ns: int, time_ns: int) -> tuple[int, int] | None:
    """(segment, instant) of the next stride; if that stays in the same segment, of the nearest edge of the next one."""
    here = session.segment_at(time_ns)
    if last_ns == time_ns or here is None:
        return None
    wanted_ns = min(max(2 * time_ns - last_ns, session.start_ns), session.end_ns)
    there = session.segment_at(wanted_ns)
    if there is not None and there != here:
        return there, wanted_ns
    there = here + (1 if time_ns > last_ns else -1)
    if not 0 <= there < len(session.segments):
        return None
    segment = session.segments[there]
    return there, segment.start_ns if there > here else segment.end_ns
