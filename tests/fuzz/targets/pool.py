"""A pool that its target has written anything into: scanned, drained into a journal, and decoded from there.

An input is changes to a small sound pool: u32 place, u8 length, bytes; behind u16 0xffff in the place of a length all
that is left is defs.bin.
"""

from __future__ import annotations

import ctypes
import functools
import struct
import tempfile
from pathlib import Path
from random import Random

from capture.decode.decoder import Decoder
from capture.drain.drain import Drain
from capture.drain.journal import JournalReader, JournalWriter
from capture.drain.pool import ABI, BLOCK_BYTES, HEADER_BYTES, SMALL_BYTES, Pool, ScanEntry, pool_bytes
from capture.errors import FormatError
from capture.events.definitions import DefinitionKind
from capture.events.kinds import Kind
from capture.hostlib import host_library
from capture.own_folder import OwnFolder
from tests.fuzz.mutation import odd_number, some_bytes
from tests.fuzz.paper import mutated_definitions
from tests.fuzz.verdict import Wrong
from tests.synthetic import definition, record, snapshot, state

BLOCKS = 2
TABLE, FIRST = HEADER_BYTES, HEADER_BYTES + 4096
_CHANGE = struct.Struct("<IB")
_DEFINITIONS = b"\xff\xff\xff\xff\xff"
_CHUNK = struct.Struct("<IIQIIQII")
_MOST_PASSES = 8
_HEADER_FIELDS = (0, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 64, 76, 128, 192, 256, 320, 384, 388, 448, 456)
_CHUNKS = (FIRST, FIRST + SMALL_BYTES, FIRST + 2 * SMALL_BYTES, FIRST + BLOCK_BYTES)


@functools.cache
def sound() -> bytes:
    """Two small chunks of one track, track slots, and a large chunk of another track."""
    pool = bytearray(pool_bytes(BLOCKS))
    pool[:8] = bytes(byte ^ 0xFF for byte in (0xAC, 0xBC, 0xB0, 0xAF, 0xBA, 0xAF, 0xB3, 0xFE))
    struct.pack_into("<IIIIII", pool, 8, ABI, HEADER_BYTES, BLOCK_BYTES, BLOCKS, SMALL_BYTES, 16)
    struct.pack_into("<QQII", pool, 32, TABLE, FIRST, 4711, 2)
    struct.pack_into("<QQ", pool, 56, 1000, 5_000_000_000)
    struct.pack_into("<I", pool, 128, 1)
    struct.pack_into("<I", pool, 256, BLOCKS)
    struct.pack_into("<Q", pool, 384, len(_definitions()))
    struct.pack_into("<II", pool, TABLE, 0b111, 0x10001)
    first = [record(2000, 1, Kind.THREAD_BEGIN), snapshot(2000, [(1, 3)]), record(2100, 2, Kind.CALL)]
    second = [state(2200, 1, "seven"), record(2300, 2, Kind.RETURN)]
    _chunk(pool, _CHUNKS[0], (2, 1, 0), first)
    _chunk(pool, _CHUNKS[1], (1, 1, 3), second)
    _chunk(pool, _CHUNKS[2], (3, 0, 0), [struct.pack("<IIQ", 1, 1, 0), struct.pack("<IIQ", 2, 1, 7)])
    _chunk(pool, _CHUNKS[3], (1, 2, 0), [record(2000 + at, 1 + at % 2, Kind.CALL + 3 * (at % 2)) for at in range(40)])
    return bytes(pool)


def _chunk(pool: bytearray, at: int, head: tuple[int, int, int], events: list[bytes]) -> None:
    kind, track, seq = head
    data = b"".join(events)
    _CHUNK.pack_into(pool, at, kind, track, seq, len(data) // 16, 2, 0, 0, 252)
    pool[at + 64 : at + 64 + len(data)] = data


@functools.cache
def _definitions() -> bytes:
    return b"".join(
        definition(DefinitionKind.SITE, n, f"f{n}", "m", "m.py", "1", f"f{n}") for n in range(1, 4)
    ) + definition(DefinitionKind.STATE_KEY, 1, "orders", "stock", "global")


def seeds() -> dict[str, bytes]:
    return {
        "sound": _DEFINITIONS + _definitions(),
        "a word of the table": _CHANGE.pack(TABLE, 4) + b"\7\0\0\0" + _DEFINITIONS + _definitions(),
    }


def mutated(data: bytes, dice: Random) -> bytes:
    changes, definitions = _taken_apart(data)
    if dice.random() < 0.1:
        return some_bytes(data, dice)
    if dice.random() < 0.15:
        definitions = mutated_definitions(definitions, dice)
    for _ in range(dice.choice((1, 1, 2, 4))):
        if changes and dice.random() < 0.3:
            changes.pop(dice.randrange(len(changes)))
        else:
            changes.append(_change(dice))
    return b"".join(_CHANGE.pack(at, len(what)) + what for at, what in changes[-40:]) + _DEFINITIONS + definitions


def _change(dice: Random) -> tuple[int, bytes]:
    choice = dice.randrange(5)
    if choice == 0:
        at, size = dice.choice(_HEADER_FIELDS), dice.choice((4, 8))
    elif choice == 1:
        at, size = TABLE + 4 * dice.randrange(BLOCKS), 4
    elif choice == 2:
        at, size = dice.choice(_CHUNKS) + dice.choice((0, 4, 8, 16, 20, 24, 32, 36)), 4
    elif choice == 3:
        at, size = (
            dice.choice(_CHUNKS) + 64 + 16 * dice.randrange(12) + dice.choice((0, 8, 12, 14)),
            dice.choice((1, 2, 4)),
        )
    else:
        at, size = dice.randrange(len(sound())), dice.choice((1, 2, 4, 8))
    old = int.from_bytes(sound()[at : at + size], "little")
    return at, odd_number(dice, old, 8 * size).to_bytes(size, "little")


def _taken_apart(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    changes: list[tuple[int, bytes]] = []
    at = 0
    while at + _CHANGE.size <= len(data):
        place, length = _CHANGE.unpack_from(data, at)
        at += _CHANGE.size
        if data[at - _CHANGE.size : at] == _DEFINITIONS:
            return changes, data[at:]
        changes.append((place, data[at : at + length]))
        at += length
    return changes, b""


def read(data: bytes) -> None:
    pool, (changes, definitions) = bytearray(sound()), _taken_apart(data)
    for at, what in changes:
        if at + len(what) <= len(pool):
            pool[at : at + len(what)] = what
    _scan_alone(pool)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        with OwnFolder.open_pools(folder / "pools", make=True) as root:
            root.inside("1")
        (folder / "pools/1/pool.bin").write_bytes(pool)
        (folder / "pools/1/defs.bin").write_bytes(definitions)
        _drained(folder)
        _decoded(folder / "journal")


def _scan_alone(pool: bytearray) -> None:
    """The same functions on memory of exactly that size, at whose end a sanitizer watches."""
    library, size = host_library(), ctypes.c_uint64(len(pool))
    memory, entries = ctypes.create_string_buffer(bytes(pool), len(pool)), (ScanEntry * 64)()
    found = library.scope_pool_scan(memory, size, entries, ctypes.c_int32(64))
    for entry in entries[: max(0, found)]:
        start = entry.place + 64
        if start + 16 * entry.committed > len(pool) or entry.drained > entry.committed:
            raise Wrong("a scan tells of records outside of the pool")
        library.scope_pool_advance(memory, size, ctypes.byref(entry))
    library.scope_pool_drops(memory, size, (ctypes.c_uint64 * 512)(), ctypes.c_int32(256))


def _drained(folder: Path) -> None:
    journal = JournalWriter(folder / "journal")
    pool = Pool(folder / "pools" / "1")
    try:
        drain = Drain(pool, journal, 1)
        moved = drain.drain_rest()
        if moved > 3 * pool.size:
            raise Wrong("more is drained than a pool can hold")
        drain.journal_counters()
        pool.drop_when_full()
        repr((pool.stopped, pool.memory_bytes, pool.table_bytes, pool.cost_counts, pool.pid))
    finally:
        pool.close()
        journal.close()


def _decoded(journal: Path) -> None:
    reader, decoder, recorded = JournalReader(journal), Decoder(), 0
    try:
        while some := reader.read():
            for block in some:
                try:
                    decoder.feed(block)
                except FormatError as error:
                    decoder.note_loss("records-refused", error.message, at=block.block_no)
        if reader.problems:
            raise Wrong("a journal of ours is damaged")
    finally:
        reader.close()
    batch = decoder.take(until=True)
    recorded = 0 if batch is None else len(batch)
    totals = decoder.totals()
    if totals.recorded != recorded or totals.produced != totals.recorded + totals.dropped + totals.lost:
        raise Wrong("the books of a pool do not come out even")
