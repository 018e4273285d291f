"""The lines DAG: when lines of functions ran for the first time. It has no state: no line waits for another one.

A line that a thread is in when its stack is told has begun unseen, perhaps before the recording: that counts as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from capture.events.batch import EventBatch, Int64
from capture.events.kinds import Kind, SnapshotReason
from dags.base import Context, Dag, Rows
from dags.code.dag import told_stack

_UNSEEN_BEFORE = {SnapshotReason.BEGIN.word, SnapshotReason.GAP.word, SnapshotReason.SETTINGS.word}


class LinesDag(Dag):
    """Makes rows of `first_runs`."""

    @classmethod
    def restored(cls, data: bytes) -> LinesDag:
        """One as any other."""
        return cls()

    def keyframe(self) -> bytes:
        """Nothing."""
        return b""

    def copy(self) -> LinesDag:
        """One as any other."""
        return LinesDag()

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """The first runs among these events; of a line that several processes run there is one of each."""
        first = np.flatnonzero(batch.kind == Kind.LINE_FIRST)
        at, site_id, line = first, batch.site_id[first], batch.ref[first]
        if len(told := np.flatnonzero(batch.kind == Kind.SNAPSHOT)):
            stood_at, sites, lines = _in_stacks(batch, told)
            at = np.concatenate([first, stood_at])
            order = np.argsort(at, kind="stable")
            at, site_id = at[order], np.concatenate([site_id, sites])[order]
            line = np.concatenate([line, lines])[order]
        if not len(at):
            return {"first_runs": {}}
        columns: dict[str, Any] = {"time_ns": batch.time_ns[at], "track_id": batch.track_id[at]}
        return {"first_runs": {**columns, "site_id": site_id, "line": line}}


def _in_stacks(batch: EventBatch, rows: Int64) -> tuple[Int64, Int64, Int64]:
    """Event, site and line of the frames of these snapshots, each line once. A loop over frames, 2 million a second."""
    found: dict[tuple[int, int], int] = {}
    for row in rows.tolist():
        told = told_stack(batch, row)
        if told is not None and told.reason in _UNSEEN_BEFORE:
            for site_id, line in told.frames:
                if 0 < site_id < 1 << 31 and 0 < line < 1 << 31:
                    found.setdefault((site_id, line), row)
    frames = np.array([*found], np.int64).reshape(-1, 2)
    return np.array([*found.values()], np.int64), frames[:, 0], frames[:, 1]
