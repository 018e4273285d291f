"""The rows that name things: processes, tracks, sites, state keys; and the reader of a target's definitions.

Targets number their sites, exception types and state keys themselves; a session renumbers them, because the same
file may be loaded by many processes. Two definitions with the same function, module, file and line are one site.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum

import msgspec

from capture.errors import FormatError

DEFINITION_MAGIC = 0x5DE5
MAX_DEFINITION_BYTES = 1 << 20

DEFINITION_HEADER = struct.Struct("<HBBIII")


class ProcessRow(msgspec.Struct):
    """One process. start_ns is negative for one that ran before the session began."""

    process_id: int
    pid: int
    name: str = ""
    command: str = ""
    node: str = ""
    parent_id: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    python: str = ""
    tier: str = "python"


class TrackRow(msgspec.Struct):
    """One line of time: a process itself or one of its threads."""

    track_id: int
    process_id: int
    kind: str = "thread"
    name: str = ""
    os_id: int | None = None
    parent_track_id: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None


class SiteRow(msgspec.Struct):
    """One function as written in a file; `function` is its qualified name."""

    site_id: int
    function: str
    module: str
    file: str
    line: int


class StateKeyRow(msgspec.Struct):
    """One name that holds state: a module global, or an attribute of a watched class."""

    key_id: int
    owner: str
    key: str
    scope: str


class SiteLinesRow(msgspec.Struct):
    """Lines that the code of a site has, as ranges: '12-15,17'. Several rows of a site add up."""

    site_id: int
    lines: str


class MetricRow(msgspec.Struct, kw_only=True):
    """One sampled figure of a process."""

    time_ns: int
    process_id: int
    name: str
    value: float


class WaitRow(msgspec.Struct, kw_only=True):
    """A stretch in which a thread did not run and did not want to; end_ns None: it goes on past its segment's end."""

    start_ns: int
    end_ns: int | None
    track_id: int
    kind: str
    holder_track_id: int | None = None
    confidence: str = "sampled"


class GapRow(msgspec.Struct, kw_only=True):
    """A stretch of a track for which events are missing; end_ns None while it has not ended."""

    start_ns: int
    end_ns: int | None
    track_id: int
    dropped: int
    reason: str


class DefinitionKind(IntEnum):
    """What a definition in defs.bin defines."""

    SITE = 1
    EXCEPTION = 2
    STATE_KEY = 3
    THREAD = 4
    PROCESS = 5
    UNSEEN = 6
    TYPE = 7
    LINES = 8
    NAME = 9


_DEFINITION_KINDS = frozenset(DefinitionKind)


class Definition(msgspec.Struct, frozen=True):
    """One parsed definition; `fields` are its texts in the order that scope_pool.h gives. `kind` None: a newer one."""

    kind: DefinitionKind | None
    id: int
    fields: tuple[str, ...]

    def field(self, index: int) -> str:
        """The field, or '' where a writer left it out."""
        return self.fields[index] if index < len(self.fields) else ""

    def number(self, index: int) -> int:
        """The field as a number, 0 when it is none."""
        text = self.field(index)
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= 12 else 0


def parse_definitions(data: bytes | memoryview) -> Iterator[Definition]:
    """The definitions of one block, in order.

    The checksum inside a definition guards against a torn end of defs.bin, which the drain has already cut off;
    the journal's own checksum guards these bytes, so it is not computed again.

    Raises: FormatError at the first thing that is not a definition.
    """
    at, size = 0, len(data)
    while at < size:
        if size - at < DEFINITION_HEADER.size:
            if any(data[at:]):
                raise FormatError(f"definitions end in the middle of one at byte {at}")
            return
        magic, kind, _, ident, payload_bytes, _ = DEFINITION_HEADER.unpack_from(data, at)
        if magic != DEFINITION_MAGIC:
            if any(data[at:]):
                raise FormatError(f"no definition at byte {at}")
            return
        at += DEFINITION_HEADER.size
        if payload_bytes > min(size - at, MAX_DEFINITION_BYTES):
            raise FormatError(f"a definition claims {payload_bytes} bytes at byte {at}")
        text = bytes(data[at : at + payload_bytes]).decode("utf-8", "replace")
        at += payload_bytes
        known = DefinitionKind(kind) if kind in _DEFINITION_KINDS else None
        yield Definition(known, ident, tuple(text.split("\0")))
