"""The recorder's side of the pool, on a pool written here byte by byte as scope_pool.h draws it."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from capture.drain.blocks import BlockType
from capture.drain.drain import Drain
from capture.drain.journal import JournalReader, JournalWriter
from capture.drain.pool import ABI, BLOCK_BYTES, FIRST_ENTRIES, OLD_ABI, SMALL_BYTES, Cost, Pool, pool_bytes
from capture.drain.pool_folders import pool_folders, remove_pool_folder
from capture.errors import PoolProblem
from capture.events.kinds import PAYLOAD_FLAG, Kind
from tests.interpreters import ROOT
from tests.synthetic import old_snapshot, old_state, record, snapshot, state, with_payload

MAGIC = b"SCOPEPL\x01"
TABLE_AT = 4096
BLOCKS_AT = 8192
BLOCKS = 3
LARGE = 1 << 16


def chunk_at(index: int) -> int:
    """Where a chunk lies; the index counts small ones."""
    return BLOCKS_AT + index * SMALL_BYTES


class PaperPool:
    """A pool file and the writer's moves on it."""

    def __init__(self, folder: Path, blocks: int = BLOCKS, abi: int = ABI) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "pool.bin"
        data = bytearray(BLOCKS_AT + blocks * BLOCK_BYTES)
        data[:8] = MAGIC
        struct.pack_into("<IIIIII", data, 8, abi, 4096, BLOCK_BYTES, blocks, SMALL_BYTES, 16)
        struct.pack_into("<QQII", data, 32, TABLE_AT, BLOCKS_AT, 77, 2)
        struct.pack_into("<QQ", data, 56, 1000, 1000)
        struct.pack_into("<I", data, 256, blocks)
        self.path.write_bytes(data)

    def poke(self, offset: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def chunk(
        self,
        index: int,
        track: int,
        seq_start: int,
        records: bytes,
        *,
        state: int = 1,
        dropped: int = 0,
        large: bool = False,
        generation: int = 2,
    ) -> None:
        """A chunk in use. `generation` is odd while it changes hands."""
        at, (block, part) = chunk_at(index), divmod(index, 16)
        self.poke(at + 64, records)
        head = struct.pack("<IIQIIQ", state, track, seq_start, len(records) // 16, generation, dropped)
        self.poke(at, head + struct.pack("<II", 0, 4092 if large else 252))
        word = LARGE | 1 if large else self.word(block) | 1 << part
        self.poke(TABLE_AT + 4 * block, struct.pack("<I", word))

    def word(self, block: int) -> int:
        return self.u32(TABLE_AT + 4 * block)

    def u32(self, offset: int) -> int:
        return int.from_bytes(self.path.read_bytes()[offset : offset + 4], "little")


@pytest.fixture
def paper(tmp_path: Path) -> PaperPool:
    return PaperPool(tmp_path / "pool" / "1")


def drained(paper: PaperPool, folder: Path, passes: int = 1) -> list[tuple[int, int, int, bytes]]:
    """(track, seq_start, dropped, payload) of the record blocks that so many passes journal."""
    pool, journal = Pool(paper.folder), JournalWriter(folder)
    drain = Drain(pool, journal, 1)
    for _ in range(passes):
        drain.drain_once()
    pool.close()
    journal.close()
    reader = JournalReader(folder)
    blocks = [block for block in reader.read() if block.type == BlockType.RECORDS]
    reader.close()
    return [(block.track_serial, block.seq_start, block.dropped, bytes(block.payload)) for block in blocks]


def test_records_are_journaled_once_and_a_closed_chunk_becomes_free(paper: PaperPool, tmp_path: Path) -> None:
    records = record(1, 5, 1) + record(2, 5, 4)
    paper.chunk(0, track=1, seq_start=10, records=records, state=2, dropped=3)
    paper.chunk(5, track=2, seq_start=0, records=records)
    paper.chunk(16, track=3, seq_start=0, records=records * 200, state=2, large=True)
    assert drained(paper, tmp_path / "j", passes=3) == [
        (1, 10, 3, records),
        (2, 0, 0, records),
        (3, 0, 0, records * 200),
    ]
    assert paper.word(0) == 1 << 5
    assert paper.word(1) == 0


def test_a_chunk_that_is_written_to_is_drained_piece_by_piece(paper: PaperPool, tmp_path: Path) -> None:
    first, second = record(1, 5, 1), record(2, 5, 4)
    paper.chunk(0, track=1, seq_start=0, records=first)
    pool, journal = Pool(paper.folder), JournalWriter(tmp_path / "j")
    drain = Drain(pool, journal, 1)
    assert drain.drain_once() == 16
    assert drain.drain_once() == 0
    paper.poke(chunk_at(0) + 64 + 16, second)
    paper.poke(chunk_at(0) + 16, struct.pack("<I", 2))
    assert drain.drain_once() == 16
    pool.close()
    journal.close()
    reader = JournalReader(tmp_path / "j")
    blocks = [block for block in reader.read() if block.type == BlockType.RECORDS]
    reader.close()
    assert [(block.seq_start, bytes(block.payload)) for block in blocks] == [(0, first), (1, second)]
    assert paper.word(0) == 1


def test_sequence_numbers_count_events_and_not_slots(paper: PaperPool, tmp_path: Path) -> None:
    records = snapshot(1, [(1, 10), (2, 20)]) + state(2, 1, "a text of more than one slot") + record(3, 1, 1)
    paper.chunk(0, track=1, seq_start=0, records=records)
    pool = Pool(paper.folder)
    [entry] = pool.scan()
    assert (entry.committed, entry.new_events) == (len(records) // 16, 3)
    pool.close()


def test_chunks_of_a_track_come_in_the_order_they_were_written(paper: PaperPool, tmp_path: Path) -> None:
    paper.chunk(0, track=1, seq_start=1, records=record(2, 5, 4))
    paper.chunk(2, track=1, seq_start=0, records=record(1, 5, 1), state=2)
    paper.chunk(1, track=2, seq_start=0, records=record(1, 6, 1))
    assert [(track, seq) for track, seq, _, _ in drained(paper, tmp_path / "j")] == [(1, 0), (1, 1), (2, 0)]


@pytest.mark.parametrize(
    ("offset", "data"),
    [
        (0, b"\0"),
        (20, struct.pack("<I", 1 << 30)),
        (40, struct.pack("<Q", 1 << 40)),
        (32, struct.pack("<Q", 1 << 40)),
        (32, struct.pack("<Q", TABLE_AT + 1)),
        (256, struct.pack("<I", BLOCKS + 1)),
        (chunk_at(0) + 16, struct.pack("<I", 253)),
        (chunk_at(0) + 32, struct.pack("<I", 2)),
    ],
)
def test_a_pool_that_was_scribbled_over_is_refused(paper: PaperPool, offset: int, data: bytes) -> None:
    paper.chunk(0, track=1, seq_start=0, records=record(1, 5, 1))
    paper.poke(offset, data)
    pool = Pool(paper.folder)
    with pytest.raises(PoolProblem, match="damaged"):
        pool.scan()
    pool.close()


def test_an_event_of_any_kind_is_one_however_long_it_is(paper: PaperPool) -> None:
    long = b"".join(with_payload(n, 1, kind, bytes(n)) for n, kind in enumerate((1, 16, 99, 255)))
    paper.chunk(0, track=1, seq_start=0, records=long)
    pool = Pool(paper.folder)
    [entry] = pool.scan()
    assert (entry.committed, entry.new_events) == (len(long) // 16, 4)
    pool.close()


def payloads_drained(paper: PaperPool, records: bytes, folder: Path, kind: BlockType) -> list[bytes]:
    """What blocks of this type hold once a chunk with these records of three events has been drained."""
    paper.chunk(0, track=1, seq_start=5, records=records)
    pool = Pool(paper.folder)
    [entry] = pool.scan()
    assert (entry.committed, entry.new_events) == (len(records) // 16, 3)
    journal = JournalWriter(folder)
    Drain(pool, journal, 1).drain_once()
    pool.close()
    journal.close()
    return [bytes(block.payload) for block in JournalReader(folder).read() if block.type == kind]


def test_a_pool_of_the_version_before_is_drained_as_such(tmp_path: Path) -> None:
    paper = PaperPool(tmp_path / "pool" / "1", abi=OLD_ABI)
    records = old_snapshot(1, [(1, 10), (2, 20)]) + old_state(2, 1, "a text of more than one slot") + record(3, 1, 1)
    assert payloads_drained(paper, records, tmp_path / "journal", BlockType.OLD_RECORDS) == [records]


def test_a_pool_without_values_is_drained_as_one_with_them(tmp_path: Path) -> None:
    paper = PaperPool(tmp_path / "pool" / "1", abi=3)
    records = snapshot(1, [(1, 10), (2, 20), (3, 30)]) + record(2, 1, Kind.CALL) + record(3, 1, Kind.RETURN)
    assert payloads_drained(paper, records, tmp_path / "journal", BlockType.RECORDS) == [records]


def test_a_pool_of_a_later_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    paper = PaperPool(tmp_path / "pool" / "1", abi=ABI + 1)
    paper.chunk(0, track=1, seq_start=0, records=record(1, 1, Kind.CALL))
    pool = Pool(paper.folder)
    with pytest.raises(PoolProblem, match=rf"of a later version of Scope \(layout {ABI + 1}; known here is {ABI}\)"):
        pool.scan()
    pool.close()


def test_an_event_that_claims_more_than_the_chunk_is_counted_within_it(paper: PaperPool) -> None:
    paper.chunk(0, track=1, seq_start=0, records=record(1, 1, 24, flags=PAYLOAD_FLAG, b=0xFFFF) + record(2, 1, 1))
    pool = Pool(paper.folder)
    [entry] = pool.scan()
    assert 1 <= entry.new_events <= 2
    pool.close()


def test_a_chunk_that_changes_hands_is_looked_at_in_the_next_pass(paper: PaperPool) -> None:
    paper.chunk(0, track=1, seq_start=0, records=record(1, 5, 1), generation=3)
    pool = Pool(paper.folder)
    assert pool.scan() == []
    paper.chunk(0, track=2, seq_start=0, records=record(1, 5, 1), generation=4)
    assert [entry.track_serial for entry in pool.scan()] == [2]
    pool.close()


def test_a_pass_takes_every_chunk_however_many_there_are(tmp_path: Path) -> None:
    blocks = FIRST_ENTRIES // 16 + 10
    paper = PaperPool(tmp_path / "pool" / "1", blocks)
    for index in range(blocks * 16):
        paper.chunk(index, track=index + 1, seq_start=0, records=record(1, 5, 1))
    pool = Pool(paper.folder)
    assert [entry.track_serial for entry in pool.scan()] == list(range(1, blocks * 16 + 1))
    pool.close()


def test_counters_are_those_of_the_target(paper: PaperPool) -> None:
    paper.chunk(3, track=0, seq_start=0, records=b"", state=3)
    paper.poke(chunk_at(3) + 64 + 16, struct.pack("<IIQ", 7, 1, 42))
    paper.poke(192, struct.pack("<Q", 3))
    paper.poke(320, struct.pack("<Q", 5))
    pool = Pool(paper.folder)
    counters = pool.counters()
    pool.close()
    assert counters.dropped_by_serial == {7: 42}
    assert counters.dropped == 50
    [fact] = counters.facts(1)
    assert fact == {
        "fact": "counters",
        "process_serial": 1,
        "part": 0,
        "more": False,
        "tracks": {"7": 42},
        "dropped_unattributed": 3,
        "ended_dropped": 5,
    }


def test_only_whole_definitions_are_read_and_none_twice(paper: PaperPool) -> None:
    def definition(payload: bytes) -> bytes:
        return struct.pack("<HBBIII", 0x5DE5, 1, 0, 1, len(payload), 0) + payload

    first, second = definition(b"f\0m\0file\x001\0f"), definition(b"g\0m\0file\x002\0g")
    file = paper.folder / "defs.bin"
    file.write_bytes((first + second).ljust(4096, b"\0"))
    pool = Pool(paper.folder)
    for counted, new in ((len(first), first), (len(first), b""), (len(first + second), second)):
        paper.poke(384, struct.pack("<Q", counted))
        assert pool.new_definitions() == new
    pool.close()


@pytest.mark.parametrize("size", [0, 1 << 40], ids=["empty", "sparse"])
def test_no_more_definitions_are_read_than_the_target_may_have(paper: PaperPool, size: int) -> None:
    with (paper.folder / "defs.bin").open("wb") as file:
        file.truncate(size)
    paper.poke(384, struct.pack("<Q", 1 << 63))
    pool = Pool(paper.folder)
    with pytest.raises(PoolProblem, match=r"defs\.bin is damaged"):
        pool.new_definitions()
    pool.close()
    recovering = Pool(paper.folder, private=True)
    assert recovering.new_definitions() == b"", "its records can still be had"
    assert recovering.has_lost_names
    recovering.close()


@pytest.mark.parametrize("kept", [0, 100, TABLE_AT, BLOCKS_AT, BLOCKS_AT + BLOCK_BYTES], ids="cut to {}".format)
def test_a_pool_that_is_cut_short_while_it_is_mapped_is_damaged(paper: PaperPool, tmp_path: Path, kept: int) -> None:
    """Reading past the end of its file raised SIGBUS, which ended the recorder."""
    for index in range(0, 48, 16):
        paper.chunk(index, 1 + index, 0, record(1000, 1, 1) * 10)
    pool, journal = Pool(paper.folder), JournalWriter(tmp_path / "j")
    drain = Drain(pool, journal, 1)
    entries = pool.scan()
    with paper.path.open("r+b") as file:
        file.truncate(kept)
    assert [len(pool.records(entry)) for entry in entries] == [160] * 3
    with pytest.raises(PoolProblem, match="damaged"):
        drain.drain_once()
    pool.drop_when_full()
    pool.close()
    journal.close()


@pytest.mark.parametrize("size", [0, 4095, BLOCKS_AT + 4 * BLOCK_BYTES, 1 << 40])
def test_a_pool_of_another_size_than_any_is_not_mapped(paper: PaperPool, size: int) -> None:
    with paper.path.open("r+b") as file:
        file.truncate(size)
    with pytest.raises(PoolProblem, match=f"it has {size} bytes|empty"):
        Pool(paper.folder, most_bytes=pool_bytes(BLOCKS))


def test_a_pool_that_moves_its_parts_while_it_is_read_stays_inside(paper: PaperPool) -> None:
    """What was checked is what is used: a second thread puts the blocks elsewhere, again and again."""
    for index in range(0, 48, 16):
        paper.chunk(index, 1 + index, 0, record(1000, 1, 1) * 10)
    code = "import mmap, sys\nfile = open(sys.argv[1], 'r+b')\nmap = mmap.mmap(file.fileno(), 0)\nprint(flush=True)\n"
    code += f"good, bad = map[40:48], (1 << 46).to_bytes(8, 'little')\nwhile map[{BLOCKS_AT}] != 9:"
    code += " map[40:48] = bad; map[40:48] = good"
    with subprocess.Popen([sys.executable, "-c", code, paper.path], stdout=subprocess.PIPE) as mover:
        assert mover.stdout is not None
        assert mover.stdout.readline() == b"\n"
        pool, damaged, whole = Pool(paper.folder), 0, 0
        for _ in range(20_000):
            try:
                whole += all(len(pool.records(entry)) == 160 for entry in pool.scan())
            except PoolProblem:
                damaged += 1
        pool.close()
        mover.kill()
    assert damaged + whole == 20_000
    assert damaged > 0


def test_a_pool_that_never_ends_is_left(paper: PaperPool, tmp_path: Path) -> None:
    """A program that goes on writing kept `attach` from ever ending."""

    class Endless(Drain):
        def drain_once(self, *, clock_block: bool = False) -> int:
            return BLOCK_BYTES

    pool, journal = Pool(paper.folder), JournalWriter(tmp_path / "j")
    assert 2 * pool.size < Endless(pool, journal, 1).drain_rest() < 3 * pool.size
    pool.close()
    journal.close()


def test_pool_folders_are_found_and_removed(paper: PaperPool) -> None:
    root = paper.folder.parent
    (root / "not-a-serial").mkdir()
    assert pool_folders(root) == [(1, paper.folder)]
    (root / "not-a-serial").rmdir()
    remove_pool_folder(paper.folder)
    assert not root.exists()


def test_a_missing_pool_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PoolProblem, match="cannot be mapped"):
        Pool(tmp_path)


def test_costs_have_the_names_and_places_of_the_header() -> None:
    header = (ROOT / "capture" / "native" / "scope_pool.h").read_text()
    found = re.findall(r"^    SCOPE_COST_(\w+) = (\d+)", header, re.MULTILINE)
    assert {cost.name: cost.value for cost in Cost} == {name: int(place) for name, place in found}
    assert list(Cost) == list(range(len(Cost)))
