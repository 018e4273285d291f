"""Who waits, as looks from outside have found: the DAG of the table `waits`, and who waits at an instant of a segment.

Its nodes are track ids. No event tells of these waits: their rows come as facts, each with times of its own, so that
the state is that at the ends of segments, and what lies between is read from the segment's rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from capture.events.batch import EventBatch
from capture.events.definitions import WaitRow
from capture.session.session import Session
from dags.base import Context, Dag, KeptId, KeptNs, Ns, Rows, decoded, require_not_before

FOREVER_NS = 1 << 62
_COLUMNS = ("start_ns", "end_ns", "track_id", "kind")


class Asleep(msgspec.Struct, frozen=True):
    """A track that the system has found asleep; `kind`: what for, '' when it does not say."""

    since_ns: KeptNs
    kind: str


class WaitsState(msgspec.Struct):
    """Who is asleep, by track id, in the order in which that became known."""

    last_ns: KeptNs = 0
    asleep: dict[KeptId, Asleep] = {}


class WaitsDag(Dag):
    """Follows threads that fall asleep and wake, segment by segment."""

    def __init__(self, state: WaitsState | None = None) -> None:
        self.state = state or WaitsState()

    @classmethod
    def restored(cls, data: bytes) -> WaitsDag:
        """Raises: FormatError."""
        return cls(decoded(data, WaitsState))

    def keyframe(self) -> bytes:
        """The state."""
        return msgspec.msgpack.encode(self.state)

    def copy(self) -> WaitsDag:
        """One of its own with the same state."""
        return WaitsDag(WaitsState(self.state.last_ns, dict(self.state.asleep)))

    def taken_back(self, earlier: WaitsDag, since: EventBatch) -> WaitsDag:
        """No event says who sleeps: there is nothing to take back."""
        self.state.last_ns = earlier.state.last_ns
        return self

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in a segment's rows of `waits`, in any order."""
        if len(batch):
            self.state.last_ns = max(self.state.last_ns, int(batch.time_ns[-1]))
        rows: Sequence[WaitRow] = context.facts.get("waits", ())
        asleep = self.state.asleep
        ended = {(row.track_id, row.start_ns) for row in rows if row.end_ns is not None}
        for track_id, start_ns in ended:
            if track_id in asleep and asleep[track_id].since_ns == start_ns:
                del asleep[track_id]
        for row in rows:
            if row.end_ns is None and (row.track_id, row.start_ns) not in ended and row.track_id > 0:
                asleep[row.track_id] = Asleep(row.start_ns, row.kind)
        return {"waits": rows}

    @staticmethod
    def stored_facts(session: Session, index: int) -> Mapping[str, Any]:
        """The waits that begin or end in that segment."""
        return {"waits": SegmentWaits(session, index).rows}

    def open_rows(self) -> Rows:
        """A row without an end for each that is asleep."""
        rows = [
            WaitRow(start_ns=wait.since_ns, end_ns=None, track_id=track_id, kind=wait.kind)
            for track_id, wait in sorted(self.state.asleep.items())
        ]
        return {"waits": rows}

    def at(self, time_ns: Ns) -> WaitsState:
        """The state at the end of the last segment fed."""
        require_not_before(time_ns, self.state.last_ns)
        return self.state


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
