"""The process DAG: who runs, who waits for whom, who started whom. Nodes are track ids.

Lifetimes and names come from the definitions; this holds what only the events tell: threads under way, the thread
that another one joins, and how busy each process is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from capture.errors import ScopeBug
from capture.events.batch import EventBatch, Int32, mask_of, of_kinds
from capture.events.kinds import Kind, kinds_of
from dags.base import Context, Dag, Edge, KeptId, KeptNs, NodeId, Ns, Rows, decoded, require_not_before
from dags.process.activity import Activity, ProcessActivity

_FOLLOWED = mask_of(kinds_of("thread", "join", "gap"))
_OF_WAITS = mask_of(kinds_of("join", "gap"))


def _settling(batch: EventBatch) -> npt.NDArray[np.intp]:
    """The rows that say what holds after the batch: of waits that follow one another on a track, the last one alone.

    A program may wait hundreds of thousands of times a second; threads, which begin and end, are few.
    """
    rows = np.flatnonzero(of_kinds(batch.kind, _FOLLOWED))
    by_track = rows[np.argsort(batch.track_id[rows], kind="stable")]
    tracks, waits = batch.track_id[by_track], _OF_WAITS[batch.kind[by_track]]
    outdated = np.zeros(len(rows), np.bool_)
    outdated[:-1] = waits[:-1] & waits[1:] & (tracks[:-1] == tracks[1:])
    return np.sort(by_track[~outdated])


class Waiting(msgspec.Struct, frozen=True):
    """A track waits for another to end; waiting_on 0 when it is not known for which."""

    waiting_on: KeptId
    since_ns: KeptNs


class ProcessState(msgspec.Struct):
    """Live threads by track id."""

    last_ns: KeptNs = 0
    begun_ns: dict[KeptId, KeptNs] = {}
    waiting: dict[KeptId, Waiting] = {}
    parents: dict[KeptId, KeptId] = {}
    activity: Activity = msgspec.field(default_factory=Activity)


class ProcessDag(Dag):
    """Follows threads through begin, join and end."""

    version: ClassVar[int] = 2
    reads: ClassVar[tuple[int, ...]] = (1,)  # it also held who was asleep

    def __init__(self, state: ProcessState | None = None) -> None:
        self.state = state or ProcessState()

    @classmethod
    def restored(cls, data: bytes) -> ProcessDag:
        """Raises: FormatError."""
        state = decoded(data, ProcessState)
        state.activity.validate()
        return cls(state)

    def keyframe(self) -> bytes:
        """The state."""
        self.state.activity.processes = dict(sorted(self.state.activity.processes.items()))
        return msgspec.msgpack.encode(self.state)

    def copy(self) -> ProcessDag:
        """One of its own with the same state."""
        s = self.state
        return ProcessDag(
            ProcessState(s.last_ns, dict(s.begun_ns), dict(s.waiting), dict(s.parents), s.activity.copy())
        )

    def taken_back(self, earlier: ProcessDag, since: EventBatch) -> ProcessDag:
        """Where no thread began, waited or ended only the heat is taken back."""
        if _FOLLOWED[since.kind].any():
            return earlier.copy()
        self.state.last_ns, self.state.activity = earlier.state.last_ns, earlier.state.activity.copy()
        return self

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events. Without a `process_of` all tracks are of process 1."""
        if len(batch):
            self._count(batch, context.process_of)
            for row in _settling(batch).tolist():
                self._follow(
                    int(batch.kind[row]), int(batch.track_id[row]), int(batch.time_ns[row]), int(batch.ref[row])
                )
            self.state.last_ns = max(self.state.last_ns, int(batch.time_ns[-1]))
        return {}

    def _follow(self, kind: int, track_id: int, time_ns: int, ref: int) -> None:
        state = self.state
        if track_id <= 0:
            return  # no track has such an id; only a hostile session does
        match kind:
            case Kind.THREAD_BEGIN:
                state.begun_ns[track_id] = time_ns
            case Kind.THREAD_END:
                for known in (state.begun_ns, state.waiting, state.parents):
                    known.pop(track_id, None)
            case Kind.THREAD_START if ref > 0 and ref != track_id:
                state.parents[ref] = track_id
            case Kind.JOIN_BEGIN:
                state.waiting.pop(track_id, None)  # who waits is in the order in which they began to
                state.waiting[track_id] = Waiting(max(0, ref), time_ns)
            case Kind.JOIN_END | Kind.GAP:  # what was dropped may have held the end of the join
                state.waiting.pop(track_id, None)

    def _count(self, batch: EventBatch, process_of: Int32 | None) -> None:
        activity = self.state.activity.processes
        if process_of is None or not len(process_of):
            activity.setdefault(1, ProcessActivity()).add(batch.time_ns)
            return
        only = int(process_of[1]) if len(process_of) > 1 else 0
        if (process_of[1:] == only).all():
            activity.setdefault(only, ProcessActivity()).add(batch.time_ns)
            return
        owner = process_of[np.clip(batch.track_id, 0, len(process_of) - 1)]
        for process_id in np.unique(owner).tolist():
            activity.setdefault(process_id, ProcessActivity()).add(batch.time_ns[owner == process_id])

    def at(self, time_ns: Ns) -> ProcessState:
        """The state; heat fades with the time since the last event."""
        require_not_before(time_ns, self.state.last_ns)
        return self.state

    def causes_of(self, node: NodeId) -> Iterator[Edge]:
        """Who started the track."""
        if node in self.state.parents:
            yield Edge(self.state.parents[node], node, "start")

    def effects_of(self, node: NodeId) -> Iterator[Edge]:
        """The live tracks that the track started."""
        yield from (Edge(node, child, "start") for child, parent in self.state.parents.items() if parent == node)

    def check(self) -> None:
        """No track is its own parent."""
        if any(child == parent for child, parent in self.state.parents.items()):
            raise ScopeBug("a track that started itself")
