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

from capture.definitions import DEFINITION_HEADER, DEFINITION_MAGIC
from capture.errors import PoolProblem
from capture.hostlib import host_library

CHUNK_BYTES = 65536
CHUNK_HEADER_BYTES = 64
RECORD_BYTES = 16
TRACK_SLOT_BYTES = 64
STATE_STOPPED = 2
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
    )


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
        self._entries = (ScanEntry * max(1, self.chunk_count))()
        self._definitions_read = 0

    def _u32(self, offset: int) -> int:
        return int.from_bytes(self._bytes[offset : offset + 4], "little")

    def _u64(self, offset: int) -> int:
        return int.from_bytes(self._bytes[offset : offset + 8], "little")

    @property
    def chunk_count(self) -> int:
        return min(self._u32(20), len(self._map) // CHUNK_BYTES)

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
        return self._u32(256) * CHUNK_BYTES

    def drop_when_full(self) -> None:
        """Tells the target never to wait for us again."""
        self._bytes[76:80] = bytes(4)

    def scan(self) -> list[ScanEntry]:
        """Chunks with records the journal does not have, by track and sequence.

        Raises: PoolProblem when the target has overwritten its pool.
        """
        found = self._library.scope_pool_scan(
            self._base, ctypes.c_uint64(len(self._map)), self._entries, ctypes.c_int32(len(self._entries))
        )
        if found < 0:
            raise PoolProblem("The recorder's shared memory in the target is damaged; what was drained so far is kept.")
        entries = list(self._entries[:found])
        entries.sort(key=lambda e: (e.track_serial, e.seq_start))
        return entries

    def records(self, entry: ScanEntry) -> memoryview:
        """The entry's new record slots."""
        start = self._u64(40) + entry.index * CHUNK_BYTES + CHUNK_HEADER_BYTES
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
        offset = self._u64(32)
        slots = max(0, min(self._u32(24), (len(self._map) - offset) // TRACK_SLOT_BYTES))
        table = self._bytes[offset : offset + slots * TRACK_SLOT_BYTES]
        serials = table.cast("I")[:: TRACK_SLOT_BYTES // 4].tolist()
        dropped = table.cast("Q")[2 :: TRACK_SLOT_BYTES // 8].tolist()
        by_serial = {serial: count for serial, count in zip(serials, dropped, strict=True) if serial}
        return TrackCounters(by_serial, self._u64(192), self._u64(320))

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
    for name in ("pool.bin", "defs.bin"):
        (folder / name).unlink(missing_ok=True)
    for path in (folder, folder.parent):
        try:
            path.rmdir()
        except OSError:
            return


def pool_folders(root: Path) -> list[tuple[int, Path]]:
    """(process serial, folder) of each pool under a root, by serial."""
    found = [(int(path.name), path) for path in root.iterdir() if path.name.isdecimal()]
    return sorted(pair for pair in found if (pair[1] / "pool.bin").is_file())
