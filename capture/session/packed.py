"""A packed session: one zip file without compression, read by our own few lines.

Only what `pack` writes is understood: stored members with known names, sizes in the local headers. The standard
library's reader trusts the central directory alone; here a session cut short or damaged there is still found by
walking the local headers, and every byte is checked against the manifest's checksums afterwards.

    local header:   "PK\\x03\\x04" version flags method time date crc32 stored_len raw_len name_len extra_len name extra
    central entry:  "PK\\x01\\x02" ... offset of the local header; zip64 sizes and offsets in the extra field
"""

from __future__ import annotations

import itertools
import os
import re
import stat
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from capture.errors import FormatError, SessionProblem
from capture.session.files import check_name, is_name
from capture.session.format import MAX_FILE_BYTES

MAX_MEMBERS = 1 << 20
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_CENTRAL = struct.Struct("<4sHHHHHHIIIHHHHHII")
_END = struct.Struct("<4sHHHHIIH")
_END64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR64 = struct.Struct("<4sIQI")
_LOCAL_MAGIC, _CENTRAL_MAGIC, _END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_MAX_DIRECTORY_BYTES = 256 << 20
_MAX_HEADER_BYTES = _LOCAL.size + 64 + 64  # name and extra field of a member of ours
_HEADER = re.compile(
    rb"PK\x03\x04.{4}\0\0.{16}[\x0a-\x40]\0.\0(?:segments/|defs/|cache/|journal/|manifest\.|notes\.)", re.DOTALL
)
_SEARCH_BYTES = 1 << 18
_MOST_PLACES = 16  # of one member; there is one but for somebody's try to have us read a million
_FEW_HEADERS = 4096
_LEAST_MEMBER_BYTES = 256  # on average, with its header; a table of one row and one column takes twice as much
_NONE = 0xFFFFFFFF


class PackedFiles:
    """The members of a packed session."""

    packed = True

    def __init__(self, path: Path) -> None:
        """Raises: SessionProblem when the file cannot be opened, FormatError when it is not a packed session."""
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise SessionProblem(f"{path} cannot be opened: {error.strerror}.") from error
        info = os.fstat(self._fd)
        self._size = info.st_size
        self._scanned: dict[str, list[tuple[int, int]]] | None = None
        try:
            if not stat.S_ISREG(info.st_mode):
                raise FormatError(f"{path} is not a session: it is neither a file nor a directory.")
            if not self._size:
                raise FormatError(f"{path} is not a session: the file is empty.")
            entries = list(itertools.islice(self._central_directory(), MAX_MEMBERS))
            self._members = {name: offset for name, offset, _ in entries}
            self._sizes = {name: size for name, _, size in entries}
            if not self._members and not self._scan():
                raise FormatError(f"{path} is not a session: no part of a packed session was found in it.")
        except BaseException:
            self.close()
            raise

    def read(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> bytes:
        check_name(name)
        offset = self._members.get(name)
        data = None if offset is None else self._member(offset, name, max_bytes)
        if data is not None:
            return data
        found = self.alternatives(name, max_bytes)
        if not found and offset is not None:  # listed, so it was there: damage, which costs this member only
            raise FormatError(f"{self.path}: the member {name} is not where it should be.")
        if not found:
            raise FileNotFoundError(name)
        return found[0]

    def alternatives(self, name: str, max_bytes: int = MAX_FILE_BYTES) -> list[bytes]:
        places = self._scan().get(name, [])
        return [self._at(offset, size) for offset, size in places if size <= max_bytes]

    def sizes(self) -> dict[str, int]:
        return self._sizes or {name: places[0][1] for name, places in self._scan().items()}

    def total_bytes(self) -> int:
        return self._size

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _at(self, offset: int, length: int) -> bytes:
        try:
            return os.pread(self._fd, length, offset) if 0 <= offset < self._size else b""
        except OSError as error:
            raise SessionProblem(f"{self.path} cannot be read: {error.strerror}.") from error

    def _member(self, offset: int, name: str, max_bytes: int) -> bytes | None:
        """The member whose local header lies there, None when another one or none does."""
        header = self._header(offset)
        if header is None or header[0] != name:
            return None
        if header[2] > max_bytes:
            raise FormatError(f"{self.path}: the member {name} claims {header[2]} bytes, more than it may have.")
        return self._at(header[1], header[2])

    def _header(self, offset: int) -> tuple[str, int, int] | None:
        """Name, place and size of the stored member whose local header lies there, if it is one of ours."""
        return self._header_in(self._at(offset, _MAX_HEADER_BYTES), 0, offset)

    def _header_in(self, raw: bytes, at: int, offset: int) -> tuple[str, int, int] | None:
        """The same of bytes that hold the header, which lies at `offset` of the file."""
        if len(raw) - at < _LOCAL.size:
            return None
        magic, _, flags, method, _, _, _, stored, plain, name_len, extra_len = _LOCAL.unpack_from(raw, at)
        if magic != _LOCAL_MAGIC or method or stored != plain or flags & 0x2009 or name_len > 64 or extra_len > 64:
            return None
        name = _known_name(raw[at + _LOCAL.size : at + _LOCAL.size + name_len])
        start = offset + _LOCAL.size + name_len + extra_len
        return None if name is None or start + plain > self._size else (name, start, plain)

    def _central_directory(self) -> Iterable[tuple[str, int, int]]:
        """Names, local headers' places and sizes; nothing when the end of the file is damaged or missing."""
        tail_at = max(0, self._size - (1 << 16) - _END.size)
        tail = self._at(tail_at, self._size - tail_at)
        at = tail.rfind(_END_MAGIC)
        if at < 0 or len(tail) - at < _END.size:
            return ()
        _, _, _, _, count, length, start, _ = _END.unpack_from(tail, at)
        if _NONE in (length, start) or count == 0xFFFF:
            locator = self._at(tail_at + at - _LOCATOR64.size, _LOCATOR64.size)
            if len(locator) < _LOCATOR64.size or locator[:4] != b"PK\x06\x07":
                return ()
            end64 = self._at(_LOCATOR64.unpack(locator)[2], _END64.size)
            if len(end64) < _END64.size or end64[:4] != b"PK\x06\x06":
                return ()
            *_, count, length, start = _END64.unpack(end64)
        if length > min(_MAX_DIRECTORY_BYTES, self._size) or count > MAX_MEMBERS:
            return ()
        return _central_entries(self._at(start, length))

    def _scan(self) -> dict[str, list[tuple[int, int]]]:
        """Place and size of every member that a walk over the local headers finds, for damaged files.

        Members lie behind one another, so their bytes are read once. A file of nothing but headers is given up where
        there are more of them than members of a session can be that small: 64 MiB took six seconds.
        """
        if self._scanned is not None:
            return self._scanned
        found: dict[str, list[tuple[int, int]]] = {}
        at, looked = 0, 0
        while 0 <= at < self._size and looked < _most_headers(at):
            window, began = self._at(at, _SEARCH_BYTES), at
            while (header := _HEADER.search(window, at - began)) is not None:
                at, looked = began + header.start(), looked + 1
                member = self._header_in(window, header.start(), at)
                if member is None:
                    at += len(_LOCAL_MAGIC)
                    if looked >= _most_headers(at):
                        break
                    continue
                name, start, size = member
                places = found.setdefault(name, [])
                if len(places) < _MOST_PLACES:
                    places.append((start, size))
                at = start + size
                if at - began > len(window) - _MAX_HEADER_BYTES or looked >= _most_headers(at):
                    break
            else:
                at = (
                    max(at, began + len(window) - _MAX_HEADER_BYTES + 1) if len(window) == _SEARCH_BYTES else self._size
                )
        self._scanned = found
        return found


def _most_headers(before: int) -> int:
    """How many headers a file of ours can have before that place."""
    return min(MAX_MEMBERS, _FEW_HEADERS + before // _LEAST_MEMBER_BYTES)


def _known_name(raw: bytes) -> str | None:
    name = raw.decode("ascii", "replace")
    return name if is_name(name) else None


def _central_entries(data: bytes) -> Iterator[tuple[str, int, int]]:
    at = 0
    while at + _CENTRAL.size <= len(data):
        magic, *_, stored, plain, name_len, extra_len, comment_len, _, _, _, offset = _CENTRAL.unpack_from(data, at)
        if magic != _CENTRAL_MAGIC:
            return
        at += _CENTRAL.size
        name = _known_name(data[at : at + name_len])
        if offset == _NONE:
            offset = _offset64(data[at + name_len : at + name_len + extra_len], plain, stored)
        if name is not None:
            yield name, offset, plain
        at += name_len + extra_len + comment_len


def _offset64(extra: bytes, plain: int, stored: int) -> int:
    """The local header's offset from a zip64 extra field, -1 when it is not there."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        skip = 8 * ((plain == _NONE) + (stored == _NONE))
        if kind == 1 and length >= skip + 8 and at + 4 + skip + 8 <= len(extra):
            return int(struct.unpack_from("<Q", extra, at + 4 + skip)[0])
        at += 4 + length
    return -1
