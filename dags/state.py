"""The state DAG: version chains. Nodes are version ids; a cell is one key of one object.

Every write makes a version; a version's only cause among versions is the one it replaces. The call that wrote it is
the innermost open call of its track at that moment, which the code DAG knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import msgspec
import numpy as np

from capture.definitions import StateKeyRow
from capture.errors import FormatError, ScopeBug
from capture.events import FLAG_DELETED, FLAG_FIRST_KNOWN, FLAG_SAMPLED, EventBatch, Int64, Kind
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
        replaced_versions: list[Version | None] = []
        added: list[Version] = []
        texts = dict(zip(batch.value_rows.tolist(), batch.values, strict=True)) if len(rows) else {}
        for at, row in enumerate(rows.tolist()):
            cell = (int(batch.object_id[row]), int(batch.ref[row]))
            flags = int(batch.flags[row])
            replaced = self.cells.get(cell)
            # Found by a look at a module, when the recording began or later: whoever wrote it is not known.
            was_found = bool(flags & FLAG_SAMPLED or (flags & FLAG_FIRST_KNOWN and not cell[0]))
            version = Version(
                version_id=self.next_version_id,
                object_id=cell[0],
                key_id=cell[1],
                value=None if flags & FLAG_DELETED else texts.get(row, ""),
                since_ns=int(batch.time_ns[row]),
                event_id=batch.first_event_id + row,
                writer_track_id=0 if was_found else int(batch.track_id[row]),
                writer_call_id=int(writer_call_ids[at]) if writer_call_ids is not None and not was_found else 0,
                flags=flags,
                previous_id=replaced.version_id if replaced else 0,
            )
            self.cells[cell] = version
            self.next_version_id += 1
            added.append(version)
            replaced_versions.append(replaced)
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        return Delta(first, self.next_version_id, _rows(added, replaced_versions, state_keys or ()))

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


def _rows(added: list[Version], old: list[Version | None], state_keys: Sequence[StateKeyRow]) -> dict[str, object]:
    keys = {row.key_id: (row.owner, row.key) for row in state_keys} if added else {}
    names = [keys.get(v.key_id, ("?", "?")) for v in added]
    return {
        "version_id": np.array([v.version_id for v in added], np.int64),
        "time_ns": np.array([v.since_ns for v in added], np.int64),
        "object_id": np.array([v.object_id for v in added], np.int64),
        "owner": [owner for owner, _ in names],
        "key": [key for _, key in names],
        "old": [v.value if v else None for v in old],
        "new": [v.value for v in added],
        "writer_track_id": np.array([v.writer_track_id for v in added], np.int32),
        "writer_call_id": np.array([v.writer_call_id for v in added], np.int64),
        "event_id": np.array([v.event_id for v in added], np.int64),
        "replaced_event_id": np.array([v.event_id if v else 0 for v in old], np.int64),
    }
