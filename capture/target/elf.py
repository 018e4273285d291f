"""What an ELF file says about itself: the addresses of its exported names, its loader, where its code lies.

Only reads the file, never trusts a number in it: every access is inside the file or raises `ElfError`. It is read piece
by piece and not mapped: its owner may cut it short meanwhile, which ends whoever has it mapped. Used to find `dlopen`
and friends in a target's own C library, and Python's version in an executable that does not say it in its name. Names
are looked up through the file's GNU hash table (one probe, whatever its size), so asking fifty libraries "do you define
malloc?" takes a few milliseconds.

Source: the ELF-64 object file format; the GNU hash section as binutils writes it.
"""

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

from capture.foreign_files import open_regular

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_DYNAMIC = struct.Struct("<qQ")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_HASH, _DT_STRTAB, _DT_SYMTAB, _DT_GNU_HASH = 4, 5, 6, 0x6FFFFEF5
_MAX_SEGMENTS = 512
_MAX_DYNAMIC = 4096
_MAX_SECTION_NAMES = 1 << 16
_MAX_SYMBOLS = 1 << 18
_MAX_TEXT = 1 << 16
_PIECE = 1 << 20
LONGEST_MATCH = 64
MOST_SEARCHED = 256 << 20
MACHINES = {62: "x86_64", 183: "aarch64", 3: "i386", 40: "arm"}


class ElfError(ValueError):
    """The file is not a 64-bit little-endian ELF file, or a number in it points outside it."""


class Segment(NamedTuple):
    """A loadable part: file bytes [offset, offset + file_size) appear at `address` plus the load bias."""

    kind: int
    executable: bool
    offset: int
    address: int
    file_size: int


class Symbol(NamedTuple):
    """An exported definition; `address` lacks the load bias."""

    address: int
    is_function: bool
    is_indirect: bool


class ElfFile:
    """An open ELF file. Use it as a context manager."""

    def __init__(self, path: Path) -> None:
        """Raises: ElfError if it is not such a file, OSError if it cannot be read."""
        self._fd = open_regular(path)
        self._size = os.fstat(self._fd).st_size
        try:
            ident, self.kind, machine, _, _, table, _, _, _, size, count, *_ = self._unpack(_HEADER, 0)
            if ident[:6] != b"\x7fELF\x02\x01" or size != _SEGMENT.size or count > _MAX_SEGMENTS:
                raise ElfError(f"{path} is not a 64-bit ELF file")
            self.machine = MACHINES.get(machine, f"machine {machine}")
            self.segments = [self._segment(table + i * size) for i in range(count)]
            self._tables = dict(self._dynamic_entries())
        except ElfError:
            os.close(self._fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    @property
    def interpreter(self) -> str | None:
        """The dynamic loader this program asks for; None for libraries and for static programs."""
        for segment in self.segments:
            if segment.kind == _PT_INTERP:
                return (
                    self._slice(segment.offset, min(segment.file_size, _MAX_TEXT))
                    .rstrip(b"\0")
                    .decode(errors="replace")
                )
        return None

    @property
    def is_dynamic(self) -> bool:
        return bool(self._tables)

    def symbol(self, name: str) -> Symbol | None:
        """The definition of `name` that this file exports."""
        wanted = name.encode()
        candidates = self._gnu_candidates(wanted) if _DT_GNU_HASH in self._tables else self._all_symbols()
        for index in candidates:
            name_at, info, _, section, address, _ = self._symbol_at(index)
            if section and self._string_is(name_at, wanted):
                return Symbol(address, info & 0xF in (2, 10), info & 0xF == 10)
        return None

    def imports(self, name: str) -> bool:
        """Whether this file wants `name` from another."""
        wanted = name.encode()
        for index in range(self._first_defined()):
            name_at, _, _, section, _, _ = self._symbol_at(index)
            if not section and self._string_is(name_at, wanted):
                return True
        return False

    def has_section(self, name: str) -> bool:
        """Whether the file has a section of that name; names stay when a file is stripped."""
        _, _, _, _, _, _, table, _, _, _, _, size, count, names = self._unpack(_HEADER, 0)
        if size != _SECTION.size or not 0 < names < count:
            return False
        _, _, _, _, at, length, *_ = self._unpack(_SECTION, table + names * size)
        return b"\0" + name.encode() + b"\0" in self._slice(at, min(length, _MAX_SECTION_NAMES))

    def read(self, address: int, size: int) -> bytes:
        """The bytes that a fresh load has at `address`."""
        return self._slice(self._offset_of(address), size)

    def find_code(self, pattern: bytes) -> int | None:
        """The address of the first occurrence of `pattern` in executable parts."""
        for segment in self.segments:
            if segment.kind == _PT_LOAD and segment.executable:
                found = self._search(re.compile(re.escape(pattern)), segment.offset, segment.file_size)
                if found is not None:
                    return found[0] - segment.offset + segment.address
        return None

    def bias(self, mapped_at: int, file_offset: int) -> int | None:
        """What to add to this file's addresses when `file_offset` of it is mapped at `mapped_at`.

        Certain for a file's first mapping only: neighbouring parts may share a page of the file.
        """
        for segment in self.segments:
            if segment.kind == _PT_LOAD and segment.offset & ~0xFFF <= file_offset < segment.offset + segment.file_size:
                return mapped_at - file_offset + segment.offset - segment.address
        return None

    def search(self, pattern: re.Pattern[bytes]) -> re.Match[bytes] | None:
        """The first place in the file, of its first 256 MiB, that matches; no longer than `LONGEST_MATCH`."""
        found = self._search(pattern, 0, self._size)
        return found[1] if found is not None else None

    def _search(self, pattern: re.Pattern[bytes], start: int, size: int) -> tuple[int, re.Match[bytes]] | None:
        """(Where, what) of the first match in a part of the file."""
        end = min(start + size, self._size, start + MOST_SEARCHED)
        for at in range(start, end, _PIECE):
            piece = os.pread(self._fd, min(_PIECE + LONGEST_MATCH, end - at), at)
            if found := pattern.search(piece):
                return at + found.start(), found
        return None

    def _segment(self, at: int) -> Segment:
        kind, flags, offset, address, _, file_size, _, _ = self._unpack(_SEGMENT, at)
        return Segment(kind, bool(flags & 1), offset, address, file_size)

    def _dynamic_entries(self) -> Iterator[tuple[int, int]]:
        for segment in self.segments:
            if segment.kind == _PT_DYNAMIC:
                for i in range(min(segment.file_size // _DYNAMIC.size, _MAX_DYNAMIC)):
                    tag, value = self._unpack(_DYNAMIC, segment.offset + i * _DYNAMIC.size)
                    if tag == 0:
                        return
                    yield tag, value

    def _gnu_candidates(self, name: bytes) -> Iterator[int]:
        """Indexes of the symbols whose hash is that of `name`."""
        value = 5381
        for byte in name:
            value = (value * 33 + byte) & 0xFFFFFFFF
        table = self._offset_of(self._tables[_DT_GNU_HASH])
        buckets, first, bloom_words, _ = struct.unpack("<4I", self._slice(table, 16))
        if not buckets:
            return
        bucket_at = table + 16 + 8 * bloom_words
        index = self._u32(bucket_at + 4 * (value % buckets))
        if index < first:
            return
        for i in range(index, index + _MAX_SYMBOLS):
            chained = self._u32(bucket_at + 4 * buckets + 4 * (i - first))
            if chained | 1 == value | 1:
                yield i
            if chained & 1:
                return

    def _first_defined(self) -> int:
        """How many symbols come before the first that the GNU hash table knows: those that others must define."""
        if _DT_GNU_HASH not in self._tables:
            return max(self._all_symbols(), default=-1) + 1
        return min(self._u32(self._offset_of(self._tables[_DT_GNU_HASH]) + 4), _MAX_SYMBOLS)

    def _all_symbols(self) -> Iterator[int]:
        if _DT_HASH in self._tables:
            yield from range(min(self._u32(self._offset_of(self._tables[_DT_HASH]) + 4), _MAX_SYMBOLS))

    def _symbol_at(self, index: int) -> tuple[int, int, int, int, int, int]:
        if _DT_SYMTAB not in self._tables or _DT_STRTAB not in self._tables:
            raise ElfError("no symbol table")
        return self._unpack(_SYMBOL, self._offset_of(self._tables[_DT_SYMTAB]) + index * _SYMBOL.size)

    def _string_is(self, at: int, wanted: bytes) -> bool:
        start = self._offset_of(self._tables[_DT_STRTAB]) + at
        if start >= self._size:
            return False
        return os.pread(self._fd, len(wanted) + 1, start) == wanted + b"\0"

    def _offset_of(self, address: int) -> int:
        for segment in self.segments:
            if segment.kind == _PT_LOAD and segment.address <= address < segment.address + segment.file_size:
                return address - segment.address + segment.offset
        raise ElfError(f"address {address:#x} is in no part of the file")

    def _u32(self, at: int) -> int:
        return int.from_bytes(self._slice(at, 4), "little")

    def _unpack(self, layout: struct.Struct, at: int) -> tuple[Any, ...]:
        return layout.unpack(self._slice(at, layout.size))

    def _slice(self, at: int, size: int) -> bytes:
        data = os.pread(self._fd, size, at) if 0 <= at <= at + size <= self._size else b""
        if len(data) != size:
            raise ElfError(f"{size} bytes at {at} are outside the file")
        return data
