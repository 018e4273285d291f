"""The causality DAG: which event made which possible. Nodes are event ids.

Stored edges, all from an earlier to a later event:
- start: thread_start on the parent -> the child's first event.
- join: the ended thread's last event -> join_end on the one that waited; none when the wait timed out.
- the word of a pair (`capture.events.kinds.Pair.edge`): its begin -> its end on another track.
- overwrites: a state write -> the next write of the same cell (these come from the state DAG's versions).
Program order on one track is certain without being stored (dags.temporal.dag.neighbour_on_track finds it).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.errors import FormatError, ScopeBug
from capture.events.batch import EventBatch, Int64
from capture.events.kinds import JoinEndFlag, Kind
from dags.base import Context, Dag, Edge, KeptId, KeptNs, NodeId, Ns, Rows, decoded, require_not_before
from dags.columns import from_bytes, grown, to_bytes
from dags.kernels import MAX_TRACKS, track_events
from dags.pairs.dag import PairsDag, edges_of_pairs

_NONE: Int64 = np.empty(0, np.int64)


class CausalityKeyframe(msgspec.Struct, frozen=True):
    """`last_event`: int64 bytes by track id. `starting`: thread_start events whose child has no event yet."""

    last_ns: KeptNs
    next_event_id: KeptId
    last_event: bytes
    starting: dict[KeptId, KeptId]


class CausalityDag(Dag):
    """Follows starts and joins of threads."""

    def __init__(self) -> None:
        self.last_ns = 0
        self._next_event_id = 1
        self._last_event: Int64 = np.zeros(64, np.int64)
        self._starting: dict[int, int] = {}
        self._recent = edge_rows([])

    @classmethod
    def restored(cls, data: bytes) -> CausalityDag:
        """Raises: FormatError."""
        kept = decoded(data, CausalityKeyframe)
        self = cls()
        self.last_ns, self._next_event_id, self._starting = kept.last_ns, kept.next_event_id, kept.starting
        last_event = from_bytes(kept.last_event, np.int64)
        if len(last_event) > MAX_TRACKS + 1:
            raise FormatError("a keyframe claims more tracks than there can be")
        self._last_event = grown(last_event, 64)
        return self

    def keyframe(self) -> bytes:
        """The last event of every track, and the threads about to begin."""
        used = np.flatnonzero(self._last_event)
        last_event = self._last_event[: int(used[-1]) + 1 if len(used) else 0]
        return msgspec.msgpack.encode(
            CausalityKeyframe(self.last_ns, self._next_event_id, to_bytes(last_event), self._starting)
        )

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events: rows of `edges`, with one from each state to the one that replaced it."""
        first, stop = batch.first_event_id, batch.first_event_id + len(batch)
        if not len(batch):
            return {"edges": edge_rows([])}
        most = min(int(batch.track_id.max()), MAX_TRACKS)
        self._last_event = grown(self._last_event, most + 1)
        joins = np.flatnonzero(batch.kind == Kind.JOIN_END)
        joins = joins[batch.flags[joins] & JoinEndFlag.ENDED != 0]
        starts = np.flatnonzero(batch.kind == Kind.THREAD_START)
        first_rows, ends = track_events(batch, self._last_event, joins, np.ascontiguousarray(batch.ref[joins]))
        effects = first + joins
        held = (ends > 0) & (ends < effects)
        starting = list(self._starts(batch, starts.tolist(), first_rows.tolist()))
        edges = edge_rows(starting, ends[held], effects[held])
        self._recent = edges
        self._next_event_id, self.last_ns = stop, max(self.last_ns, int(batch.time_ns[-1]))
        if context.pairs is not None:
            for word, causes, ended in edges_of_pairs(batch, context.pairs, PairsDag.kinds):
                edges = _with(edges, word, causes, ended)
        states = context.rows.get("states", {})
        if len(states.get("version_id", ())):
            replaced, written = np.asarray(states["replaced_event_id"]), np.asarray(states["event_id"])
            found = np.flatnonzero(replaced)
            edges = _with(edges, "overwrites", replaced[found], written[found])
        return {"edges": edges}

    def copy(self) -> CausalityDag:
        """One of its own with the same threads."""
        other = CausalityDag()
        other.last_ns, other._next_event_id = self.last_ns, self._next_event_id
        other._last_event, other._starting = self._last_event.copy(), dict(self._starting)
        return other

    def _starts(self, batch: EventBatch, starts: list[int], first_rows: list[int]) -> Iterator[Edge]:
        """A child's first event, matched with the latest thread_start before it."""
        beginning = {int(batch.track_id[row]) for row in first_rows}
        moments = sorted([(row, True) for row in first_rows] + [(row, False) for row in starts])
        for row, is_first in moments:
            if is_first:
                track_id = int(batch.track_id[row])
                beginning.discard(track_id)
                if cause := self._starting.pop(track_id, 0):
                    yield Edge(cause, batch.first_event_id + row, "start")
                continue
            child = int(batch.ref[row])
            is_other = child != int(batch.track_id[row])
            if (
                is_other
                and 0 < child <= MAX_TRACKS
                and (child in beginning or child >= len(self._last_event) or not self._last_event[child])
            ):
                self._starting[child] = batch.first_event_id + row

    def at(self, time_ns: Ns) -> dict[int, int]:
        """The threads about to begin: child track -> the thread_start event."""
        require_not_before(time_ns, self.last_ns)
        return dict(self._starting)

    def causes_of(self, node: NodeId) -> Iterator[Edge]:
        """Edges into an event of the last batch."""
        yield from self._edges_where(np.asarray(self._recent["effect_event_id"]) == node)

    def effects_of(self, node: NodeId) -> Iterator[Edge]:
        """Edges of the last batch out of an event."""
        yield from self._edges_where(np.asarray(self._recent["cause_event_id"]) == node)

    def _edges_where(self, is_wanted: npt.NDArray[np.bool_]) -> Iterator[Edge]:
        recent = self._recent
        for row in np.flatnonzero(is_wanted).tolist():
            cause, effect = int(recent["cause_event_id"][row]), int(recent["effect_event_id"][row])
            yield Edge(cause, effect, recent["kind"][row].as_py())

    def check(self) -> None:
        """Causes come first, and no event lies in the future."""
        if (self._recent["cause_event_id"] >= self._recent["effect_event_id"]).any():
            raise ScopeBug("an effect before its cause")
        if int(self._last_event.max(initial=0)) >= self._next_event_id:
            raise ScopeBug("a track's last event lies in the future")


def edge_rows(starts: Sequence[Edge], ends: Int64 = _NONE, joins: Int64 = _NONE) -> dict[str, Any]:
    """Rows of the table, by effect: those edges, and one from each of the ends to the join beside it."""
    cause = np.concatenate([ends, np.array([edge.cause for edge in starts], np.int64)])
    effect = np.concatenate([joins, np.array([edge.effect for edge in starts], np.int64)])
    words = ["join", *dict.fromkeys(edge.kind for edge in starts)]
    codes = np.concatenate([np.zeros(len(ends), np.int8), np.array([words.index(e.kind) for e in starts], np.int8)])
    order = np.argsort(effect, kind="stable")
    kinds = pa.DictionaryArray.from_arrays(pa.array(codes[order]), pa.array(words, pa.string()))
    return {"cause_event_id": cause[order], "effect_event_id": effect[order], "kind": kinds}


def _with(edges: dict[str, Any], word: str, causes: Int64, effects: Int64) -> dict[str, Any]:
    """The edges and those of one more word, of which effects ascend; by effect and cause."""
    cause = np.concatenate([np.asarray(edges["cause_event_id"]), causes])
    effect = np.concatenate([np.asarray(edges["effect_event_id"]), effects])
    others: pa.DictionaryArray = edges["kind"]
    words = [*others.dictionary.to_pylist(), word]
    codes = np.full(len(cause), len(words) - 1, np.int8)
    if len(others):  # seldom; else effects ascend
        codes[: len(others)] = others.indices.to_numpy()
        order = np.lexsort((cause, effect))
        cause, effect, codes = cause[order], effect[order], codes[order]
    kinds = pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(words, pa.string()))
    return {"cause_event_id": cause, "effect_event_id": effect, "kind": kinds}
