"""The bytes of a journal: where blocks lie in a file, and which of them are whole.

block header, 48 bytes, little-endian; the payload follows, padded with zeros to 8 bytes
 0  4 bytes "SCPJ"                               16  u64 seq_start: number of the first event in the block
 4  u16 type                                     24  u64 block_no, continuous over all files, from 1
 6  u16 process_serial                           32  u64 dropped: events the track lost before the block
 8  u32 payload_len                              40  u64 xxh3_64 of header[0:40] + payload, padding excluded
12  u32 track_serial
"""

from __future__ import annotations

import os
import struct
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import xxhash

HEADER_BYTES = 48
MAX_PAYLOAD_BYTES = 4 << 20
MAGIC = b"SCPJ"
SUFFIX = ".jrn"
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HEAD = struct.Struct("<4sHHIIQQQ")
_SUM = struct.Struct("<Q")
_LENGTH_AT = 8

assert _HEAD.size + _SUM.size == HEADER_BYTES


class BlockType(IntEnum):
    """What a payload holds; the numbers are stored."""

    OLD_RECORDS = 1  # of a pool of ABI 2, which took the kind to tell how long an event is
    DEFS = 2
    CLOCK = 3
    FACTS = 4
    END = 5
    RECORDS = 6


class Block(NamedTuple):
    """One block as it was appended. A payload that was read is a view on the read buffer."""

    type: int
    process_serial: int
    track_serial: int
    seq_start: int
    block_no: int
    dropped: int
    payload: bytes | memoryview


class JournalPosition(NamedTuple):
    """A place between two blocks."""

    file_no: int
    offset: int


class JournalProblem(NamedTuple):
    """A stretch of a journal that could not be read, and what it cost as far as anyone can tell."""

    file_no: int
    offset: int
    lost_bytes: int
    lost_blocks: int
    what: str


def block_bytes(payload_len: int) -> int:
    """What a block with such a payload takes in a file."""
    return HEADER_BYTES + payload_len + -payload_len % 8


def pack_header(block: Block) -> bytes:
    """The 48 bytes that go before a payload."""
    length = memoryview(block.payload).nbytes
    head = _HEAD.pack(MAGIC, *block[:2], length, *block[2:6])
    digest = xxhash.xxh3_64(head)
    digest.update(block.payload)
    return head + _SUM.pack(digest.intdigest())


def block_at(window: memoryview, at: int, least_block_no: int = 0) -> Block | None:
    """The whole, valid block that begins there, or None."""
    if at + HEADER_BYTES > len(window):
        return None
    magic, kind, process, length, track, seq_start, number, dropped = _HEAD.unpack_from(window, at)
    if magic != MAGIC or length > MAX_PAYLOAD_BYTES or number < least_block_no:
        return None
    if at + block_bytes(length) > len(window):
        return None
    start = at + HEADER_BYTES
    payload = window[start : start + length]
    digest = xxhash.xxh3_64(window[at : at + _HEAD.size])
    digest.update(payload)
    if digest.intdigest() != _SUM.unpack_from(window, at + _HEAD.size)[0]:
        return None
    return Block(kind, process, track, seq_start, number, dropped, payload)


def is_torn(tail: bytes) -> bool:
    """Whether a journal's last bytes are the beginning of a block whose writer died in it, and nothing else.

    A block that is all there and does not fit its checksum is damage, and so is what no block begins with, and one that
    is longer than what is there only because of a wrong length: with the right one its checksum fits.
    """
    if len(tail) < HEADER_BYTES:
        return tail[: len(MAGIC)] == MAGIC[: len(tail)]
    magic, _, _, length, *_ = _HEAD.unpack_from(tail)
    if magic != MAGIC or length > MAX_PAYLOAD_BYTES or block_bytes(length) <= len(tail):
        return False
    most = len(tail) - HEADER_BYTES
    rights = (right for right in range(max(0, most - 7), most + 1) if right != length)  # its own: padding is missing
    return not any(_is_whole_with(tail, right) for right in rights)


def _is_whole_with(block: bytes, length: int) -> bool:
    digest = xxhash.xxh3_64(block[:_LENGTH_AT])
    digest.update(length.to_bytes(4, "little"))
    digest.update(block[_LENGTH_AT + 4 : _HEAD.size])
    digest.update(block[HEADER_BYTES : HEADER_BYTES + length])
    return bool(digest.intdigest() == _SUM.unpack_from(block, _HEAD.size)[0])


def journal_files(directory: Path) -> dict[int, Path]:
    """The journal's files by number, in order; none where the folder is a link: nothing is read through one."""
    try:
        fd = os.open(directory, _OPEN_FOLDER)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    try:
        names = sorted(os.listdir(fd))  # noqa: PTH208  a descriptor
    finally:
        os.close(fd)
    return {number: directory / name for name in names if (number := file_number(name)) is not None}


def open_journal_file(directory: Path, name: str) -> int:
    """A descriptor to read it, reached through no link. Raises: OSError."""
    fd = os.open(directory, _OPEN_FOLDER)
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    finally:
        os.close(fd)


def file_name(file_no: int) -> str:
    """The name of the journal's file of that number."""
    return f"{file_no:08d}{SUFFIX}"


def file_number(name: str) -> int | None:
    """The number of a journal's file, None for any other name."""
    number = name.removesuffix(SUFFIX)
    return int(number) if len(name) == 12 and len(number) == 8 and number.isascii() and number.isdecimal() else None
