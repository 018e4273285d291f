"""One ordered batch to all DAGs; back come the rows that a segment stores.

Feeding in any cut gives the same state and the same rows: feed(a), feed(b) equals feed(a + b). Times that run back,
which only a damaged or hostile session has, are lifted to the latest before them. Which DAGs there are says
`dags.registry`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import msgspec
import numpy as np

from capture.errors import FormatError, ScopeBug
from capture.events.batch import EventBatch, Int32
from capture.events.definitions import StateKeyRow, TrackRow
from dags import registry
from dags.base import Context, Dag, Rows
from dags.code.dag import CodeDag
from dags.columns import grown
from dags.correlate.keyframe import KEYFRAME_VERSION, Keyframe, decode_keyframe
from dags.exceptions.dag import ExceptionsDag
from dags.kernels import MAX_TRACKS
from dags.locals.dag import LocalsDag
from dags.pairs.dag import PairsDag
from dags.process.dag import ProcessDag
from dags.process.waiting import WaitsDag
from dags.state.dag import StateDag
from dags.temporal.dag import TemporalDag

LATEST_NS = 1 << 61


class Correlator:
    """All DAGs, fed together. `unknown`: those that know nothing of what was before the keyframe they come from."""

    def __init__(self, dags: dict[str, Dag] | None = None) -> None:
        """`dags`: those of all followers, by name; None: at the beginning."""
        self._dags = {row.name: row.kind()() for row in registry.FOLLOWERS} if dags is None else dags
        self.unknown: frozenset[str] = frozenset()
        self._process_of: Int32 = np.zeros(0, np.int32)
        self._tracks_seen = self._top_track = 0

    @property
    def unknown_in_frames(self) -> list[str]:
        """Those of the `unknown` that frames say something of, by name."""
        return sorted(row.name for row in registry.FOLLOWERS if row.in_frames and row.name in self.unknown)

    @property
    def temporal(self) -> TemporalDag:
        """Which events there were."""
        return cast("TemporalDag", self._dags["temporal"])

    @property
    def process(self) -> ProcessDag:
        """Who runs, and who waits for whom."""
        return cast("ProcessDag", self._dags["process"])

    @property
    def waits(self) -> WaitsDag:
        """Who was asleep when the last whole segment fed ended."""
        return cast("WaitsDag", self._dags["waits"])

    @property
    def code(self) -> CodeDag:
        """The stacks."""
        return cast("CodeDag", self._dags["code"])

    @property
    def pairs(self) -> PairsDag:
        """What has begun and not ended."""
        return cast("PairsDag", self._dags["pairs"])

    @property
    def state(self) -> StateDag:
        """The values."""
        return cast("StateDag", self._dags["state"])

    @property
    def locals(self) -> LocalsDag:
        """Which lines calls are at, and their variables."""
        return cast("LocalsDag", self._dags["locals"])

    @property
    def exceptions(self) -> ExceptionsDag:
        """What is on its way."""
        return cast("ExceptionsDag", self._dags["exceptions"])

    def dag(self, name: str) -> Dag:
        """The follower of that name. Raises: KeyError."""
        return self._dags[name]

    @classmethod
    def from_keyframe(cls, data: bytes) -> Correlator:
        """The DAGs as of a keyframe. One that it has no part of, or an older or newer one, is among the `unknown`.

        Raises: FormatError, also when a part is missing without which nothing goes on.
        """
        kept = decode_keyframe(data)
        self = cls()
        unknown = set(kept.unknown)
        for row in registry.FOLLOWERS:
            kind = row.kind()
            part = kept.part(row.name, (kind.version, *kind.reads))
            if part is None and row.once_in is not None:
                other, last = row.once_in
                part = kept.part(other, range(1, last + 1))
            if part is not None:
                self._dags[row.name] = kind.restored(part)
            elif row.numbers:
                raise FormatError(f"a keyframe lacks its part {row.name!r}, or has one of another version")
            elif row.name in kept.dags or not row.with_kinds:
                unknown.add(row.name)
        self.unknown = frozenset(unknown)
        if (self.temporal.moment.event_id, self.temporal.moment.time_ns) != (kept.event_id, kept.time_ns):
            raise FormatError("a keyframe contradicts itself about its moment")
        return self

    def keyframe(self) -> bytes:
        """The full state after the last event fed."""
        moment = self.temporal.moment
        return msgspec.msgpack.encode(
            Keyframe(
                version=KEYFRAME_VERSION,
                event_id=moment.event_id,
                time_ns=moment.time_ns,
                dags={name: dag.keyframe() for name, dag in self._dags.items()},
                versions={name: dag.version for name, dag in self._dags.items() if dag.version > 1},
                unknown=sorted(self.unknown),
            )
        )

    def feed(
        self,
        batch: EventBatch,
        tracks: Sequence[TrackRow] = (),
        state_keys: Sequence[StateKeyRow] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> Rows:
        """Takes in the next events; the definitions are those known by now (`Decoder.catalog`).

        `facts` are rows of the same stretch that no event tells, by table. Rows of what has ended; what has begun and
        not ended is `open_rows`.
        """
        if len(self._dags) < len(registry.FOLLOWERS):
            raise ScopeBug("a copy only advances: it has nothing that no frame shows")
        batch, context = self._begin(batch), Context(self._processes(tracks), state_keys, facts=facts or {})
        for dag in self._dags.values():
            context.rows |= dag.feed(batch, context)
        return context.rows

    def advance(self, batch: EventBatch, tracks: Sequence[TrackRow] = ()) -> None:
        """Takes in the next events for what a frame shows; makes no rows, and leaves behind what no frame shows."""
        batch, context = self._begin(batch), Context(self._processes(tracks))
        for name in _shown():
            self._dags[name].advance(batch, context)

    def _begin(self, batch: EventBatch) -> EventBatch:
        batch = in_time_order(batch, self.temporal.moment.time_ns)
        if len(batch):
            self.skip_to(batch.first_event_id)
        return batch

    def skip_to(self, event_id: int) -> None:
        """Says that the next event has that id; if some lie between, in a damaged segment, stacks are in doubt."""
        moment = self.temporal.moment
        if event_id > moment.event_id + 1:
            self.code.stacks.doubt(moment.time_ns)
            self.temporal.skip_to(event_id)

    def copy(self) -> Correlator:
        """One to advance on its own: it has nothing that no frame shows."""
        other = Correlator({name: self._dags[name].copy() for name in _shown()})
        other.unknown = self.unknown
        other._process_of = self._process_of.copy()
        other._tracks_seen, other._top_track = self._tracks_seen, self._top_track
        return other

    def taken_back(self, earlier: Correlator, since: EventBatch) -> Correlator:
        """As a copy of `earlier`, made of this one, which is that one after those events and is given up."""
        self._dags |= {name: self._dags[name].taken_back(earlier._dags[name], since) for name in _shown()}
        return self

    def open_rows(self) -> Rows:
        """Rows of what is open now."""
        found: Rows = {}
        for dag in self._dags.values():
            found |= dag.open_rows()
        return found

    def parts(self, time_ns: int, names: Container[str]) -> dict[str, Any]:
        """What those of the named DAGs say at this instant that have no field of their own in a frame, by name."""
        found = {name: self._dags[name].part(time_ns) for name in _shown() if name in names}
        return {name: part for name, part in found.items() if part is not None}

    def check(self) -> None:
        """Checks every DAG. Raises: ScopeBug."""
        for dag in self._dags.values():
            dag.check()

    def _processes(self, tracks: Sequence[TrackRow]) -> Int32:
        """Each track's process, by track id; 0 where nothing is known."""
        for track in tracks[self._tracks_seen :]:
            if 0 < track.track_id <= MAX_TRACKS:
                self._process_of = grown(self._process_of, track.track_id + 1)
                self._top_track = max(self._top_track, track.track_id)
                self._process_of[track.track_id] = track.process_id
        self._tracks_seen = len(tracks) or self._tracks_seen
        return self._process_of[: self._top_track + 1]


def _shown() -> Iterator[str]:
    """The DAGs that frames show something of."""
    return (row.name for row in registry.FOLLOWERS if row.in_frames)


def in_time_order(batch: EventBatch, not_before_ns: int = -LATEST_NS) -> EventBatch:
    """The batch, with times that run back lifted to the latest before them, and impossible ones brought into reach."""
    time_ns = batch.time_ns
    if not len(time_ns):
        return batch
    runs_back = int(time_ns[0]) < not_before_ns or bool((time_ns[1:] < time_ns[:-1]).any())
    if runs_back or int(time_ns[-1]) > LATEST_NS:
        bounded = np.clip(time_ns, not_before_ns, max(not_before_ns, LATEST_NS))
        return replace(batch, time_ns=np.maximum.accumulate(bounded))
    return batch
