"""The exceptions DAG: which exception was raised where, and which calls it left. Nodes are ids of raise events.

An exception is one object, told once for each thread by its raise, whatever it passes on its way. An unwind says which
of its track's latest raises it belongs to, counted back from 1 (`ref`); 0, or one that is not known here, is of none.
On its way is the exception whose raise or unwind is the last event of its track: a handler that begins to do something
ends that.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.errors import FormatError
from capture.events.batch import EventBatch, Int64
from capture.events.kinds import Kind
from capture.session.eventtable import sparse_texts
from dags.base import Context, Dag, KeptId, KeptNs, Ns, Rows, decoded, require_not_before
from dags.columns import from_bytes, to_bytes
from dags.kernels import MAX_TRACKS

MOST_BACK = 31  # of a track's raises an unwind can speak of
ROLES = pa.array(["raised", "unwound"])
_RECENT = ("track_id", "exception_id", "call_id", "frames")
_SAID = ("type", "message")
_NONE: Int64 = np.empty(0, np.int64)


class Raised(msgspec.Struct, frozen=True, array_like=True):
    """An exception on its way."""

    exception_id: KeptId
    type: str | None
    message: str | None


class ExceptionsKeyframe(msgspec.Struct, frozen=True):
    """`recent`: int64 bytes by the names of `_RECENT`; `said`: their texts. `on_its_way`: by track id."""

    last_ns: KeptNs
    next_event_id: KeptId
    recent: dict[str, bytes]
    said: dict[str, list[str | None]]
    on_its_way: dict[KeptId, Raised]


class _Failing(NamedTuple):
    """Rows of a batch at which something fails, and by row the innermost call before it."""

    raises: npt.NDArray[np.intp]
    unwinds: npt.NDArray[np.intp]
    calls: Int64


class ExceptionsDag(Dag):
    """Holds the latest raises of each track, by track and age, and what is on its way."""

    def __init__(self) -> None:
        self.last_ns = 0
        self._next_event_id = 1
        self._recent: dict[str, Int64] = {}
        self._said: dict[str, pa.Array] = {}
        self._forget()
        self.on_its_way: dict[int, Raised] = {}

    def _forget(self) -> None:
        self._recent = {name: np.zeros(0, np.int64) for name in _RECENT}
        self._said = {name: pa.array([], pa.string()) for name in _SAID}

    @classmethod
    def restored(cls, data: bytes) -> ExceptionsDag:
        """Raises: FormatError."""
        kept = decoded(data, ExceptionsKeyframe)
        self = cls()
        self.last_ns, self._next_event_id, self.on_its_way = kept.last_ns, kept.next_event_id, kept.on_its_way
        self._recent = {name: from_bytes(kept.recent.get(name, b""), np.int64) for name in _RECENT}
        self._said = {name: pa.array(kept.said.get(name, []), pa.string()) for name in _SAID}
        track = self._recent["track_id"]
        lengths = {len(column) for column in (*self._recent.values(), *self._said.values())}
        if len(lengths) != 1 or (track[1:] < track[:-1]).any():
            raise FormatError("the exceptions of a keyframe contradict themselves")
        return self

    def keyframe(self) -> bytes:
        """The latest raises."""
        recent = {name: to_bytes(column) for name, column in self._recent.items()}
        said = {name: texts.to_pylist() for name, texts in self._said.items()}
        return msgspec.msgpack.encode(
            ExceptionsKeyframe(self.last_ns, self._next_event_id, recent, said, self.on_its_way)
        )

    def copy(self) -> ExceptionsDag:
        """One of its own with the same exceptions."""
        return ExceptionsDag()._as(self)

    def taken_back(self, earlier: ExceptionsDag, since: EventBatch) -> ExceptionsDag:
        """Takes over what `earlier` holds, which is little."""
        return self._as(earlier)

    def _as(self, other: ExceptionsDag) -> ExceptionsDag:
        """With the same state: columns are never written in, so both may have them."""
        self.last_ns, self._next_event_id = other.last_ns, other._next_event_id
        self._recent, self._said, self.on_its_way = dict(other._recent), dict(other._said), dict(other.on_its_way)
        return self

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events: rows of `exceptions` and `exception_frames`."""
        if batch.first_event_id != self._next_event_id:  # some lie between, in a damaged segment
            self._forget()
        self._next_event_id = batch.first_event_id + len(batch)
        if not len(batch):
            return {"exceptions": {}, "exception_frames": {}}
        self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        raises, unwinds = np.flatnonzero(batch.kind == Kind.RAISE), np.flatnonzero(batch.kind == Kind.UNWIND)
        if not len(raises) and not len(unwinds):
            self._note_on_its_way(batch, raises, _NONE)
            return {"exceptions": {}, "exception_frames": {}}
        said = {"type": _texts_of(batch, raises), "message": _messages_of(batch, raises)}
        failing = np.sort(np.concatenate([raises, unwinds]))
        calls = np.zeros(len(batch), np.int64)
        if context.callers is not None:
            calls[failing] = context.callers.at(Kind.RAISE, Kind.UNWIND)
        known, self._said = self._with_raises(batch, raises, calls[raises], said)
        places = _places(known, batch, unwinds)
        frames = _frames(batch, _Failing(raises, unwinds, calls), known, places)
        place_of = np.full(len(batch), -1, np.int64)
        place_of[known["row"][known["row"] >= 0]] = np.flatnonzero(known["row"] >= 0)
        place_of[unwinds] = places
        self._note_on_its_way(batch, failing, place_of[failing], known["exception_id"])
        late = _latest(known["track_id"])
        self._recent = {name: known[name][late] for name in _RECENT}
        self._said = {name: texts.take(pa.array(np.flatnonzero(late))) for name, texts in self._said.items()}
        return {
            "exceptions": {
                "exception_id": batch.first_event_id + raises,
                "time_ns": batch.time_ns[raises],
                "track_id": batch.track_id[raises],
                "call_id": calls[raises],
                "site_id": batch.site_id[raises],
                **said,
            },
            "exception_frames": frames,
        }

    def _with_raises(
        self, batch: EventBatch, raises: npt.NDArray[np.intp], calls: Int64, said: dict[str, pa.Array]
    ) -> tuple[dict[str, Int64], dict[str, pa.Array]]:
        """The raises known before and those of the batch, by track and age, and their texts.

        `row` is where in the batch one is, else -1.
        """
        new: dict[str, Int64] = {
            "track_id": batch.track_id[raises].astype(np.int64),
            "exception_id": batch.first_event_id + raises.astype(np.int64),
            "call_id": calls,
            "frames": np.ones(len(raises), np.int64),
        }
        known = {name: np.concatenate([self._recent[name], new[name]]) for name in _RECENT}
        known["row"] = np.concatenate([np.full(len(self._recent["track_id"]), -1, np.int64), raises])
        order = np.argsort(known["track_id"], kind="stable")
        texts = {name: pa.concat_arrays([self._said[name], said[name]]).take(pa.array(order)) for name in _SAID}
        return {name: column[order] for name, column in known.items()}, texts

    def _note_on_its_way(
        self, batch: EventBatch, failing: npt.NDArray[np.intp], places: Int64, ids: Int64 = _NONE
    ) -> None:
        """Keeps the exception of each track whose last event is a raise or an unwind; `places` are those in `ids`."""
        if not len(failing) and not self.on_its_way:
            return
        tracks = np.where((batch.track_id < 0) | (batch.track_id > MAX_TRACKS), 0, batch.track_id)  # 0 is none's
        last = np.full(int(tracks.max()) + 1, -1, np.int64)
        last[tracks] = np.arange(len(batch))
        held = {track: one for track, one in self.on_its_way.items() if track >= len(last) or last[track] < 0}
        is_last = (last[tracks[failing]] == failing) & (places >= 0) & (tracks[failing] > 0)
        for row, place in zip(failing[is_last].tolist(), places[is_last].tolist(), strict=True):  # one a track
            kind, message = (self._said[name][place].as_py() for name in _SAID)
            held[int(tracks[row])] = Raised(int(ids[place]), kind, message)
        self.on_its_way = held

    def at(self, time_ns: Ns) -> dict[int, Raised]:
        """What is on its way, by track id."""
        require_not_before(time_ns, self.last_ns)
        return dict(self.on_its_way)


def _frames(batch: EventBatch, failing: _Failing, known: dict[str, Int64], places: Int64) -> dict[str, Any]:
    """Rows of `exception_frames`; counts in `known` how many calls each exception was in.

    Leaving the call that it was raised in adds no row.
    """
    raises, unwinds, calls = failing
    found = places >= 0
    at, rows = places[found], unwinds[found]
    elsewhere = (calls[rows] == 0) | (calls[rows] != known["call_id"][at])
    at, rows = at[elsewhere], rows[elsewhere]
    order = np.argsort(at, kind="stable")
    ranks = np.empty(len(at), np.int64)
    ranks[order] = np.arange(len(at)) - np.searchsorted(at[order], at[order])
    depths = known["frames"][at] + ranks
    np.add.at(known["frames"], at, 1)
    all_rows = np.concatenate([raises, rows])
    in_order = np.argsort(all_rows, kind="stable")
    roles = np.concatenate([np.zeros(len(raises), np.int8), np.ones(len(rows), np.int8)])
    ids = np.concatenate([batch.first_event_id + raises, known["exception_id"][at]])
    depth = np.concatenate([np.zeros(len(raises), np.int64), depths]).astype(np.int32)
    return {
        "exception_id": ids[in_order],
        "depth": depth[in_order],
        "call_id": calls[all_rows[in_order]],
        "site_id": batch.site_id[all_rows[in_order]],
        "role": pa.DictionaryArray.from_arrays(pa.array(roles[in_order]), ROLES),
    }


def _places(known: dict[str, Int64], batch: EventBatch, unwinds: npt.NDArray[np.intp]) -> Int64:
    """Where each unwind's exception is among those known, -1 for none."""
    width = len(batch) + 1
    keys = known["track_id"] * width + known["row"] + 1
    asked, back = batch.track_id[unwinds].astype(np.int64), batch.ref[unwinds]
    places = np.searchsorted(keys, asked * width + unwinds + 1) - back
    inside = (back > 0) & (back <= MOST_BACK) & (places >= 0)
    places = np.where(inside, places, 0)
    if len(keys):
        inside &= known["track_id"][places] == asked
    return np.where(inside & (len(keys) > 0), places, -1)


def _latest(tracks: Int64) -> npt.NDArray[np.bool_]:
    """Of entries by track, the last MOST_BACK of each."""
    ends = np.searchsorted(tracks, tracks, side="right")
    is_late: npt.NDArray[np.bool_] = ends - np.arange(len(tracks)) <= MOST_BACK
    return is_late


def _texts_of(batch: EventBatch, rows: npt.NDArray[np.intp]) -> pa.Array:
    """The values of those events, null where there is none."""
    with_one = np.isin(batch.value_rows, rows)
    texts = batch.values.taken(np.flatnonzero(with_one))
    return sparse_texts(len(rows), np.searchsorted(rows, batch.value_rows[with_one]), texts)


def _messages_of(batch: EventBatch, rows: npt.NDArray[np.intp]) -> pa.Array:
    """What the exceptions of those events say, null where it is nothing."""
    with_one = np.isin(batch.message_rows, rows)
    texts = batch.messages.taken(np.flatnonzero(with_one))
    return sparse_texts(len(rows), np.searchsorted(rows, batch.message_rows[with_one]), texts)
