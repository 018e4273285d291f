"""What calls were given, what they returned, what lines changed: words of values as texts, one call of C for all.

A value that was told shortly before in the same chunk is only referred to, so each track comes with what it told last
(`TrackQueue.recent`). Rate: 5 M events/s with two values.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.decode.record_bytes import Records
from capture.decode.records import NO_WORDS, TrackPiece, Words, end_to_end
from capture.events.batch import Int64
from capture.events.kinds import KINDS, Payload
from capture.events.text_column import TextColumn
from capture.hostlib import host_library

MOST_TYPES = 1 << 16  # a word has 16 bits for the number
_WHAT: dict[Payload, int] = {"arguments": 1, "value": 2, "locals": 3, "frame": 4}  # as native/host/values.c has it
_OF_KIND = np.zeros(256, np.uint8)
_OF_KIND[list(KINDS)] = [_WHAT.get(kind.row.payload, 0) for kind in KINDS]


class _Names(ctypes.Structure):
    """Mirrors struct scope_names."""

    _fields_ = (("text", ctypes.c_void_p), ("at", ctypes.c_void_p), ("count", ctypes.c_int64))


class NameTable:
    """Texts by small numbers, as C reads them; a later one of a number takes the place of the one before.

    >>> names = NameTable({3: "a,b"})
    >>> names.set(3, "c")
    >>> dict(names.names)
    {3: 'c'}
    """

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self.names: dict[int, str] = {}
        self._text, self._used = np.empty(1024, np.uint8), 0
        self._at = np.zeros((64, 2), np.int64)
        for number, name in (names or {}).items():
            self.set(number, name)

    def set(self, number: int, name: str) -> None:
        """Gives a number its name."""
        if self.names.get(number) == name:
            return
        self.names[number] = name
        raw = np.frombuffer(name.encode("utf-8", "replace"), np.uint8)
        start, self._used = self._used, self._used + len(raw)
        self._text = _with_room(self._text, self._used)
        self._at = _with_room(self._at, number + 1)
        self._text[start : self._used] = raw
        self._at[number] = start, self._used

    def as_struct(self) -> ctypes.Structure:
        """For C, until a name is set."""
        return _Names(self._text.ctypes.data, self._at.ctypes.data, len(self._at))


@dataclass(frozen=True, slots=True)
class ValueNames:
    """The names that a target has told: of parameters, by site; of types and of local variables, by their numbers."""

    parameters: NameTable = field(default_factory=NameTable)  # "a,b,*args"
    types: NameTable = field(default_factory=NameTable)
    variables: NameTable = field(default_factory=NameTable)


@dataclass(frozen=True, slots=True)
class TrackWords:
    """The words of the events of one track that go out, and the pieces before them to which these may refer."""

    recent: Sequence[TrackPiece]
    words: Sequence[Words]
    count: int  # of events that go out


def value_texts(heads: Records, tracks: Sequence[TrackWords], names: ValueNames) -> tuple[Int64, TextColumn, Int64]:
    """(rows that have a text, the texts, their lines) of `heads`, the events of all tracks, one track after the other.

    The line is that of a frame, 0 of what is none.
    """
    words = [words for track in tracks for words in (*(piece.words for piece in track.recent), *track.words)]
    numbers = np.concatenate(words) if len(words) > 1 else words[0] if words else NO_WORDS
    told = len(heads)
    runs = np.array([(sum(len(piece) for piece in track.recent), track.count) for track in tracks], np.int64)
    if runs[:, 0].any():
        heads = _with_recent(heads, tracks)
    row, line, end = (np.empty(told + more, np.int64) for more in (0, 0, 1))
    text = ctypes.c_void_p()
    library = host_library()
    find = library.scope_value_texts
    find.restype = ctypes.c_int64
    count = find(
        _pointer(heads), ctypes.c_int64(len(heads)), _pointer(numbers), ctypes.c_int64(len(numbers)), _pointer(runs),
        ctypes.c_int64(len(runs)), _pointer(_OF_KIND), ctypes.byref(names.parameters.as_struct()),
        ctypes.byref(names.types.as_struct()), ctypes.byref(names.variables.as_struct()), _pointer(row), _pointer(line),
        _pointer(end), ctypes.byref(text),
    )  # fmt: skip
    try:
        if count < 0:
            raise MemoryError("the values of calls")
        data = ctypes.string_at(text, int(end[count])) if count else b""
    finally:
        library.scope_free_texts(text)
    return row[:count], TextColumn.from_bytes(data, end[: count + 1]), line[:count]


def _with_recent(heads: Records, tracks: Sequence[TrackWords]) -> Records:
    """The heads, with those of each track's recent events before its own."""
    parts, stop = list[Records](), 0
    for track in tracks:
        start, stop = stop, stop + track.count
        parts += [*(piece.records for piece in track.recent), heads[start:stop]]
    return end_to_end(parts)


def _with_room(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """The array, longer if need be; what is new is 0."""
    if length <= len(array):
        return array
    grown = np.zeros((max(length, 2 * len(array)), *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
