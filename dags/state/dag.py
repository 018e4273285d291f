"""The state DAG: version chains. Nodes are version ids; a cell is one key of one object.

Every write makes a version; a version's only cause among versions is the one it replaces. The call that wrote it is
the innermost open call of its track at that moment, which the code DAG knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.errors import FormatError, ScopeBug
from capture.events.batch import EventBatch, Int32, Int64
from capture.events.definitions import StateKeyRow
from capture.events.kinds import Kind, StateFlag
from capture.events.text_column import TextColumn
from capture.session.eventtable import sparse_texts
from capture.session.stored_states import writers
from capture.session.tables import OLD_ROWS_BACK
from dags.base import Context, Dag, Edge, KeptId, KeptNs, NodeId, Ns, Rows, decoded, require_not_before
from dags.columns import from_bytes, grown, to_bytes
from dags.kernels import Cells, before_in_batch

UNSURE = StateFlag.SAMPLED | StateFlag.MUTABLE
"""Of a value: the program may hold another one by now, or have held others since."""
MAX_KEY_ID = 1 << 22  # more than any recording names; a hostile session's must not make a table of gigabytes


class Version(msgspec.Struct, frozen=True, array_like=True):
    """One value of a cell, in force from `since_ns`; value None: deleted."""

    version_id: KeptId
    object_id: int
    key_id: int
    value: str | None
    since_ns: KeptNs
    event_id: KeptId
    writer_track_id: int
    writer_call_id: KeptId
    flags: int
    previous_id: KeptId  # the version it replaced, 0 = none
    changes: KeptId = 1  # how many it stands for


class CellsKeyframe(msgspec.Struct, frozen=True):
    """All cells, by their present versions: as columns, int64 bytes of what `_PRESENT` names beside the values.

    Keyframes of before had a `Version` for each; of ten thousand cells that took longer than all else in a segment.
    """

    last_ns: KeptNs
    next_version_id: KeptId
    versions: list[Version] = []
    numbers: dict[str, bytes] = {}
    values: list[str | None] = []


class StateDag(Dag):
    """Holds the present version of every cell, in columns by cell: values come in millions."""

    def __init__(self) -> None:
        self.cells = Cells()
        self.next_version_id = 1
        self.last_ns = 0
        self._present: dict[str, npt.NDArray[Any]] = {name: np.zeros(0, np.int64) for name in _PRESENT}
        self._values = pa.array([], pa.large_string())  # null = deleted
        self._made: dict[int, Version] = {}  # by cell, as far as anybody asked; copies share them

    @classmethod
    def restored(cls, data: bytes) -> StateDag:
        """Raises: FormatError."""
        kept = decoded(data, CellsKeyframe)
        self = cls()
        self.last_ns, self.next_version_id = kept.last_ns, kept.next_version_id
        try:
            self._present = {name: _kept_numbers(kept, name) for name in _PRESENT}
        except OverflowError as error:
            raise FormatError("the states of a keyframe claim impossible numbers") from error
        values = [version.value for version in kept.versions] if kept.versions else kept.values
        if any(len(column) != len(values) for column in self._present.values()):
            raise FormatError("the states of a keyframe contradict themselves")
        self._values = pa.array(values, pa.large_string())
        ids = self._present["version_id"]
        self.cells = Cells.restored(self._present["object_id"], self._present["key_id"], ids)
        if len(self.cells) != len(ids) or (ids <= 0).any() or (ids >= kept.next_version_id).any():
            raise FormatError("the states of a keyframe contradict themselves")
        return self

    def keyframe(self) -> bytes:
        """The cells."""
        numbers = {name: to_bytes(self._column(name)) for name in _PRESENT}
        kept = CellsKeyframe(self.last_ns, self.next_version_id, numbers=numbers, values=self._values.to_pylist())
        return msgspec.msgpack.encode(kept)

    def copy(self) -> StateDag:
        """One of its own with the same cells."""
        other, count = StateDag(), len(self.cells)
        other.next_version_id, other.last_ns = self.next_version_id, self.last_ns
        other._present = {name: column[:count].copy() for name, column in self._present.items()}
        present = other._present
        other.cells = Cells.restored(present["object_id"], present["key_id"], present["version_id"])
        other._values, other._made = self._values, self._made
        return other

    def taken_back(self, earlier: StateDag, since: EventBatch) -> StateDag:
        """Where no value changed there is nothing to take back."""
        if (since.kind == Kind.STATE).any():
            return earlier.copy()
        self.last_ns = earlier.last_ns
        return self

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events. Without `callers` in the context, the writing calls are unknown.

        Rows of `states` as they are stored (`capture.session.stored_states`), and beside them event_id and
        replaced_event_id; owner and key are '?' for a key that `state_keys` does not have.
        """
        first = self.next_version_id
        rows = np.flatnonzero(batch.kind == Kind.STATE)
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        if not len(rows):
            return {"states": _NO_ROWS}
        at: Any = rows
        if int(rows[-1]) - int(rows[0]) + 1 == len(rows):  # a program that does little else; views are for nothing
            at = slice(int(rows[0]), int(rows[-1]) + 1)
        flags, objects, keys = batch.flags[at], batch.object_id[at], batch.ref[at]
        written_by = writers(batch.track_id[at], flags, objects)
        calls = np.zeros(len(rows), np.int64) if context.callers is None else context.callers.at(Kind.STATE)
        counted = np.ones(len(rows), np.int64) if batch.changes is None else batch.changes[at]
        written: dict[str, npt.NDArray[Any]] = {
            "version_id": np.arange(first, first + len(rows), dtype=np.int64),
            "object_id": objects.astype(np.int64, copy=False),
            "key_id": keys.astype(np.int64, copy=False),
            "since_ns": batch.time_ns[at].astype(np.int64, copy=False),
            "event_id": (batch.first_event_id + rows).astype(np.int64, copy=False),
            "writer_track_id": written_by.astype(np.int32, copy=False),
            "writer_call_id": np.where(written_by, calls, 0).astype(np.int64, copy=False),
            "flags": flags,
            "changes": np.maximum(counted, 1),
        }
        self.next_version_id += len(rows)
        new = _values(batch, rows, (flags & StateFlag.DELETED) != 0)
        old, back, replaced_event_ids = self._replace(written, new)
        names = [written.pop(name) for name in ("key_id", "flags", "object_id")]
        words = _words(names[0], context.state_keys)
        columns = {"object_id": names[2], **words, "old": old, OLD_ROWS_BACK: back, "new": new}
        columns["replaced_event_id"] = replaced_event_ids
        columns |= {"time_ns": written.pop("since_ns"), **written}
        return {"states": {name: columns[name] for name in _COLUMNS}}

    def _replace(self, written: dict[str, npt.NDArray[Any]], new: pa.Array) -> tuple[pa.Array, Int32, Int64]:
        """Makes the last write of each cell its present version.

        (values that were replaced, where no row before holds them; rows back to those that do, else 0; events that
        wrote them, 0 = none)
        """
        rows, known, first = len(new), len(self.cells), int(written["version_id"][0])
        cells, previous_ids = self.cells.write(written["object_id"], written["key_id"], first)
        back, replaced, outside, last = before_in_batch(previous_ids, first, written["event_id"])
        replaced[outside] = self._present["event_id"][cells[outside]]
        old = sparse_texts(rows, outside, TextColumn(self._values.take(pa.array(cells[outside]))))
        count, at = len(self.cells), cells[last]
        for name, column in {**written, "previous_id": previous_ids}.items():
            self._present[name] = grown(self._present[name], count)
            self._present[name][at] = column[last]
        places = np.arange(count)
        places[at] = known + np.arange(len(last))
        self._values = pa.concat_arrays([self._values, new.take(pa.array(last))]).take(pa.array(places))
        return old, back, replaced

    def _versions(self, at: Int64) -> list[Version]:
        """The present versions of those cells, kept for the next time that somebody asks."""
        numbers, ids = at.tolist(), self._present["version_id"][at].tolist()
        made = {cell: version for cell in numbers if (version := self._made.get(cell)) is not None}
        fresh = [
            cell for cell, own in zip(numbers, ids, strict=True) if cell not in made or made[cell].version_id != own
        ]
        if fresh:
            columns = {name: self._present[name][fresh].tolist() for name in _PRESENT}
            columns["value"] = self._values.take(pa.array(fresh)).to_pylist()
            fields = zip(*(columns[name] for name in Version.__struct_fields__), strict=True)
            new = {cell: Version(*row) for cell, row in zip(fresh, fields, strict=True)}
            made |= new
            self._made |= new
        return [made[cell] for cell in numbers]

    def at(self, time_ns: Ns) -> list[Version]:
        """The present versions, deleted cells left out, by cell in the order of their first write."""
        require_not_before(time_ns, self.last_ns)
        if not len(self.cells):
            return []
        return self._versions(np.flatnonzero(self._values.is_valid().to_numpy(zero_copy_only=False)))

    def is_sampled(self) -> bool:
        """Whether one of the present versions stands for others that were left out, or may have changed since."""
        if not len(self.cells):
            return False
        sampled = (self._column("flags") & UNSURE) != 0
        return bool(sampled.any()) and bool((sampled & self._values.is_valid().to_numpy(zero_copy_only=False)).any())

    def causes_of(self, node: NodeId) -> Iterator[Edge]:
        """The version that it replaced."""
        found = np.flatnonzero(self._column("version_id") == node)
        yield from (Edge(cause, node, "overwrites") for cause in self._column("previous_id")[found].tolist() if cause)

    def effects_of(self, node: NodeId) -> Iterator[Edge]:
        """The version that replaced it."""
        found = np.flatnonzero(self._column("previous_id") == node)
        yield from (Edge(node, effect, "overwrites") for effect in self._column("version_id")[found].tolist())

    def check(self) -> None:
        """A version is younger than the one it replaced."""
        versions, previous = self._column("version_id"), self._column("previous_id")
        wrong = (previous < 0) | (previous >= versions) | (versions >= self.next_version_id)
        if wrong.any():
            raise ScopeBug(f"version {int(versions[wrong][0])} out of order")

    def _column(self, name: str) -> Int64:
        return self._present[name][: len(self.cells)]


_PRESENT = tuple(name for name in Version.__struct_fields__ if name != "value")
_COLUMNS = (
    "version_id", "time_ns", "object_id", "owner", "key", "old", OLD_ROWS_BACK, "new", "writer_track_id",
    "writer_call_id", "changes", "event_id", "replaced_event_id",
)  # fmt: skip
_TEXT_COLUMNS = frozenset({"owner", "key", "old", "new"})
_NO_ROWS: dict[str, Any] = {
    name: pa.array([], pa.string())
    if name in _TEXT_COLUMNS
    else np.empty(0, np.int32 if name in {"writer_track_id", OLD_ROWS_BACK} else np.int64)
    for name in _COLUMNS
}


def _kept_numbers(kept: CellsKeyframe, name: str) -> Int64:
    """A column of a keyframe. Raises: OverflowError, FormatError."""
    if kept.versions:
        return np.array([getattr(version, name) for version in kept.versions], np.int64)
    return from_bytes(kept.numbers.get(name, b""), np.int64)


def _values(batch: EventBatch, rows: npt.NDArray[np.intp], deleted: npt.NDArray[np.bool_]) -> pa.Array:
    """The value of each state; null where it was deleted, empty where there is none."""
    texts = batch.values.array
    first = int(np.searchsorted(batch.value_rows, rows[0]))
    run = batch.value_rows[first : first + len(rows)]
    if len(run) == len(rows) and not deleted.any() and (run == rows).all():
        return texts.slice(first, len(rows))
    at = np.searchsorted(batch.value_rows, rows)
    inside = np.minimum(at, max(len(texts) - 1, 0))
    has_text = batch.value_rows[inside] == rows if len(texts) else np.zeros(len(rows), np.bool_)
    held = pa.concat_arrays([texts, pa.array([""], pa.large_string())])
    return held.take(pa.array(np.where(has_text, inside, len(texts)), mask=deleted))


def _words(keys: Int64, state_keys: Sequence[StateKeyRow]) -> dict[str, pa.Array]:
    """Owner and key of each row."""
    known = [row for row in state_keys if 0 <= row.key_id <= MAX_KEY_ID]
    ids = np.array([row.key_id for row in known], np.int64)
    top = int(ids.max(initial=0)) + 1  # ids are dense; this one is nobody's
    places = np.where((keys < 0) | (keys > top), top, keys)
    columns = {}
    for name in ("owner", "key"):
        words = dict.fromkeys(["?", *(getattr(row, name) for row in known)])
        numbers = {word: number for number, word in enumerate(words)}
        number_of = np.zeros(top + 1, np.int32)
        number_of[ids] = [numbers[getattr(row, name)] for row in known]
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(number_of[places]), pa.array(words, pa.string()))
    return columns
