"""The exceptions DAG: which exception was raised where, and which calls it left. Nodes are ids of raise events.

An exception is one object, told once for each thread by its raise, whatever it passes on its way. An unwind says which
of its track's latest raises it belongs to, counted back from 1 (`ref`); 0, or one that is not known here, is of none.
On its way is the exception whose raise or unwind is the last event of its track: a handler that begins to do something
ends that.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.errors import FormatError
from capture.events.batch import EventBatch, Int32, Int64, mask_of, of_kinds
from capture.events.kinds import DeadFrameFlag, Kind
from capture.events.text_column import TextColumn
from capture.session.eventtable import sparse_texts
from dags.base import Context, Dag, KeptId, KeptNs, Ns, Rows, decoded, require_not_before
from dags.columns import OUTCOMES, from_bytes, to_bytes
from dags.exceptions.local_variables import local_variables
from dags.kernels import MAX_TRACKS

MOST_BACK = 31  # of a track's raises an unwind can speak of
_Raises: TypeAlias = dict[str, Int64]
_Texts: TypeAlias = dict[str, pa.Array]
ROLES = pa.array(["raised", "unwound", "local", "outer"])
_LOCAL, _OUTER = 2, 3  # among them
_RECENT = ("track_id", "exception_id", "call_id", "frames", "time_ns", "told")
_SAID = ("type", "message")
_NO_RAISES: _Raises = {name: np.zeros(0, np.int64) for name in _RECENT}
_NO_TEXTS: _Texts = {name: pa.array([], pa.string()) for name in _SAID}
_FAILS = mask_of((Kind.RAISE, Kind.UNWIND))
RAISED = OUTCOMES.index("raise")
_FEW = 8  # tracks that are looked for one by one
_MOST_AHEAD = 64


class Raised(msgspec.Struct, frozen=True, array_like=True):
    """An exception on its way."""

    exception_id: KeptId
    type: str | None
    message: str | None


class ExceptionsKeyframe(msgspec.Struct, frozen=True):
    """`recent`: int64 bytes by the names of `_RECENT`; `said`: their texts. `on_its_way`: by track id.

    Older ones have neither `time_ns` nor `told`, how many frames were told with their locals: none were.
    """

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
        self._recent, self._said = _NO_RAISES, _NO_TEXTS
        self._ahead: tuple[EventBatch, ...] = ()  # with raises that are not among the recent ones yet
        self._on_its_way: dict[int, Raised | int] = {}  # an id alone until somebody asks what it says

    def _forget(self) -> None:
        self._on_its_way |= self.on_its_way
        self._recent, self._said, self._ahead = _NO_RAISES, _NO_TEXTS, ()

    @property
    def on_its_way(self) -> dict[int, Raised]:
        """What is on its way, by track id."""
        for track_id, one in self._on_its_way.items():
            if isinstance(one, int):
                self._on_its_way[track_id] = self._raised(one)
        return cast("dict[int, Raised]", self._on_its_way)

    def _raised(self, exception_id: int) -> Raised:
        """A raise that is ahead, or among the recent ones: what is on its way is one of the last of its track."""
        at = bisect_right(self._ahead, exception_id, key=lambda batch: batch.first_event_id) - 1
        if at >= 0 and (row := exception_id - self._ahead[at].first_event_id) < len(self._ahead[at]):
            return Raised(exception_id, self._ahead[at].value_of(row), self._ahead[at].message_of(row))
        place = int(np.flatnonzero(self._recent["exception_id"] == exception_id)[0])
        kind, message = (self._said[name][place].as_py() for name in _SAID)
        return Raised(exception_id, kind, message)

    @classmethod
    def restored(cls, data: bytes) -> ExceptionsDag:
        """Raises: FormatError."""
        kept = decoded(data, ExceptionsKeyframe)
        self = cls()
        self.last_ns, self._next_event_id = kept.last_ns, kept.next_event_id
        self._on_its_way = dict(kept.on_its_way)
        unknown = bytes(len(kept.recent.get("track_id", b"")))
        self._recent = {name: from_bytes(kept.recent.get(name, unknown), np.int64) for name in _RECENT}
        self._said = {name: pa.array(kept.said.get(name, []), pa.string()) for name in _SAID}
        track = self._recent["track_id"]
        lengths = {len(column) for column in (*self._recent.values(), *self._said.values())}
        if len(lengths) != 1 or (track[1:] < track[:-1]).any():
            raise FormatError("the exceptions of a keyframe contradict themselves")
        return self

    def keyframe(self) -> bytes:
        """The latest raises."""
        self._catch_up()
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
        self._recent, self._said, self._ahead = other._recent, other._said, other._ahead
        self._on_its_way = dict(other._on_its_way)
        return self

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events: rows of `exceptions` and `exception_frames`; `calls` learn what has left them."""
        failing = self._begin(batch)
        dead = np.flatnonzero(batch.kind == Kind.DEAD_FRAME)
        self._catch_up()
        if not len(failing) and not len(dead):
            self._note_on_its_way(batch, failing)
            return {"exceptions": {}, "exception_frames": {}}
        is_raise = batch.kind[failing] == Kind.RAISE
        raises, unwinds = failing[is_raise], failing[~is_raise]
        calls = np.zeros(len(batch), np.int64)
        if context.callers is not None:
            calls[failing] = context.callers.at(Kind.RAISE, Kind.UNWIND)
        new = _raises_of([batch], [raises], calls[raises])
        said = _said_in([batch], [raises])
        known, texts = self._with_raises(new, said, raises)
        places = _places(known, batch, unwinds)
        frames = _joined(
            _frames(batch, _Failing(raises, unwinds, calls), known, places), _local_rows(batch, dead, known)
        )
        if "calls" in context.rows:
            context.rows["calls"]["exception_id"] = _left_by(context.rows["calls"], batch, unwinds, known, places)
        self._recent, self._said = _latest(known, texts)
        self._note_on_its_way(batch, failing)
        return {
            "exceptions": {
                "exception_id": new["exception_id"],
                "time_ns": batch.time_ns[raises],
                "track_id": batch.track_id[raises],
                "call_id": new["call_id"],
                "site_id": batch.site_id[raises],
                **said,
                "line": batch.ref[raises],
            },
            "exception_frames": frames,
        }

    def advance(self, batch: EventBatch, context: Context) -> None:
        """Takes in the next events for what is on its way: raises wait until an unwind speaks of one.

        Frames of calls are not counted, so that no more rows of exception frames can be made.
        """
        failing = self._begin(batch)
        if len(failing) and (batch.kind[failing] == Kind.RAISE).any():
            self._ahead += (batch,)
            if len(self._ahead) >= _MOST_AHEAD:
                self._catch_up()
        self._note_on_its_way(batch, failing)

    def _begin(self, batch: EventBatch) -> npt.NDArray[np.intp]:
        """The rows of the next events at which something fails."""
        if batch.first_event_id != self._next_event_id:  # some lie between, in a damaged segment
            self._forget()
        self._next_event_id = batch.first_event_id + len(batch)
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        return np.flatnonzero(of_kinds(batch.kind, _FAILS))

    def _catch_up(self) -> None:
        """Puts what is ahead among the recent raises."""
        if self._ahead:
            raises = [np.flatnonzero(batch.kind == Kind.RAISE) for batch in self._ahead]
            count = sum(map(len, raises))
            new = _raises_of(self._ahead, raises, np.zeros(count, np.int64))
            self._recent, self._said = _latest(*self._with_raises(new, _said_in(self._ahead, raises)))
            self._ahead = ()

    def _with_raises(
        self, new: _Raises, said: _Texts, rows: npt.NDArray[np.intp] | None = None
    ) -> tuple[_Raises, _Texts]:
        """The raises known before and new ones, by track and age, and their texts.

        `rows`: where the new ones are in a batch; `row` is that, else -1.
        """
        known = {name: np.concatenate([self._recent[name], new[name]]) for name in _RECENT}
        known["row"] = np.full(len(known["track_id"]), -1, np.int64)
        if rows is not None:
            known["row"][len(self._recent["track_id"]) :] = rows
        order = np.argsort(known["track_id"], kind="stable")
        texts = {name: pa.concat_arrays([self._said[name], said[name]]).take(pa.array(order)) for name in _SAID}
        return {name: column[order] for name, column in known.items()}, texts

    def _note_on_its_way(self, batch: EventBatch, failing: npt.NDArray[np.intp]) -> None:
        """Keeps the exception of each track whose last event is a raise or an unwind. The raises are known by now."""
        if not len(batch) or (not len(failing) and not self._on_its_way):
            return
        held = np.array(list(self._on_its_way), np.int64)
        happening = np.flatnonzero(batch.kind != Kind.DEAD_FRAME)  # they are part of the raise before them
        if not len(happening):
            return
        asked = np.union1d(batch.track_id[failing], held)
        rows = {track: int(happening[row]) for track, row in _last_rows(batch.track_id[happening], asked).items()}
        for track_id in rows.keys() & self._on_its_way.keys():
            del self._on_its_way[track_id]
        last = np.array(sorted(rows.values()), np.intp)
        last = last[_FAILS[batch.kind[last]]]
        is_raise = batch.kind[last] == Kind.RAISE
        ids = batch.first_event_id + last.astype(np.int64)
        unwinds = last[~is_raise]
        if len(unwinds):
            self._catch_up()
            places = _places({**self._recent, "row": np.full(len(self._recent["track_id"]), -1)}, batch, unwinds)
            ids[~is_raise] = np.append(self._recent["exception_id"], 0)[places]
        for row, exception_id in zip(last.tolist(), ids.tolist(), strict=True):  # one a track
            if exception_id:
                self._on_its_way[int(batch.track_id[row])] = exception_id

    def at(self, time_ns: Ns) -> dict[int, Raised]:
        """What is on its way, by track id."""
        require_not_before(time_ns, self.last_ns)
        return dict(self.on_its_way)


def _raises_of(batches: Sequence[EventBatch], raises: Sequence[npt.NDArray[np.intp]], calls: Int64) -> _Raises:
    """Those rows of the batches as raises, each seen in one call so far."""
    tracks = [batch.track_id[rows] for batch, rows in zip(batches, raises, strict=True)]
    ids = [batch.first_event_id + rows for batch, rows in zip(batches, raises, strict=True)]
    return {
        "track_id": np.concatenate(tracks).astype(np.int64),
        "exception_id": np.concatenate(ids).astype(np.int64),
        "call_id": calls,
        "frames": np.ones(len(calls), np.int64),
        "time_ns": np.concatenate([batch.time_ns[rows] for batch, rows in zip(batches, raises, strict=True)]),
        "told": np.zeros(len(calls), np.int64),
    }


def _said_in(batches: Sequence[EventBatch], raises: Sequence[npt.NDArray[np.intp]]) -> _Texts:
    """What the exceptions of those rows are and say."""
    pairs = list(zip(batches, raises, strict=True))
    types = [_texts_of(batch.values, batch.value_rows, rows) for batch, rows in pairs]
    messages = [_texts_of(batch.messages, batch.message_rows, rows) for batch, rows in pairs]
    return {"type": pa.concat_arrays(types), "message": pa.concat_arrays(messages)}


def _last_rows(tracks: Int32, asked: Int64) -> dict[int, int]:
    """The last row of each of those tracks that has any. Ids that are none's are left out."""
    asked = asked[(asked > 0) & (asked <= MAX_TRACKS)]
    if len(asked) <= _FEW:
        found = {track: _last_true(tracks == track) for track in asked.tolist()}
    else:
        places = np.where((tracks < 0) | (tracks > MAX_TRACKS), 0, tracks)
        last = np.full(max(int(places.max()), int(asked.max())) + 1, -1, np.int64)
        last[places] = np.arange(len(tracks))
        found = dict(zip(asked.tolist(), last[asked].tolist(), strict=True))
    return {track: row for track, row in found.items() if row >= 0}


def _last_true(mask: npt.NDArray[np.bool_]) -> int:
    back = int(mask[::-1].argmax())
    return len(mask) - 1 - back if mask[len(mask) - 1 - back] else -1


def _frames(batch: EventBatch, failing: _Failing, known: dict[str, Int64], places: Int64) -> dict[str, Any]:
    """Rows of `exception_frames`; counts in `known` how many calls each exception was in.

    Leaving the call that it was raised in adds no row.
    """
    raises, unwinds, calls = failing
    found = places >= 0
    at, rows = places[found], unwinds[found]
    elsewhere = (calls[rows] == 0) | (calls[rows] != known["call_id"][at])
    at, rows = at[elsewhere], rows[elsewhere]
    depths = known["frames"][at] + _ranks(at)
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


def _local_rows(batch: EventBatch, dead: npt.NDArray[np.intp], known: dict[str, Int64]) -> dict[str, Any]:
    """Rows of `exception_frames` for the local variables of frames; counts in `known` how many each exception has.

    Frames are of the instant of their raise, which stands just before them: those whose raise is lost are left out.
    """
    places = _back_from(known, batch, dead, np.ones(len(dead), np.int64))
    is_of_it = (places >= 0) & (np.append(known["time_ns"], -1)[places] == batch.time_ns[dead])
    dead, places = dead[is_of_it], places[is_of_it]
    depths = known["told"][places] + _ranks(places)
    np.add.at(known["told"], places, 1)
    frames, names, values = local_variables(_texts_of(batch.values, batch.value_rows, dead))
    rows, places, depths = dead[frames], places[frames], depths[frames]
    is_passed = batch.flags[rows] & DeadFrameFlag.PASSED != 0
    roles = np.where(is_passed, np.int8(_LOCAL), np.int8(_OUTER))
    return {
        "exception_id": known["exception_id"][places],
        "depth": depths.astype(np.int32),
        "call_id": np.where(depths == 0, known["call_id"][places], 0),
        "site_id": batch.site_id[rows],
        "role": pa.DictionaryArray.from_arrays(pa.array(roles), ROLES),
        "line": batch.ref[rows],
        "name": names,
        "value": values,
    }


def _joined(told: dict[str, Any], local: dict[str, Any]) -> dict[str, Any]:
    """Rows of frames that were left, and of local variables."""
    count = len(told["exception_id"])
    rest = {
        "line": np.zeros(count, np.int64),
        "name": pa.nulls(count, pa.string()),
        "value": pa.nulls(count, pa.string()),
    }
    both = {name: (column, local[name]) for name, column in (told | rest).items()}
    return {
        name: pa.concat_arrays(parts) if isinstance(parts[0], pa.Array) else np.concatenate(parts)
        for name, parts in both.items()
    }


def _ranks(places: Int64) -> Int64:
    """How often each number stands before it."""
    order = np.argsort(places, kind="stable")
    ranks = np.empty(len(places), np.int64)
    ranks[order] = np.arange(len(places)) - np.searchsorted(places[order], places[order])
    return ranks


def _places(known: dict[str, Int64], batch: EventBatch, unwinds: npt.NDArray[np.intp]) -> Int64:
    """Where each unwind's exception is among those known, -1 for none."""
    return _back_from(known, batch, unwinds, batch.ref[unwinds])


def _back_from(known: dict[str, Int64], batch: EventBatch, rows: npt.NDArray[np.intp], back: Int64) -> Int64:
    """Where the raises so far back from those rows on their tracks are among those known, -1 for none."""
    width = len(batch) + 1
    keys = known["track_id"] * width + known["row"] + 1
    asked = batch.track_id[rows].astype(np.int64)
    places = np.searchsorted(keys, asked * width + rows + 1) - back
    inside = (back > 0) & (back <= MOST_BACK) & (places >= 0)
    places = np.where(inside, places, 0)
    if len(keys):
        inside &= known["track_id"][places] == asked
    return np.where(inside & (len(keys) > 0), places, -1)


def _left_by(
    calls: Mapping[str, Any], batch: EventBatch, unwinds: npt.NDArray[np.intp], known: _Raises, places: Int64
) -> Int64:
    """The exception that left each of the calls that ended in the batch, 0 = none, or not known.

    An unwind also ends, as raised, calls above its own whose end was lost: what left those is not known.
    """
    found = places >= 0
    exception_of = np.zeros(len(batch), np.int64)
    exception_of[unwinds[found]] = known["exception_id"][places[found]]
    rows = np.maximum(calls["end_event_id"] - batch.first_event_id, 0)
    is_own = (calls["outcome"] == RAISED) & (batch.site_id[rows] == calls["site_id"])
    return np.where(is_own, exception_of[rows], 0)


def _latest(known: _Raises, texts: _Texts) -> tuple[_Raises, _Texts]:
    """Of raises by track, the last MOST_BACK of each."""
    tracks = known["track_id"]
    late = np.searchsorted(tracks, tracks, side="right") - np.arange(len(tracks)) <= MOST_BACK
    if late.all():
        return {name: known[name] for name in _RECENT}, texts
    return (
        {name: known[name][late] for name in _RECENT},
        {name: column.take(pa.array(np.flatnonzero(late))) for name, column in texts.items()},
    )


def _texts_of(texts: TextColumn, text_rows: Int64, rows: npt.NDArray[np.intp]) -> pa.Array:
    """The texts of those rows of a batch, null where there is none."""
    if not len(text_rows) or not len(rows):
        return pa.nulls(len(rows), pa.string())
    places = np.minimum(np.searchsorted(text_rows, rows), len(text_rows) - 1)
    with_one = text_rows[places] == rows
    return sparse_texts(len(rows), np.flatnonzero(with_one), texts.taken(places[with_one]))
