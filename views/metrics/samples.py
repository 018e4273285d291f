"""The samples of a session, read segment by segment beside the thread that paints. No Qt."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa

from capture.errors import SessionProblem
from capture.session.format import SegmentEntry
from capture.session.session import Session
from dags.analyses.lod import Array
from views.reading.worker_pool import Onward, Priority, WorkerPool

TELL_EVERY = 50


class Samples:
    """Every row of `metrics` of one session; segments that were read are kept, so that growth costs what is new."""

    def __init__(self, session: Session, tell: Callable[[], None], pool: WorkerPool) -> None:
        """`tell` is called on a thread of the pool when there is more."""
        self.session = session
        self._tell = tell
        self._pieces: dict[int, pa.Table] = {}
        self._lock = threading.Lock()
        self._pinned, self._missing = session, deque[tuple[int, int]]()
        self._read_by_now = 0
        self._onward = Onward(pool, self._more, self._read_next, tell)

    def read(self) -> None:
        """Reads what is not here yet; returns at once."""
        pinned = self.session.pinned()
        with self._lock:
            self._pinned = pinned
            self._missing = deque((at, part.seq) for at, part in _told(pinned) if part.seq not in self._pieces)
        self._onward.begin()

    @property
    def is_reading(self) -> bool:
        """Whether there is still something to read."""
        return self._onward.is_reading

    def close(self) -> None:
        """Reads no more. Harmless when repeated."""
        with self._lock:
            self._missing.clear()
        self.wait()

    def wait(self) -> None:
        """Returns when reading has ended."""
        self._onward.wait()

    def by_name(self) -> dict[str, tuple[Array, Array, Array]]:
        """(times, process ids, values) of each metric, as far as they have been read."""
        with self._lock:
            now = [self._pieces[part.seq] for _, part in _told(self.session) if part.seq in self._pieces]
        return by_name(now)

    def _more(self) -> Priority | None:
        return Priority.VISIBLE if self._missing else None

    def _read_next(self) -> None:
        with self._lock:
            if not self._missing:
                return
            (index, seq), session = self._missing.popleft(), self._pinned
        try:
            piece = session.segment_table(index, "metrics")
        except (SessionProblem, OSError, IndexError):
            return  # closed, merged or damaged meanwhile: the next revision asks again
        with self._lock:
            self._pieces[seq] = piece
            self._read_by_now += 1
        if self._read_by_now % TELL_EVERY == 0:
            self._tell()


def by_name(pieces: Iterable[pa.Table]) -> dict[str, tuple[Array, Array, Array]]:
    """(times, process ids, values) of each metric in rows of `metrics`."""
    tables = [piece for piece in pieces if len(piece)]
    if not tables:
        return {}
    table = pa.concat_tables(tables)
    names = table["name"].combine_chunks().dictionary_encode()
    codes = names.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    times = table["time_ns"].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False)
    processes = table["process_id"].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False)
    values = table["value"].combine_chunks().to_numpy(zero_copy_only=False)
    found = {}
    for code, name in enumerate(names.dictionary.to_pylist()):
        rows = (codes == code) & np.isfinite(values)
        if rows.any():
            found[name] = (times[rows], processes[rows], values[rows])
    return found


def _told(session: Session) -> list[tuple[int, SegmentEntry]]:
    """The segments that may have samples, with their places."""
    segments = session.segments
    return [(at, segments[at]) for at in session.with_rows if at < len(segments)]
