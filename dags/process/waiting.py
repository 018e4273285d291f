"""Who waits at an instant: the rows of one segment, and what the keyframe says of those that waited before it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from capture.events.definitions import WaitRow
from capture.session.session import Session
from dags.process.dag import Asleep

FOREVER_NS = 1 << 62
_COLUMNS = ("start_ns", "end_ns", "track_id", "kind")


class SegmentWaits:
    """The waits that begin or end in one segment; one that has both rows, because segments were merged, counts once."""

    def __init__(self, session: Session, index: int) -> None:
        self.rows: list[WaitRow] = []
        if session.segments[index].file("waits") is not None:
            table = session.segment_table(index, "waits", _COLUMNS)
            told = [WaitRow(**row) for row in table.to_pylist() if row["start_ns"] is not None and row["track_id"]]
            whole = {(row.track_id, row.start_ns): row for row in told if row.end_ns is not None}
            self.rows = [row for row in told if row.end_ns is not None or (row.track_id, row.start_ns) not in whole]
        self._ended = {(row.track_id, row.start_ns) for row in self.rows if row.end_ns is not None}
        self._starts = np.array([row.start_ns for row in self.rows], np.int64)
        self._ends = np.array([FOREVER_NS if row.end_ns is None else row.end_ns for row in self.rows], np.int64)

    def asleep_at(self, time_ns: int, before: Mapping[int, Asleep]) -> dict[int, Asleep]:
        """Who waits then, by track id; `before`: who waited at the segment's first instant."""
        found = {track_id: wait for track_id, wait in before.items() if (track_id, wait.since_ns) not in self._ended}
        for at in np.flatnonzero((self._starts <= time_ns) & (self._ends > time_ns)).tolist():
            row = self.rows[at]
            found[row.track_id] = Asleep(row.start_ns, row.kind or "")
        return found
