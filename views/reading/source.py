"""The open session as views read it: names by id, and the events and calls of a stretch of time. No Qt.

Any thread may ask at any time. Each answer is taken from the session that is open at that moment, so an answer about
a session that has been closed meanwhile is empty, never an exception.
"""

from __future__ import annotations

import copy
import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from capture.errors import SessionProblem
from capture.events.batch import EventBatch, concat
from capture.events.definitions import ProcessRow, SiteRow, TrackRow
from capture.events.text_column import TextColumn
from capture.session.rows import empty_table
from capture.session.session import Session
from dags.analyses.track_titles import track_titles
from dags.correlate.correlator import in_time_order
from dags.frame_parts import Frame
from views.reading.worker_pool import WorkerPool

MAX_CACHED_ROWS = 6_000_000
_CALL_COLUMNS = ("call_id", "start_ns", "end_ns", "track_id", "site_id", "parent_call_id")
_COLUMNS = {
    "waits": ("start_ns", "end_ns", "track_id"),
    "metrics": ("time_ns", "process_id", "name", "value"),
}
_Answer = TypeVar("_Answer")


class Names:
    """What ids stand for, as of one revision of a session."""

    def __init__(self, session: Session | None) -> None:
        """The names of this session; none of any without one."""
        self.processes: dict[int, ProcessRow] = {}
        self.tracks: dict[int, TrackRow] = {}
        self.sites: dict[int, SiteRow] = {}
        if session is not None:
            self.processes = {row.process_id: row for row in session.processes()}
            self.tracks = {row.track_id: row for row in session.tracks()}
            self.sites = {row.site_id: row for row in session.sites()}
        self.titles = track_titles(self.tracks.values())
        self._other_titles = {
            track_id: title for track_id, title in self.titles.items() if title != self.tracks[track_id].name
        }

    def track(self, track_id: int) -> str:
        """The name to show for a track; threads of one name in a process have a number each."""
        return self.titles.get(track_id) or f"track {track_id}"

    def in_frame(self, frame: Frame) -> Frame:
        """The frame with its tracks called so; the very same one where that is how they are called."""
        other = self._other_titles
        if not other or not any(track.track_id in other for track in frame.tracks):
            return frame
        tracks = [replace(one, name=other[one.track_id]) if one.track_id in other else one for one in frame.tracks]
        return replace(frame, tracks=tracks)

    def site(self, site_id: int) -> str:
        """The qualified function name to show for a site."""
        row = self.sites.get(site_id)
        return row.function if row is not None else f"site {site_id}"


class _Kept:
    """The pieces of one session that were asked for last."""

    def __init__(self) -> None:
        self.pieces: OrderedDict[tuple[str, int, int], Any] = OrderedDict()
        self.rows = 0

    def add(self, key: tuple[str, int, int], piece: Any) -> None:
        """Keeps it, and forgets the oldest when there are too many rows."""
        if key not in self.pieces:
            self.pieces[key] = piece
            self.rows += len(piece)
            while self.rows > MAX_CACHED_ROWS and len(self.pieces) > 1:
                self.rows -= len(self.pieces.popitem(last=False)[1])


class Source:
    """Where views pull from; the shell sets which session is open and says when it has grown.

    `pool`: the threads for all that is slow in this window. `kept_answers`: what answers about the open session keep
    for the next ones, by a name of theirs; it is gone with the session.
    """

    def __init__(self, session: Session | None = None, pool: WorkerPool | None = None) -> None:
        """Starts with this session open, or none; `pool`: None: one of its own."""
        self._lock = threading.RLock()
        self._session: Session | None = None
        self._names = Names(None)
        self._kept = _Kept()
        self._reads_on: Callable[[], None] = lambda: None
        self.kept_answers: dict[str, Any] = {}
        self.pool = pool or WorkerPool()
        self.show(session)

    @property
    def session(self) -> Session | None:
        """The open session."""
        return self._session

    def pinned(self, reads_on: Callable[[], None] | None = None) -> Source:
        """The same source, of the session as it is shown now: for an answer that walks from segment to segment.

        `reads_on` is called before each piece of it is read, and may raise to end the walk.
        """
        with self._lock:
            same = copy.copy(self)
            same._session = None if self._session is None else self._session.pinned()
            same._reads_on = reads_on or self._reads_on
            return same

    def is_of(self, pinned: Source) -> bool:
        """Whether the session that a source was pinned to is still the one that is shown."""
        return self._kept is pinned._kept

    @property
    def names(self) -> Names:
        """The names of the open session as of its last growth."""
        return self._names

    def show(self, session: Session | None) -> None:
        """Opens another session for the views; closing the old one stays with whoever opened it."""
        names = Names(session)
        with self._lock:
            self._session, self._names = session, names
            self._kept, self.kept_answers = _Kept(), {}

    def grown(self) -> None:
        """Reads the names again after the session has been refreshed."""
        self._names = Names(self._session)

    def events_between(self, track_id: int | None, start_ns: int, end_ns: int) -> EventBatch:
        """The events in start_ns..end_ns, both included, of one track or of all.

        Those of one track keep their order; their ids are not dense, so `first_event_id` is the first one's only.
        """
        session = self.pinned().session
        pieces = []
        for index in _segments_between(session, start_ns, end_ns):
            batch = self._piece(session, "events", index)
            if batch is not None:
                low = int(np.searchsorted(batch.time_ns, start_ns, "left"))
                pieces.append(batch.slice(low, int(np.searchsorted(batch.time_ns, end_ns, "right"))))
        try:
            whole = concat([piece for piece in pieces if len(piece)])
        except ValueError:  # a damaged segment in between has lost its rows
            whole = max(pieces, key=len)
        return whole if track_id is None else _of_track(whole, track_id)

    def calls_between(self, start_ns: int, end_ns: int) -> pa.Table:
        """The calls that ended in the segments of start_ns..end_ns, and those still open at the recording's end.

        Calls that are open across the whole stretch end later and are found in the frame's stacks instead.
        """
        session = self.pinned().session
        pieces = [self._piece(session, "calls", index) for index in _segments_between(session, start_ns, end_ns)]
        tables = [piece for piece in pieces if piece is not None and len(piece)]  # an empty one has types of its own
        return pa.concat_tables(tables) if tables else empty_table("calls").select(_CALL_COLUMNS)

    def waits_between(self, start_ns: int, end_ns: int) -> pa.Table:
        """The waits that begin or end in the segments of start_ns..end_ns; one that began there has no end yet."""
        session = self.pinned().session
        pieces = [self._piece(session, "waits", index) for index in _segments_between(session, start_ns, end_ns)]
        tables = [piece for piece in pieces if piece is not None and len(piece)]
        return pa.concat_tables(tables) if tables else empty_table("waits").select(_COLUMNS["waits"])

    def cpu_shares_between(self, start_ns: int, end_ns: int) -> dict[int, float]:
        """How much of a core the process of each track has used then, by track id, as far as that was sampled."""
        session = self.pinned().session
        pieces = [self._piece(session, "metrics", index) for index in _segments_between(session, start_ns, end_ns)]
        samples: dict[int, list[float]] = {}
        for piece in pieces:
            if piece is not None and len(piece):
                is_cpu = pc.and_(pc.equal(piece["name"], "cpu_percent"), pc.greater(piece["time_ns"], start_ns))
                rows = piece.filter(pc.and_(is_cpu, pc.less_equal(piece["time_ns"], end_ns)))
                for process, value in zip(rows["process_id"].to_pylist(), rows["value"].to_pylist(), strict=True):
                    samples.setdefault(process, []).append(value)
        means = {process: sum(values) / len(values) / 100 for process, values in samples.items()}
        tracks = self.names.tracks.values()
        return {row.track_id: means[row.process_id] for row in tracks if row.process_id in means}

    def segment_events(self, index: int) -> EventBatch:
        """All events of one segment; none if they are damaged or there is no such segment."""
        batch = self._piece(self.pinned().session, "events", index)
        return EventBatch.empty() if batch is None else batch

    def _piece(self, session: Session | None, table: str, index: int) -> Any:
        """One segment's rows out of the cache; None when they are gone."""
        if session is None or index >= len(session.segments):
            return None
        self._reads_on()
        segment = session.segments[index]
        key = (table, segment.seq, segment.events)
        with self._lock:
            kept = self._kept
            if key in kept.pieces:
                kept.pieces.move_to_end(key)
                return kept.pieces[key]
        piece = _unless_closed(lambda: _rows_of(session, table, index))
        if piece is None:
            return None
        with self._lock:
            kept.add(key, piece)
        return piece


def _rows_of(session: Session, table: str, index: int) -> Any:
    """One segment's rows of a table."""
    if table == "events":
        return in_time_order(session.events(index))
    if table == "calls":
        return session.calls(index, _CALL_COLUMNS)
    if session.segments[index].file(table) is None:
        return empty_table(table).select(_COLUMNS[table])
    return session.segment_table(index, table, _COLUMNS[table])


def _segments_between(session: Session | None, start_ns: int, end_ns: int) -> list[int]:
    """The indices of the segments that hold rows of that stretch."""
    if session is None:
        return []
    segments, rows = session.segments, session.with_rows
    last = bisect_right(segments, end_ns, key=lambda segment: segment.start_ns)
    first = bisect_left(segments, start_ns, key=lambda segment: segment.end_ns)
    return rows[bisect_left(rows, first) : bisect_left(rows, last)]


def _of_track(batch: EventBatch, track_id: int) -> EventBatch:
    rows = np.flatnonzero(batch.track_id == track_id)
    texts = {int(row): batch.values[at] for at, row in enumerate(batch.value_rows)}
    with_text = [at for at, row in enumerate(rows) if int(row) in texts]
    return EventBatch(
        batch.first_event_id + (int(rows[0]) if len(rows) else 0),
        time_ns=batch.time_ns[rows],
        kind=batch.kind[rows],
        track_id=batch.track_id[rows],
        site_id=batch.site_id[rows],
        object_id=batch.object_id[rows],
        ref=batch.ref[rows],
        flags=batch.flags[rows],
        value_rows=np.array(with_text, np.int64),
        values=TextColumn.of([texts[int(rows[at])] for at in with_text]),
    )


def _unless_closed(read: Callable[[], _Answer]) -> _Answer | None:
    try:
        return read()
    except (OSError, SessionProblem, IndexError):
        return None
