"""What is visible, out of what is in memory: every call when few segments are visible, else counts and long calls.

Nothing here waits for a file. What is not there yet is in `missing`; the view shows what it has and asks the loader.
No Qt.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from capture.errors import SessionProblem
from capture.events.batch import EventBatch, mask_of
from capture.events.kinds import KINDS
from dags.analyses.detail import GAP_DTYPE, OPEN_END, SPAN_COLUMNS, SPAN_DTYPE, spans_of
from dags.analyses.detail_reader import DetailReader
from dags.analyses.lod import Array
from views.drawing.time_scale import px_from_ns
from views.reading.worker_pool import Onward, Priority, WorkerPool
from views.timeline.arrows import ARROW_DTYPE, arrows_of
from views.timeline.raster import column_sums

MAX_EXACT_SEGMENTS = 3
MAX_EXACT_FILES = 64  # small segments, as at the growing end of a live session
MAX_EXACT_CALLS = 150_000
CACHED_CALLS = 2_000_000
TELL_S = 0.1  # each time all lanes are painted anew
MARK_DTYPE = np.dtype([("time_ns", "<i8"), ("track_id", "<i4"), ("kind", "<i4")])
LONG_PX = 2
BINS_IN_PX = 2  # at least, where the levels in memory have them: how much of a pixel was busy
_NO_MARKS = mask_of(kind for kind in KINDS if not kind.is_mark)

Stretch = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Content:
    """What a stretch of time holds.

    `exact`: `spans` are all calls, and `counts` are not needed; else `spans` are the calls that last two pixels or
    more, and `counts` are pyramid rows that say what is between them. `missing` and `missing_calls` are segments whose
    detail or calls would make it better. `marks` are the events that are no calls (MARK_DTYPE) and `arrows` what made
    what possible across tracks (ARROW_DTYPE), both when `exact`.
    """

    counts: list[tuple[int, Array]]
    spans: Array
    gaps: Array
    exact: bool
    missing: list[int]
    missing_calls: list[int]
    marks: Array = field(default_factory=lambda: np.empty(0, MARK_DTYPE))
    unread: list[Stretch] = field(default_factory=list)
    arrows: Array = field(default_factory=lambda: np.empty(0, ARROW_DTYPE))

    @classmethod
    def empty(cls) -> Content:
        """Of no session."""
        return cls([], np.empty(0, SPAN_DTYPE), np.empty(0, GAP_DTYPE), True, [], [])


@dataclass(frozen=True, slots=True)
class Overview:
    """The whole session in columns. Shape: one number per px; `known` is False where it has not been read yet."""

    range_ns: Stretch
    count: Array
    raised: Array
    known: Array
    gaps: Array

    @classmethod
    def empty(cls) -> Overview:
        """Of no session."""
        return cls((0, 0), np.zeros(0), np.zeros(0), np.zeros(0, np.bool_), np.empty(0, GAP_DTYPE))

    @property
    def progress(self) -> float:
        """Which share of it has been read."""
        return float(self.known.mean()) if len(self.known) else 1.0


class Loader:
    """Reads segments beside the thread that paints, as long as there is something to read."""

    def __init__(self, reader: DetailReader, tell: Callable[[], None], pool: WorkerPool) -> None:
        """`tell` is called on a thread of the pool when there is more to see."""
        self.reader = reader
        self._tell = tell
        self._calls: OrderedDict[int, Array] = OrderedDict()
        self._marks: dict[int, Array] = {}
        self._arrows: dict[int, Array] = {}
        self._wanted: dict[tuple[str, int], Priority] = {}
        self._failed: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        self._told_s = 0.0
        self._onward = Onward(pool, self._more, self._read_next, tell)

    def calls(self, index: int) -> Array | None:
        """The calls that ended in a segment, if they are in memory."""
        seq = self.reader.session.segments[index].seq
        with self._lock:
            if seq in self._calls:
                self._calls.move_to_end(seq)
            return self._calls.get(seq)

    def marks(self, index: int) -> Array:
        """The events of a segment that are no calls; they come with its calls."""
        with self._lock:
            return self._marks.get(self.reader.session.segments[index].seq, np.empty(0, MARK_DTYPE))

    def arrows(self, index: int) -> Array:
        """What the segment's events came from on other tracks; they come with its calls."""
        with self._lock:
            return self._arrows.get(self.reader.session.segments[index].seq, np.empty(0, ARROW_DTYPE))

    def want(self, details: Iterable[int], calls: Iterable[int], rest: Iterable[int] = ()) -> bool:
        """What to read next, most wanted first, in place of what was asked for before; False when that is nothing."""
        visible = dict.fromkeys([*(("detail", i) for i in details), *(("calls", i) for i in calls)], Priority.VISIBLE)
        unseen = dict.fromkeys((("detail", i) for i in rest), Priority.REST)
        with self._lock:
            wanted = unseen | visible
            self._wanted = {one: wanted[one] for one in [*visible, *unseen] if one not in self._failed}
            is_any = bool(self._wanted)
            if not self._onward.is_reading:
                self._told_s = time.monotonic()
        self._onward.begin()
        return is_any

    @property
    def is_reading(self) -> bool:
        """Whether there is still something to read."""
        return self._onward.is_reading

    def close(self) -> None:
        """Waits for the segment in hand and reads no more. Harmless when repeated."""
        with self._lock:
            self._wanted = {}
        self.wait()

    def wait(self) -> None:
        """Waits until all that is wanted has been read."""
        self._onward.wait()

    def _more(self) -> Priority | None:
        with self._lock:
            return next(iter(self._wanted.values()), None)

    def _read_next(self) -> None:
        with self._lock:
            if not self._wanted:
                return
            kind, index = next(iter(self._wanted))
            del self._wanted[kind, index]
        try:
            if kind == "detail":
                self.reader.read(index)
            else:
                self._read_calls(index)
        except (SessionProblem, OSError, IndexError, ValueError):
            with self._lock:  # closed, merged or damaged meanwhile: a new revision asks anew
                self._failed.add((kind, index))
        if kind == "calls" or time.monotonic() - self._told_s >= TELL_S:
            self._tell()
            self._told_s = time.monotonic()

    def forget_failures(self) -> None:
        """The session has grown or changed: what could not be read may be there now."""
        with self._lock:
            self._failed.clear()

    def _read_calls(self, index: int) -> None:
        session = self.reader.session
        seq = session.segments[index].seq
        if self.calls(index) is not None:
            return
        spans = spans_of(session.calls(index, SPAN_COLUMNS))
        events = session.events(index, ("time_ns", "track_id", "kind"))
        marks, arrows = _marks_of(events), arrows_of(session, index, events)
        with self._lock:
            self._calls[seq], self._marks[seq], self._arrows[seq] = spans, marks, arrows
            while sum(map(len, self._calls.values())) > CACHED_CALLS and len(self._calls) > MAX_EXACT_SEGMENTS:
                gone = self._calls.popitem(last=False)[0]
                self._marks.pop(gone, None)
                self._arrows.pop(gone, None)


def content_of(loader: Loader, visible_ns: Stretch, width: int) -> Content:
    """What can be shown of a stretch at once."""
    reader = loader.reader
    width_ns = (visible_ns[1] - visible_ns[0]) / max(1, width)
    shown = reader.segments_between(*visible_ns)
    missing = reader.missing(*visible_ns, width_ns)
    gaps = reader.gaps(*visible_ns)
    missing_calls: list[int] = []
    if len(shown) <= MAX_EXACT_SEGMENTS or _few_calls(loader, shown):
        found = [(index, loader.calls(index)) for index in shown]
        missing_calls = [index for index, calls in found if calls is None]
        last = reader.known(shown[-1]) if len(shown) else None
        loaded = [_touching(calls, visible_ns) for _, calls in found if calls is not None]
        if not missing_calls and not (len(shown) and last is None) and sum(map(len, loaded)) <= MAX_EXACT_CALLS:
            still_open = last.open if last is not None else np.empty(0, SPAN_DTYPE)
            spans = np.concatenate([np.empty(0, SPAN_DTYPE), *loaded, still_open])
            marks = np.concatenate([np.empty(0, MARK_DTYPE), *(loader.marks(index) for index in shown)])
            seen = (marks["time_ns"] >= visible_ns[0]) & (marks["time_ns"] <= visible_ns[1])
            arrows = np.concatenate([np.empty(0, ARROW_DTYPE), *(loader.arrows(index) for index in shown)])
            return Content([], _distinct(spans), gaps, True, [], [], marks[seen], arrows=arrows)
    spans, _ = reader.spans(*visible_ns, LONG_PX * width_ns)
    counts = reader.rows(visible_ns[0], visible_ns[1] + 1, width_ns / BINS_IN_PX)
    parts = [reader.session.segments[index] for index in missing if reader.known(index) is None]
    unread = [(part.start_ns, part.end_ns) for part in parts]
    return Content(counts, spans, gaps, False, missing, missing_calls, unread=unread)


def overview_of(reader: DetailReader, range_ns: Stretch, width: int) -> Overview:
    """The whole session, as far as it has been read."""
    pieces = reader.rows(range_ns[0], range_ns[1] + 1, (range_ns[1] - range_ns[0]) / width)
    sums = column_sums(pieces, range_ns, width, ("count", "raised"))
    known = np.ones(width, np.bool_)
    for index in reader.segments_between(*range_ns):
        if reader.known(index) is None:
            segment = reader.session.segments[index]
            left, right = (round(px_from_ns(t, range_ns, width)) for t in (segment.start_ns, segment.end_ns))
            known[max(0, left) : max(right, left + 1)] = False
    return Overview(range_ns, sums["count"], sums["raised"], known, reader.gaps(*range_ns))


def _few_calls(loader: Loader, shown: Sequence[int]) -> bool:
    """Whether all calls of these segments together can be painted at once."""
    if len(shown) > MAX_EXACT_FILES:
        return False
    files = [loader.reader.session.segments[index].file("calls") for index in shown]
    return sum(entry.rows for entry in files if entry) <= MAX_EXACT_CALLS


def _marks_of(batch: EventBatch) -> Array:
    rows = np.flatnonzero(~_NO_MARKS[batch.kind])
    marks = np.zeros(len(rows), MARK_DTYPE)
    marks["time_ns"], marks["track_id"], marks["kind"] = batch.time_ns[rows], batch.track_id[rows], batch.kind[rows]
    return marks


def _touching(calls: Array, visible_ns: Stretch) -> Array:
    """Calls that share an instant with the stretch; rows come in the order they ended."""
    ended = calls["end_ns"]
    low = int(np.searchsorted(ended, visible_ns[0]))
    part = calls[low:]
    return part[part["start_ns"] <= visible_ns[1]]


def _distinct(spans: Array) -> Array:
    """Open calls are in the last segment's table and in its detail; each is shown once."""
    still_open = np.flatnonzero(spans["end_ns"] == OPEN_END)
    _, first = np.unique(spans["call_id"][still_open], return_index=True)
    again = np.delete(still_open, first)
    return np.delete(spans, again) if len(again) else spans
