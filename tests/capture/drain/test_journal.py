"""The journal keeps what it accepted, stops before what is torn, and reports what is damaged."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from capture.drain.blocks import HEADER_BYTES, block_at, block_bytes, is_torn, pack_header
from capture.drain.journal import (
    Block,
    BlockType,
    JournalPosition,
    JournalReader,
    JournalWriter,
    delete_before,
    journal_files,
)
from capture.errors import SessionProblem, TargetProblem
from capture.events.kinds import Kind
from capture.own_folder import OwnFolder
from capture.session.table_doc import FORMAT_DOCUMENT
from tests.synthetic import record


def payload(number: int, length: int = 100) -> bytes:
    return random.Random(number).randbytes(length)


def write(path: Path, blocks: int, roll_bytes: int = 1 << 20, length: int = 100) -> None:
    writer = JournalWriter(path, roll_bytes)
    for number in range(blocks):
        writer.append(
            BlockType.RECORDS, 1, payload(number, length), track_serial=2, seq_start=number * 6, dropped=number
        )
    writer.close()


def read_all(path: Path, position: JournalPosition | None = None) -> tuple[list[Block], JournalReader]:
    reader = JournalReader(path, position)
    blocks = []
    while some := reader.read(1000):
        blocks += some
    reader.close()
    return blocks, reader


def test_what_is_appended_is_read_back_in_order_across_files(tmp_path: Path) -> None:
    write(tmp_path, 50, roll_bytes=1000)
    blocks, reader = read_all(tmp_path)
    assert [bytes(block.payload) for block in blocks] == [payload(number) for number in range(50)]
    assert [block.block_no for block in blocks] == list(range(1, 51))
    assert (blocks[7].track_serial, blocks[7].seq_start, blocks[7].dropped, blocks[7].type) == (
        2,
        42,
        7,
        BlockType.RECORDS,
    )
    assert len(journal_files(tmp_path)) == 9
    assert reader.problems == []


@pytest.mark.parametrize("length", [0, 1, 7, 8, 65536])
def test_a_payload_of_any_length_comes_back_without_its_padding(tmp_path: Path, length: int) -> None:
    write(tmp_path, 3, length=length)
    blocks, _ = read_all(tmp_path)
    assert [len(block.payload) for block in blocks] == [length] * 3
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) == 3 * block_bytes(length)


def test_a_reader_follows_a_writer_and_continues_from_its_position(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, roll_bytes=500)
    reader = JournalReader(tmp_path)
    seen = []
    for number in range(20):
        assert reader.read() == []
        writer.append(BlockType.FACTS, 0, payload(number))
        seen += [bytes(block.payload) for block in reader.read()]
        later = JournalReader(tmp_path, reader.position)
        assert later.read() == []
        later.close()
    assert seen == [payload(number) for number in range(20)]
    reader.close()
    writer.close()


def test_a_torn_last_block_is_no_damage_and_is_cut_off_when_the_writer_returns(tmp_path: Path) -> None:
    write(tmp_path, 5)
    path = tmp_path / "00000001.jrn"
    whole = path.stat().st_size
    os.truncate(path, whole - 30)
    blocks, reader = read_all(tmp_path)
    assert (len(blocks), reader.problems) == (4, [])
    writer = JournalWriter.reopen(tmp_path)
    assert writer.truncated_bytes == block_bytes(100) - 30
    assert writer.append(BlockType.END, 0, b"") == 5
    writer.close()
    blocks, reader = read_all(tmp_path)
    assert [block.block_no for block in blocks] == [1, 2, 3, 4, 5]
    assert reader.problems == []


def test_a_block_that_was_being_written_when_it_was_read_is_not_skipped_for_the_one_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader saw half a block, then searched the file, which by then held two whole ones, and took the second."""
    writer = JournalWriter(tmp_path)
    writer.append(BlockType.RECORDS, 1, payload(1, 5000))
    real_pread = os.pread
    torn: list[bytes] = []

    def pread(fd: int, length: int, offset: int) -> bytes:
        data = real_pread(fd, length, offset)
        if not torn:
            torn.append(data)
            data = data[:4096]
            writer.append(BlockType.RECORDS, 1, payload(2, 5000))
        return data

    monkeypatch.setattr(os, "pread", pread)
    blocks, reader = read_all(tmp_path)
    writer.close()
    assert [bytes(block.payload) for block in blocks] == [payload(1, 5000), payload(2, 5000)]
    assert reader.problems == []


def test_a_writer_that_returns_to_an_empty_last_file_continues_the_numbers(tmp_path: Path) -> None:
    write(tmp_path, 5)
    (tmp_path / "00000002.jrn").touch()
    writer = JournalWriter.reopen(tmp_path)
    assert writer.append(BlockType.END, 0, b"") == 6
    assert writer.position.file_no == 2
    writer.close()


def test_damage_in_the_middle_costs_its_block_only_and_is_reported(tmp_path: Path) -> None:
    write(tmp_path, 9)
    path = tmp_path / "00000001.jrn"
    data = bytearray(path.read_bytes())
    data[3 * block_bytes(100) + HEADER_BYTES + 5] ^= 1
    path.write_bytes(data)
    blocks, reader = read_all(tmp_path)
    assert [block.block_no for block in blocks] == [1, 2, 3, 5, 6, 7, 8, 9]
    assert sum(problem.lost_blocks for problem in reader.problems) == 1
    assert sum(problem.lost_bytes for problem in reader.problems) == block_bytes(100)


@pytest.mark.parametrize("at", range(0, HEADER_BYTES * 8, 7))
def test_any_flipped_bit_of_a_header_costs_that_block_only(tmp_path: Path, at: int) -> None:
    write(tmp_path, 4)
    path = tmp_path / "00000001.jrn"
    data = bytearray(path.read_bytes())
    data[block_bytes(100) + at // 8] ^= 1 << at % 8
    path.write_bytes(data)
    blocks, reader = read_all(tmp_path)
    assert [block.block_no for block in blocks] == [1, 3, 4]
    assert reader.problems


def test_a_damaged_end_of_a_finished_file_is_reported_and_the_next_file_read(tmp_path: Path) -> None:
    write(tmp_path, 12, roll_bytes=900)
    path = tmp_path / "00000001.jrn"
    os.truncate(path, path.stat().st_size - 1)
    (tmp_path / "00000002.jrn").unlink()
    blocks, reader = read_all(tmp_path)
    numbers = [block.block_no for block in blocks]
    assert numbers[:4] == [1, 2, 3, 4]
    assert numbers[-1] == 12
    assert sum(problem.lost_blocks for problem in reader.problems) == 12 - len(blocks)


def test_files_that_are_sealed_can_be_deleted(tmp_path: Path) -> None:
    write(tmp_path, 30, roll_bytes=900)
    blocks, _ = read_all(tmp_path)
    with OwnFolder.open_journal(tmp_path) as folder:
        delete_before(folder, 3)
    assert min(journal_files(tmp_path)) == 3
    left, reader = read_all(tmp_path, JournalPosition(3, 0))
    assert left == blocks[-len(left) :]
    assert reader.problems == []


def test_a_full_disk_is_one_sentence_and_leaves_whole_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalWriter(tmp_path)
    writer.append(BlockType.RECORDS, 1, payload(1))

    def full(fd: int, parts: tuple[bytes, ...]) -> int:
        os.write(fd, b"".join(parts)[:50])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(TargetProblem, match="disk is full"):
        writer.append(BlockType.RECORDS, 1, payload(2))
    monkeypatch.undo()
    assert writer.append(BlockType.RECORDS, 1, payload(3)) == 2
    writer.close()
    blocks, reader = read_all(tmp_path)
    assert [bytes(block.payload) for block in blocks] == [payload(1), payload(3)]
    assert reader.problems == []


def test_a_short_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = JournalWriter(tmp_path)
    monkeypatch.setattr(os, "writev", lambda fd, parts: os.write(fd, b"".join(parts)[:10]))
    writer.append(BlockType.RECORDS, 1, payload(2))
    writer.close()
    assert bytes(read_all(tmp_path)[0][0].payload) == payload(2)


def test_a_link_in_place_of_a_journal_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"secret")
    directory = tmp_path / "journal"
    directory.mkdir()
    (directory / "00000001.jrn").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SessionProblem):
        JournalReader(directory).read()


def test_a_killed_writer_loses_no_block_that_it_had_accepted(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from capture.drain.journal import *\n"
        "w = JournalWriter(pathlib.Path(sys.argv[1]), 1 << 20)\n"
        "while True: print(w.append(1, 1, bytes(5000)), flush=True)"
    )
    target = subprocess.Popen([sys.executable, "-c", code, tmp_path / "journal"], stdout=subprocess.PIPE, text=True)
    assert target.stdout is not None
    accepted = [int(target.stdout.readline()) for _ in range(500)]
    target.send_signal(signal.SIGKILL)
    accepted += [int(line) for line in target.stdout if line.endswith("\n")]
    target.stdout.close()
    target.wait()
    blocks, reader = read_all(tmp_path / "journal")
    assert [block.block_no for block in blocks][: len(accepted)] == accepted
    assert len(blocks) - len(accepted) <= 1
    assert reader.problems == []


def test_the_journal_loads_neither_numpy_nor_pyarrow() -> None:
    loaded = "[m for m in ('numpy', 'pyarrow', 'msgspec', 'duckdb') if m in sys.modules]"
    code = f"import sys, capture.drain.journal; print({loaded})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("length", [0, 1, 7, 8, 100])
def test_a_last_block_that_is_cut_anywhere_is_torn_and_one_of_a_wrong_length_is_damaged(
    tmp_path: Path, length: int
) -> None:
    write(tmp_path, 1, length=length)
    whole = next(iter(journal_files(tmp_path).values())).read_bytes()
    assert all(is_torn(whole[:end]) for end in range(len(whole)))
    assert not is_torn(whole)
    for bit in range(32):
        damaged = bytearray(whole)
        damaged[8 + bit // 8] ^= 1 << bit % 8
        assert not is_torn(bytes(damaged)), f"bit {bit} of the length"


def test_a_wrong_length_of_the_last_block_is_told_by_whoever_goes_on_with_the_journal(tmp_path: Path) -> None:
    write(tmp_path, 3)
    file = next(iter(journal_files(tmp_path).values()))
    data = bytearray(file.read_bytes())
    data[2 * block_bytes(100) + 8] ^= 128
    file.write_bytes(data)
    writer = JournalWriter.reopen(tmp_path)
    writer.append(BlockType.END, 1, b"")
    writer.close()
    blocks, reader = read_all(tmp_path)
    assert [block.type for block in blocks] == [BlockType.RECORDS] * 2 + [BlockType.END]
    assert sum(problem.lost_bytes for problem in reader.problems) == block_bytes(100)


def test_claims_of_blocks_between_whole_ones_cost_a_second_and_are_told(tmp_path: Path) -> None:
    """Each is long, and hashed in vain: one MiB of them took 25 seconds, and 64 would have taken half an hour."""
    claim = bytearray(pack_header(Block(BlockType.RECORDS, 1, 2, 0, 1 << 40, 0, b"")))
    claim[8:12] = (4 << 20).to_bytes(4, "little")
    data = bytearray()
    for number in range(1, 300):
        data += pack_header(Block(BlockType.END, 1, 0, 0, number, 0, b"")) + bytes(claim) * 60
    tmp_path.joinpath("00000001.jrn").write_bytes(data + bytes(8 << 20))
    began = time.process_time()
    blocks, reader = read_all(tmp_path)
    assert time.process_time() - began < 2
    assert blocks[0].block_no == 1
    assert sum(problem.lost_bytes for problem in reader.problems) > len(data) // 2


def test_the_worked_example_of_the_format_is_a_block() -> None:
    example = FORMAT_DOCUMENT.read_text().split("### Worked example")[1].split("```")[1]
    data = bytes.fromhex("".join(line[6:53] for line in example.strip().splitlines()))
    block = block_at(memoryview(data), 0)
    assert block is not None
    assert block[:6] == (BlockType.RECORDS, 1, 2, 40, 1, 3)
    assert bytes(block.payload) == record(0x1000, 7, Kind.CALL) + record(0x1090, 7, Kind.RETURN)
