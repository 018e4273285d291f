"""A target's shared-memory pool and definitions, as the recorder reads them.

Source: capture/native/scope_pool.h draws the layout.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from capture.definitions import DEFINITION_HEADER, DEFINITION_MAGIC
from capture.errors import PoolProblem
from capture.hostlib import host_library

BLOCK_BYTES = 65536
SMALL_BYTES = 4096
CHUNK_HEADER_BYTES = 64
RECORD_BYTES = 16
FIRST_ENTRIES = 1024
STATE_STOPPED = 2
POOL_FILES = ("pool.bin", "defs.bin")
SESSION_NOTE = "session"  # beside the pools of one session in shared memory: the path of its folder
MOST_DEFINITION_BYTES = 64 << 20
"""What the recorder maps for them (MOST_BYTES of native/recorder/defs.c): a target cannot make us read more at once."""


class ScanEntry(ctypes.Structure):
    """One chunk with something new; mirrors struct scope_scan_entry."""

    _fields_ = (
        ("index", ctypes.c_uint32),
        ("track_serial", ctypes.c_uint32),
        ("state", ctypes.c_uint32),
        ("generation", ctypes.c_uint32),
        ("committed", ctypes.c_uint32),
        ("drained", ctypes.c_uint32),
        ("drained_events", ctypes.c_uint32),
        ("new_events", ctypes.c_uint32),
        ("seq_start", ctypes.c_uint64),
        ("dropped_before", ctypes.c_uint64),
        ("capacity", ctypes.c_uint32),
        ("pad", ctypes.c_uint32),
    )


class Drops(ctypes.Structure):
    """What one track has dropped so far."""

    _fields_ = (("serial", ctypes.c_uint64), ("dropped", ctypes.c_uint64))


@dataclass(frozen=True, slots=True)
class TrackCounters:
    """Drops of every track whose slot still lives, and of those that have none any more."""

    dropped_by_serial: dict[int, int]
    dropped_unattributed: int
    ended_dropped: int

    @property
    def dropped(self) -> int:
        return sum(self.dropped_by_serial.values()) + self.dropped_unattributed + self.ended_dropped

    def fact(self, process_serial: int) -> dict[str, object]:
        """These counters as the journal's fact "counters"."""
        return {
            "fact": "counters",
            "process_serial": process_serial,
            "tracks": {str(serial): dropped for serial, dropped in self.dropped_by_serial.items()},
            "dropped_unattributed": self.dropped_unattributed,
            "ended_dropped": self.ended_dropped,
        }


COSTS = 13


class Pool:
    """The mapping of one pool folder: scan for new records, read them, give chunks back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "pool.bin"
        try:
            with path.open("r+b") as file:
                self._map = mmap.mmap(file.fileno(), 0)
        except (OSError, ValueError) as error:
            raise PoolProblem(f"The recorder's memory {path} cannot be mapped: {error}.") from error
        self._bytes = memoryview(self._map)
        self._base = (ctypes.c_ubyte * len(self._map)).from_buffer(self._map)
        self._library = host_library()
        self._entries = (ScanEntry * FIRST_ENTRIES)()
        self._definitions_read = 0

    def _u32(self, offset: int) -> int:
        return int.from_bytes(self._bytes[offset : offset + 4], "little")

    def _u64(self, offset: int) -> int:
        return int.from_bytes(self._bytes[offset : offset + 8], "little")

    @property
    def clock_kind(self) -> int:
        return self._u32(52)

    @property
    def start_ticks(self) -> int:
        return self._u64(56)

    @property
    def start_mono_ns(self) -> int:
        return self._u64(64)

    @property
    def pid(self) -> int:
        return self._u32(48)

    @property
    def stopped(self) -> bool:
        """Whether the target has taken its hooks out."""
        return self._u32(128) == STATE_STOPPED

    @property
    def memory_bytes(self) -> int:
        """Shared memory that the pool has claimed so far, charged to the target."""
        return self._u32(256) * BLOCK_BYTES

    def drop_when_full(self) -> None:
        """Tells the target never to wait for us again."""
        self._bytes[76:80] = bytes(4)

    def scan(self) -> list[ScanEntry]:
        """Chunks with records the journal does not have, by track and sequence.

        Raises: PoolProblem when the target has overwritten its pool.
        """
        while (found := self._call("scope_pool_scan", self._entries)) == len(self._entries):
            self._entries = (ScanEntry * (2 * found))()  # a pass that leaves chunks out would break the order
        entries = list(self._entries[:found])
        entries.sort(key=lambda e: (e.track_serial, e.seq_start))
        return entries

    def _call(self, name: str, entries: ctypes.Array[Any]) -> int:
        """How many entries a function of the host library fills in.

        Raises: PoolProblem when the target has overwritten its pool.
        """
        function = getattr(self._library, name)
        found = int(function(self._base, ctypes.c_uint64(len(self._map)), entries, ctypes.c_int32(len(entries))))
        if found < 0:
            raise PoolProblem("The recorder's shared memory in the target is damaged; what was drained so far is kept.")
        return found

    def records(self, entry: ScanEntry) -> memoryview:
        """The entry's new record slots."""
        start = self._u64(40) + entry.index * SMALL_BYTES + CHUNK_HEADER_BYTES
        return self._bytes[start + entry.drained * RECORD_BYTES : start + entry.committed * RECORD_BYTES]

    def advance(self, entry: ScanEntry) -> None:
        """Says that the entry's records are in the journal; a closed chunk becomes free."""
        self._library.scope_pool_advance(self._base, ctypes.c_uint64(len(self._map)), ctypes.byref(entry))

    def new_definitions(self) -> bytes:
        """Whole definitions appended since the last call; of very many, some."""
        count = min(self._u64(384) - self._definitions_read, MOST_DEFINITION_BYTES)
        if count <= 0:
            return b""
        try:
            with (self.folder / "defs.bin").open("rb") as file:
                file.seek(self._definitions_read)
                data = file.read(count)
        except FileNotFoundError:
            return b""
        whole = sum(_definition_lengths(data))
        self._definitions_read += whole
        return data[:whole]

    def counters(self) -> TrackCounters:
        """Drops per track, as the target counted them."""
        drops = (Drops * FIRST_ENTRIES)()
        while (found := self._call("scope_pool_drops", drops)) == len(drops):
            drops = (Drops * (2 * found))()
        by_serial = {entry.serial: entry.dropped for entry in drops[:found]}
        return TrackCounters(by_serial, self._u64(192), self._u64(320))

    @property
    def table_bytes(self) -> int:
        """What the recorder's tables take of the target's memory, besides the pool."""
        return self._u64(448)

    @property
    def cost_counts(self) -> tuple[int, ...]:
        """How often the hooks were called for what no event stands for, by `enum scope_cost` of scope_pool.h."""
        return tuple(self.cost_count(cost) for cost in range(COSTS))

    def cost_count(self, cost: int) -> int:
        """One of them."""
        return self._u64(456 + 8 * cost)

    def close(self) -> None:
        del self._base
        # After a failed append the exception's traceback still holds a view; the mapping goes with it.
        with contextlib.suppress(BufferError):
            self._bytes.release()
            self._map.close()


def _definition_lengths(data: bytes) -> Iterator[int]:
    """Lengths of the whole definitions at the start of the data."""
    at = 0
    while at + DEFINITION_HEADER.size <= len(data):
        magic, _, _, _, payload_bytes, _ = DEFINITION_HEADER.unpack_from(data, at)
        length = DEFINITION_HEADER.size + payload_bytes
        if magic != DEFINITION_MAGIC or at + length > len(data):
            return
        yield length
        at += length


def remove_pool_folder(folder: Path) -> None:
    """Deletes one pool folder and, when it was the last, its parent."""
    for name in POOL_FILES:
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        if folder.exists():
            folder.rmdir()
        if [path.name for path in folder.parent.iterdir()] == [SESSION_NOTE]:
            (folder.parent / SESSION_NOTE).unlink()
        folder.parent.rmdir()


def pool_folders(root: Path) -> list[tuple[int, Path]]:
    """(process serial, folder) of each pool under a root, by serial."""
    found = [(int(path.name), path) for path in root.iterdir() if path.name.isdecimal()]
    return sorted(pair for pair in found if (pair[1] / "pool.bin").is_file())
