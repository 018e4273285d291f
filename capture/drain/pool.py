"""A target's shared-memory pool and definitions, as the recorder reads them.

Source: capture/native/scope_pool.h draws the layout.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from capture.clock import monotonic_ns, ticks_now
from capture.drain.blocks import MAX_PAYLOAD_BYTES
from capture.drain.pool_folders import open_pool
from capture.errors import PoolProblem, SessionProblem
from capture.events.definitions import DEFINITION_HEADER, DEFINITION_MAGIC, MAX_DEFINITION_BYTES
from capture.hostlib import host_library

ABI, OLD_ABI = 5, 2
MAGIC = b"SCOPEPL\x01"
HEADER_BYTES = 4096
BLOCK_BYTES = 65536
SMALL_BYTES = 4096
CHUNK_HEADER_BYTES = 64
RECORD_BYTES = 16
FIRST_ENTRIES = 1024
STATE_STOPPED = 2
MOST_TRACKS = 65_536  # in one fact: each takes up to 34 bytes, and a block holds 4 MiB
MOST_POOL_BYTES = 5 << 30  # flags.MAX_CHUNKS blocks and their tables
MOST_DEFINITION_BYTES = 64 << 20
"""What the recorder maps for them (MOST_BYTES of native/recorder/defs.c): a target cannot make us read more at once."""


def pool_bytes(blocks: int) -> int:
    """The size of a pool's file. Source: `scope_pool_create` of native/recorder/pool.c."""
    return HEADER_BYTES + (4 * blocks + 4095) // 4096 * 4096 + blocks * BLOCK_BYTES


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
        ("place", ctypes.c_uint64),
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

    def facts(self, process_serial: int) -> Iterator[dict[str, object]]:
        """These counters as the journal's facts "counters", of which each fits into a block.

        >>> [fact["part"] for fact in TrackCounters(dict.fromkeys(range(70_000), 0), 0, 0).facts(1)]
        [0, 1]
        """
        tracks = list(self.dropped_by_serial.items())
        for part, start in enumerate(range(0, max(1, len(tracks)), MOST_TRACKS)):
            yield {
                "fact": "counters",
                "process_serial": process_serial,
                "part": part,
                "more": start + MOST_TRACKS < len(tracks),
                "tracks": {str(serial): dropped for serial, dropped in tracks[start : start + MOST_TRACKS]},
                "dropped_unattributed": self.dropped_unattributed,
                "ended_dropped": self.ended_dropped,
            }


class Cost(IntEnum):
    """What the hooks were called for that no event stands for, and what else the price of a recording depends on.

    Source: `enum scope_cost` of native/scope_pool.h, which says of each what it is.
    """

    LEFT_OUT_CALL = 0
    LEFT_OUT_HOOK = 1
    LEFT_OUT_RAISE = 2
    RAISE = 3
    FIRST_SIGHT = 4
    SLOWED_NOW = 5
    YARD_NS = 6
    YARDS = 7
    RESUME = 8
    SAMPLED_TICKS = 9
    SAMPLES = 10
    USUAL_TICKS = 11
    USUAL_SAMPLES = 12
    LONG_TICKS = 13
    LONG_SAMPLES = 14


class Pool:
    """The mapping of one pool folder: scan for new records, read them, give chunks back."""

    def __init__(self, folder: Path, *, private: bool = False, most_bytes: int = MOST_POOL_BYTES) -> None:
        """`private`: what is marked as drained is marked for us alone, so the same can be drained again.

        `most_bytes`: what the target was told to use at most.

        Raises: PoolProblem when it is not there, not a file of this session alone, or bigger than any pool.
        """
        self.folder = folder
        try:
            self._own = open_pool(folder)
        except (OSError, SessionProblem) as error:
            raise PoolProblem(f"The recorder's memory {folder} cannot be mapped: {error}") from error
        try:
            fd = self._own.open_file("pool.bin", os.O_RDWR)
            try:
                info = os.fstat(fd)
                size, self.inode, self.changed_s = info.st_size, info.st_ino, info.st_mtime
                if not HEADER_BYTES <= size <= min(most_bytes, MOST_POOL_BYTES):
                    raise ValueError(f"it has {size} bytes")
                self._map = mmap.mmap(fd, size, access=mmap.ACCESS_COPY if private else mmap.ACCESS_WRITE)
            finally:
                os.close(fd)
        except (OSError, ValueError, SessionProblem) as error:
            self._own.close()
            raise PoolProblem(f"The recorder's memory {folder / 'pool.bin'} cannot be mapped: {error}.") from error
        self._bytes = memoryview(self._map)
        self._base = (ctypes.c_ubyte * len(self._map)).from_buffer(self._map)
        self._library = host_library()
        if self._library.scope_pool_guard(self._base, ctypes.c_uint64(len(self._map))):
            self._close()
            raise PoolProblem(f"The recorder's memory {folder / 'pool.bin'} is one of too many.")
        self._entries = (ScanEntry * FIRST_ENTRIES)()
        self._definitions_read = 0
        self._is_private = private
        self.has_lost_names = False

    def _u32(self, offset: int) -> int:
        return int.from_bytes(self._bytes[offset : offset + 4], "little")

    def _u64(self, offset: int) -> int:
        return int.from_bytes(self._bytes[offset : offset + 8], "little")

    @property
    def is_old(self) -> bool:
        """Whether its records are those of ABI 2."""
        return self._u32(8) == OLD_ABI

    @property
    def foreign(self) -> str:
        """A sentence where it is a pool of a later version, else ''; any other number is damage."""
        abi = self._u32(8)
        if bytes(self._bytes[:8]) != MAGIC or not ABI < abi <= ABI + 16:
            return ""
        return (
            f"The recorder's memory {self.folder} is of a later version of Scope (layout {abi}; known here is {ABI})."
        )

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
    def tick_s(self) -> float:
        """Seconds of one of its ticks, as of the time since it was made; 0 at once."""
        ticks = ticks_now(self.clock_kind) - self.start_ticks
        return (monotonic_ns() - self.start_mono_ns) / ticks / 1e9 if ticks > 0 else 0.0

    @property
    def pid(self) -> int:
        return self._u32(48)

    @property
    def size(self) -> int:
        """Bytes of its file, all that it can ever hold at once."""
        return len(self._map)

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
            raise PoolProblem(
                self.foreign
                or "The recorder's shared memory in the target is damaged; what was drained so far is kept."
            )
        return found

    def records(self, entry: ScanEntry) -> bytes:
        """The entry's new record slots: a copy, for the target can write into its own at any time."""
        start = entry.place + CHUNK_HEADER_BYTES
        return bytes(self._bytes[start + entry.drained * RECORD_BYTES : start + entry.committed * RECORD_BYTES])

    def advance(self, entry: ScanEntry) -> None:
        """Says that the entry's records are in the journal; a closed chunk becomes free."""
        self._library.scope_pool_advance(self._base, ctypes.c_uint64(len(self._map)), ctypes.byref(entry))

    def new_definitions(self) -> bytes:
        """Whole definitions appended since the last call. Raises: PoolProblem, also when these are no definitions."""
        count = min(self._u64(384), MOST_DEFINITION_BYTES) - self._definitions_read
        if count <= 0:
            return b""
        try:
            fd = self._own.open_file("defs.bin", os.O_RDONLY)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise PoolProblem(f"{self.folder / 'defs.bin'} cannot be read: {error.strerror}.") from error
        except SessionProblem as error:
            raise PoolProblem(error.message) from error
        try:
            data = os.pread(fd, count, self._definitions_read)
        finally:
            os.close(fd)
        whole = sum(_definition_lengths(data))
        if not whole and self._is_private:  # there is nothing more to come, but records to save
            self._definitions_read = MOST_DEFINITION_BYTES
            self.has_lost_names = True
        elif not whole:  # only whole ones are told of
            raise PoolProblem(f"{self.folder / 'defs.bin'} is damaged; what was drained so far is kept.")
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
        """All of them, by `Cost`."""
        return tuple(self.cost_count(cost) for cost in Cost)

    def cost_count(self, cost: Cost) -> int:
        """One of them."""
        return self._u64(456 + 8 * cost)

    def close(self) -> None:
        """Lets go of the memory. Harmless for the target."""
        self._library.scope_pool_unguard(self._base)
        self._close()

    def _close(self) -> None:
        del self._base
        self._own.close()
        # After a failed append the exception's traceback still holds a view; the mapping goes with it.
        with contextlib.suppress(BufferError):
            self._bytes.release()
            self._map.close()


def whole_pieces(data: bytes) -> Iterator[memoryview]:
    """The same definitions in pieces that each fit into a block of a journal: a program may have 60 000 functions."""
    view, start, end = memoryview(data), 0, 0
    for length in _definition_lengths(data):
        if end + length - start > MAX_PAYLOAD_BYTES:
            yield view[start:end]
            start = end
        end += length
    if end > start:
        yield view[start:end]


def _definition_lengths(data: bytes) -> Iterator[int]:
    """Lengths of the whole definitions at the start of the data."""
    at = 0
    while at + DEFINITION_HEADER.size <= len(data):
        magic, _, _, _, payload_bytes, _ = DEFINITION_HEADER.unpack_from(data, at)
        length = DEFINITION_HEADER.size + payload_bytes
        if magic != DEFINITION_MAGIC or payload_bytes > MAX_DEFINITION_BYTES or at + length > len(data):
            return
        yield length
        at += length
