"""The samples of a session, read segment by segment on a thread of its own. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from capture.errors import SessionProblem
from capture.session.format import SegmentEntry
from capture.session.session import Session
from dags.analyses.lod import Array

TELL_EVERY = 50


class Samples:
    """Every row of `metrics` of one session; segments that were read are kept, so that growth costs what is new."""

    def __init__(self, session: Session, tell: Callable[[], None]) -> None:
        """`tell` is called on the reading thread when there is more."""
        self.session = session
        self._tell = tell
        self._pieces: dict[int, pa.Table] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def read(self) -> None:
        """Reads what is not here yet; returns at once."""
        with self._lock:
            self._stopped = False
            if self._thread is None and any(part.seq not in self._pieces for _, part in _told(self.session)):
                self._thread = threading.Thread(target=self._read_all, name="metrics", daemon=True)
                self._thread.start()

    @property
    def is_reading(self) -> bool:
        """Whether there is still something to read."""
        return self._thread is not None

    def close(self) -> None:
        """Reads no more. Harmless when repeated."""
        with self._lock:
            self._stopped = True
        self.wait()

    def wait(self) -> None:
        """Returns when reading has ended."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def by_name(self) -> dict[str, tuple[Array, Array, Array]]:
        """(times, process ids, values) of each metric, as far as they have been read."""
        with self._lock:
            now = [self._pieces[part.seq] for _, part in _told(self.session) if part.seq in self._pieces]
        pieces = [piece for piece in now if len(piece)]
        if not pieces:
            return {}
        table = pa.concat_tables(pieces)
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

    def _read_all(self) -> None:
        session = self.session.pinned()
        for at, (index, seq) in enumerate([(i, part.seq) for i, part in _told(session)]):
            if seq in self._pieces:
                continue
            if self._stopped:
                break
            try:
                piece = session.segment_table(index, "metrics")
            except (SessionProblem, OSError, IndexError):
                continue  # closed, merged or damaged meanwhile: the next revision asks again
            with self._lock:
                self._pieces[seq] = piece
            if at % TELL_EVERY == TELL_EVERY - 1:
                self._tell()
        with self._lock:
            self._thread = None
        self._tell()


def _told(session: Session) -> list[tuple[int, SegmentEntry]]:
    """The segments that may have samples, with their places."""
    segments = session.segments
    return [(at, segments[at]) for at in session.with_rows if at < len(segments)]
