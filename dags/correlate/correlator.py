"""One ordered batch to all DAGs; back come the rows that a segment stores.

Feeding in any cut gives the same state and the same rows: feed(a), feed(b) equals feed(a + b). Times that run back,
which only a damaged or hostile session has, are lifted to the latest before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import msgspec
import numpy as np
import pyarrow as pa

from capture.errors import FormatError
from capture.events.batch import EventBatch, Int32
from capture.events.definitions import StateKeyRow, TrackRow
from dags.causality.dag import CausalityDag
from dags.code.dag import CodeDag
from dags.columns import grown
from dags.correlate.keyframe import KEYFRAME_VERSION, Keyframe, decode_keyframe
from dags.kernels import MAX_TRACKS, Array
from dags.process.dag import ProcessDag
from dags.state.dag import StateDag
from dags.temporal.dag import Moment, TemporalDag

LATEST_NS = 1 << 61
DAG_NAMES = ("temporal", "process", "code", "state", "causality")


@dataclass(frozen=True, slots=True)
class Correlated:
    """Rows that one batch yields, as columns named like the tables.

    `calls` holds the calls that ended, outcome as code; calls begun and not ended are `Correlator.open_calls()`.
    """

    calls: dict[str, Array]
    states: dict[str, Any]
    edges: dict[str, object]


class Correlator:
    """The five DAGs, fed together."""

    def __init__(self) -> None:
        self.temporal = TemporalDag()
        self.process = ProcessDag()
        self.code = CodeDag()
        self.state = StateDag()
        self.causality = CausalityDag()
        self._process_of: Int32 = np.zeros(0, np.int32)
        self._tracks_seen = self._top_track = 0

    @classmethod
    def from_keyframe(cls, data: bytes) -> Correlator:
        """The DAGs as of a keyframe.

        Raises: FormatError.
        """
        kept = decode_keyframe(data)
        if not kept.dags.keys() >= set(DAG_NAMES):  # a newer minor version may have more
            raise FormatError("a keyframe lacks a part")
        self = cls()
        self.temporal = TemporalDag.restored(kept.dags["temporal"])
        self.process = ProcessDag.restored(kept.dags["process"])
        self.code = CodeDag.restored(kept.dags["code"])
        self.state = StateDag.restored(kept.dags["state"])
        self.causality = CausalityDag.restored(kept.dags["causality"])
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
                dags={name: getattr(self, name).keyframe() for name in DAG_NAMES},
            )
        )

    def feed(
        self,
        batch: EventBatch,
        tracks: Sequence[TrackRow] = (),
        state_keys: Sequence[StateKeyRow] = (),
    ) -> Correlated:
        """Takes in the next events; the definitions are those known by now (`Decoder.catalog`)."""
        batch = self._begin(batch)
        self.process.feed(batch, self._processes(tracks))
        code, writers = self.code.feed_with_writers(batch)
        states = self.state.feed(batch, writers, state_keys).columns
        edges = self.causality.feed(batch).columns
        if len(states["version_id"]):
            edges = _with_overwrites(edges, states)
        return Correlated(code.columns, states, edges)

    def advance(self, batch: EventBatch, tracks: Sequence[TrackRow] = ()) -> None:
        """Takes in the next events for what a frame shows; makes no rows, and leaves causality behind."""
        batch = self._begin(batch)
        self.process.feed(batch, self._processes(tracks))
        self.state.feed(batch, self.code.advance(batch))

    def _begin(self, batch: EventBatch) -> EventBatch:
        moment = self.temporal.moment
        batch = in_time_order(batch, moment.time_ns)
        if len(batch):
            self.skip_to(batch.first_event_id)
        self.temporal.feed(batch)
        return batch

    def skip_to(self, event_id: int) -> None:
        """Says that the next event has that id; if some lie between, in a damaged segment, stacks are in doubt."""
        moment = self.temporal.moment
        if event_id > moment.event_id + 1:
            self.code.stacks.doubt(moment.time_ns)
            self.temporal = TemporalDag(Moment(event_id - 1, moment.time_ns, moment.late))

    def copy(self) -> Correlator:
        """One to advance on its own. Causality is not copied."""
        other = Correlator()
        other.temporal = TemporalDag(self.temporal.moment)
        other.process, other.code, other.state = self.process.copy(), self.code.copy(), self.state.copy()
        other._process_of = self._process_of.copy()
        other._tracks_seen, other._top_track = self._tracks_seen, self._top_track
        return other

    def open_calls(self) -> dict[str, Array]:
        """Rows of `calls` for what is open now, with outcome `open`."""
        return self.code.open_calls()

    def check(self) -> None:
        """Checks every DAG. Raises: ScopeBug."""
        for name in DAG_NAMES:
            getattr(self, name).check()

    def _processes(self, tracks: Sequence[TrackRow]) -> Int32:
        """Each track's process, by track id; 0 where nothing is known."""
        for track in tracks[self._tracks_seen :]:
            if 0 < track.track_id <= MAX_TRACKS:
                self._process_of = grown(self._process_of, track.track_id + 1)
                self._top_track = max(self._top_track, track.track_id)
                self._process_of[track.track_id] = track.process_id
        self._tracks_seen = len(tracks) or self._tracks_seen
        return self._process_of[: self._top_track + 1]


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


def _with_overwrites(edges: dict[str, object], states: dict[str, Any]) -> dict[str, object]:
    """The edges and one from each state to the one that replaced it, by effect and cause."""
    replaced, written = np.asarray(states["replaced_event_id"]), np.asarray(states["event_id"])
    found = np.flatnonzero(replaced)
    cause = np.concatenate([np.asarray(edges["cause_event_id"]), replaced[found]])
    effect = np.concatenate([np.asarray(edges["effect_event_id"]), written[found]])
    others = cast("list[str]", edges["kind"])
    words = ["overwrites", *dict.fromkeys(others)]
    codes = np.zeros(len(cause), np.int8)
    if others:  # seldom; else effects ascend
        codes[: len(others)] = [words.index(word) for word in others]
        order = np.lexsort((cause, effect))
        cause, effect, codes = cause[order], effect[order], codes[order]
    kinds = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, pa.string()))
    return {"cause_event_id": cause, "effect_event_id": effect, "kind": kinds}
