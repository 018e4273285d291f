"""The state DAG: version chains. Nodes are version ids; a cell is one key of one object.

Every write makes a version; a version's only cause among versions is the one it replaces. The call that wrote it is
the innermost open call of its track at that moment, which the code DAG knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from capture.definitions import StateKeyRow
from capture.errors import FormatError, ScopeBug
from capture.events import FLAG_DELETED, FLAG_FIRST_KNOWN, FLAG_SAMPLED, EventBatch, Int64, Kind, UInt8
from dags.base import Delta, Edge, KeptId, KeptNs, NodeId, Ns, decoded, require_not_before


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


class CellsKeyframe(msgspec.Struct, frozen=True):
    """All cells, by their present versions."""

    last_ns: KeptNs
    next_version_id: KeptId
    versions: list[Version]


class StateDag:
    """Holds the present version of every cell."""

    name: ClassVar[str] = "state"

    def __init__(self) -> None:
        self.cells: dict[tuple[int, int], Version] = {}
        self.next_version_id = 1
        self.last_ns = 0

    @classmethod
    def restored(cls, data: bytes) -> StateDag:
        """Raises: FormatError."""
        kept = decoded(data, CellsKeyframe)
        self = cls()
        self.last_ns, self.next_version_id = kept.last_ns, kept.next_version_id
        self.cells = {(version.object_id, version.key_id): version for version in kept.versions}
        if len(self.cells) != len(kept.versions) or any(
            not 0 < version.version_id < kept.next_version_id for version in kept.versions
        ):
            raise FormatError("the states of a keyframe contradict themselves")
        return self

    def keyframe(self) -> bytes:
        """The cells."""
        return msgspec.msgpack.encode(CellsKeyframe(self.last_ns, self.next_version_id, list(self.cells.values())))

    def copy(self) -> StateDag:
        """One of its own with the same cells."""
        other = StateDag()
        other.cells, other.next_version_id, other.last_ns = dict(self.cells), self.next_version_id, self.last_ns
        return other

    def feed(
        self,
        batch: EventBatch,
        writer_call_ids: Int64 | None = None,
        state_keys: Sequence[StateKeyRow] | None = None,
    ) -> Delta:
        """Takes in the next events. `writer_call_ids` has one entry per state event; without it writers are unknown.

        The delta's columns are rows of `states`, and beside them event_id and replaced_event_id; owner and key are
        '?' for a key that `state_keys` does not have.
        """
        first = self.next_version_id
        rows = np.flatnonzero(batch.kind == Kind.STATE)
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        if not len(rows):
            return Delta(first, first, _no_rows())
        flags, objects, keys = batch.flags[rows], batch.object_id[rows], batch.ref[rows]
        # Found by a look at a module, when the recording began or later: whoever wrote it is not known.
        was_found = ((flags & FLAG_SAMPLED) != 0) | (((flags & FLAG_FIRST_KNOWN) != 0) & (objects == 0))
        calls = np.zeros(len(rows), np.int64) if writer_call_ids is None else writer_call_ids
        columns: dict[str, Any] = {
            "version_id": np.arange(first, first + len(rows), dtype=np.int64),
            "time_ns": batch.time_ns[rows].astype(np.int64),
            "object_id": objects.astype(np.int64),
            "writer_track_id": np.where(was_found, 0, batch.track_id[rows]).astype(np.int32),
            "writer_call_id": np.where(was_found, 0, calls[: len(rows)]).astype(np.int64),
            "event_id": batch.first_event_id + rows,
        }
        new = _values(batch, rows, flags)
        previous, last = _chains(objects, keys)
        columns |= {"new": new, "key_id": keys, "flags": flags}
        older = self._replace(columns, previous, last)
        columns["old"], columns["replaced_event_id"] = _replaced(previous, new, columns["event_id"], older)
        owners = {row.key_id: (row.owner, row.key) for row in state_keys or ()}
        named, places = np.unique(keys, return_inverse=True)
        for part, name in enumerate(("owner", "key")):
            words = np.array([owners.get(key, ("?", "?"))[part] for key in named.tolist()], object)
            columns[name] = words[places].tolist()
        counted = np.ones(len(rows), np.int64) if batch.changes is None else batch.changes[rows]
        columns["changes"] = np.maximum(counted, 1)
        self.next_version_id += len(rows)
        return Delta(first, self.next_version_id, {name: columns[name] for name in _COLUMNS})

    def _replace(self, columns: dict[str, Any], previous: Int64, last: Int64) -> list[Version | None]:
        """Makes the last write of each cell its present version; what was there before its first, by that row."""
        older: list[Version | None] = [None] * len(previous)
        objects, ids = columns["object_id"].tolist(), columns["key_id"].tolist()
        for row in np.flatnonzero(previous < 0).tolist():
            cell = (objects[row], ids[row])
            older[row] = self.cells.get(cell)
            self.cells.setdefault(cell, _PLACE)  # cells stay in the order of their first write
        for row in last.tolist():
            before = int(previous[row])
            there = older[row]
            replaced = int(columns["version_id"][before]) if before >= 0 else there.version_id if there else 0
            self.cells[objects[row], ids[row]] = Version(
                version_id=int(columns["version_id"][row]),
                object_id=objects[row],
                key_id=ids[row],
                value=columns["new"][row],
                since_ns=int(columns["time_ns"][row]),
                event_id=int(columns["event_id"][row]),
                writer_track_id=int(columns["writer_track_id"][row]),
                writer_call_id=int(columns["writer_call_id"][row]),
                flags=int(columns["flags"][row]),
                previous_id=replaced,
            )
        return older

    def at(self, time_ns: Ns) -> list[Version]:
        """The present versions, deleted cells left out, by cell in the order of their first write."""
        require_not_before(time_ns, self.last_ns)
        return [version for version in self.cells.values() if version.value is not None]

    def causes_of(self, node: NodeId) -> Iterator[Edge]:
        """The version that it replaced."""
        yield from (
            Edge(version.previous_id, node, "overwrites")
            for version in self.cells.values()
            if version.version_id == node and version.previous_id
        )

    def effects_of(self, node: NodeId) -> Iterator[Edge]:
        """The version that replaced it."""
        yield from (
            Edge(node, version.version_id, "overwrites")
            for version in self.cells.values()
            if version.previous_id == node
        )

    def check(self) -> None:
        """A version is younger than the one it replaced."""
        for version in self.cells.values():
            if not 0 <= version.previous_id < version.version_id < self.next_version_id:
                raise ScopeBug(f"version {version.version_id} out of order")


_PLACE = Version(0, 0, 0, None, 0, 0, 0, 0, 0, 0)
_COLUMNS = (
    "version_id", "time_ns", "object_id", "owner", "key", "old", "new", "writer_track_id", "writer_call_id",
    "changes", "event_id", "replaced_event_id",
)  # fmt: skip
_TEXT_COLUMNS = frozenset({"owner", "key", "old", "new"})


def _no_rows() -> dict[str, Any]:
    return {
        name: [] if name in _TEXT_COLUMNS else np.empty(0, np.int32 if name == "writer_track_id" else np.int64)
        for name in _COLUMNS
    }


def _values(batch: EventBatch, rows: npt.NDArray[np.intp], flags: UInt8) -> list[str | None]:
    """The value of each state; None where it was deleted."""
    texts, at = batch.values, np.searchsorted(batch.value_rows, rows)
    inside = np.minimum(at, max(len(texts) - 1, 0))
    has_text = batch.value_rows[inside] == rows if len(texts) else np.zeros(len(rows), np.bool_)
    deleted = (flags & FLAG_DELETED) != 0
    if has_text.all() and not deleted.any():
        return [texts[place] for place in at.tolist()]
    return [
        None if gone else texts[place] if there else ""
        for place, there, gone in zip(at.tolist(), has_text.tolist(), deleted.tolist(), strict=True)
    ]


def _chains(objects: Int64, keys: Int64) -> tuple[Int64, Int64]:
    """(for each write the one before it of the same cell, -1 = none here; the last write of each cell).

    _chains([1, 1, 1], [7, 8, 7]) -> ([-1, -1, 0], [1, 2])
    """
    order = np.lexsort((keys, objects))
    same = (objects[order[1:]] == objects[order[:-1]]) & (keys[order[1:]] == keys[order[:-1]])
    previous = np.full(len(order), -1, np.int64)
    previous[order[1:][same]] = order[:-1][same]
    last = np.sort(order[np.append(~same, True)])
    return previous, last.astype(np.int64)


def _replaced(
    previous: Int64, new: list[str | None], event_ids: Int64, older: list[Version | None]
) -> tuple[list[str | None], Int64]:
    """The values and events that each write replaced; event 0 = none."""
    old = [new[at] if at >= 0 else None for at in previous.tolist()]
    events = np.where(previous >= 0, event_ids[previous], 0)
    for row in np.flatnonzero(previous < 0).tolist():
        version = older[row]
        if version is not None:
            old[row], events[row] = version.value, version.event_id
    return old, events
