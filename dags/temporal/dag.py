"""The temporal DAG: which events there are, in which order. Nodes are event ids.

Program order on one track is certain; across tracks order is by clock. Neither is stored as edges: the previous and
the next event of a track are found in the events themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import numpy as np

from capture.errors import FormatError, ScopeBug
from capture.events.batch import EventBatch
from dags.base import Context, Dag, Edge, KeptId, KeptNs, NodeId, Ns, Rows, decoded, require_not_before


class TimeReached(msgspec.Struct, frozen=True):
    """How far time has come: the last event and its time, and how many came late."""

    event_id: KeptId = 0
    time_ns: KeptNs = 0
    late: KeptId = 0


class TemporalDag(Dag):
    """Counts events and keeps their order."""

    def __init__(self, moment: TimeReached | None = None) -> None:
        self.moment = moment or TimeReached()
        self._recent: EventBatch | None = None

    @classmethod
    def restored(cls, data: bytes) -> TemporalDag:
        """Raises: FormatError."""
        return cls(decoded(data, TimeReached))

    def keyframe(self) -> bytes:
        """The moment."""
        return msgspec.msgpack.encode(self.moment)

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events; one that lies before its predecessor counts as late.

        Ids may step forward, over a damaged segment. Raises: FormatError when they step back.
        """
        first, stop = batch.first_event_id, batch.first_event_id + len(batch)
        if len(batch) and first <= self.moment.event_id:
            raise FormatError(f"a batch begins at event {first}, after event {self.moment.event_id}")
        if len(batch):
            times = batch.time_ns
            late = int(np.count_nonzero(times[1:] < times[:-1])) + (int(times[0]) < self.moment.time_ns)
            latest = max(self.moment.time_ns, int(times.max() if late else times[-1]))
            self.moment = TimeReached(stop - 1, latest, self.moment.late + late)
            self._recent = batch
        return {}

    def skip_to(self, event_id: int) -> None:
        """Says that the next event has that id."""
        self.moment = TimeReached(event_id - 1, self.moment.time_ns, self.moment.late)

    def copy(self) -> TemporalDag:
        """One of its own at the same moment."""
        return TemporalDag(self.moment)

    def at(self, time_ns: Ns) -> TimeReached:
        """The last event at or before the instant."""
        require_not_before(time_ns, self.moment.time_ns)
        return self.moment

    def causes_of(self, node: NodeId) -> Iterator[Edge]:
        """The event before it on its track, if the last batch holds both."""
        yield from self._neighbour(node, -1)

    def effects_of(self, node: NodeId) -> Iterator[Edge]:
        """The event after it on its track, if the last batch holds both."""
        yield from self._neighbour(node, 1)

    def _neighbour(self, node: NodeId, step: int) -> Iterator[Edge]:
        batch = self._recent
        if batch is None or not batch.first_event_id <= node < batch.first_event_id + len(batch):
            return
        other = neighbour_on_track(batch, node - batch.first_event_id, step)
        if other is not None:
            ids = sorted((node, batch.first_event_id + other))
            yield Edge(ids[0], ids[1], "order")

    def check(self) -> None:
        """Times do not run back, ids count on."""
        if min(self.moment.event_id, self.moment.late) < 0 or self.moment.late > self.moment.event_id:
            raise ScopeBug(f"impossible moment {self.moment}")


def neighbour_on_track(batch: EventBatch, row: int, step: int) -> int | None:
    """The row before (-1) or after (+1) the given one on the same track, or None when the batch has none."""
    same = batch.track_id[:row] if step < 0 else batch.track_id[row + 1 :]
    found = np.flatnonzero(same == batch.track_id[row])
    if not len(found):
        return None
    return int(found[-1]) if step < 0 else row + 1 + int(found[0])
