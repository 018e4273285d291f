"""Many texts in one buffer, for what comes in millions: a str is made only of a text that somebody asks for.

A segment's texts stay where its file's reader put them, between the rows that have none, until somebody wants them as
one column: a frame wants those of a handful of open calls, and copying them all took as long as reading the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, cast, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_NO_PLACES: npt.NDArray[np.int64] = np.empty(0, np.int64)


class TextColumn(Sequence[str]):
    """Texts in a given order, none of them null; equal to any sequence of the same texts.

    >>> TextColumn.of(["a", "b"]).taken(np.array([1, 1, 0])) == ["b", "b", "a"]
    True
    """

    __slots__ = ("_array", "_held", "_places")

    def __init__(self, array: pa.LargeStringArray) -> None:
        self._array: pa.LargeStringArray | None = array
        self._held: pa.Array | None = None
        self._places = _NO_PLACES

    @classmethod
    def of(cls, texts: Sequence[str] | pa.Array) -> TextColumn:
        """The texts as a column; one that is a column already is itself."""
        if isinstance(texts, TextColumn):
            return texts
        if isinstance(texts, pa.Array):
            return cls(texts.cast(pa.large_string()))
        return cls(pa.array(texts, pa.large_string()))

    @classmethod
    def held_in(cls, held: pa.Array, places: npt.NDArray[np.int64]) -> TextColumn:
        """The texts at those places of an array of strings, or of a dictionary of them; none of them is null.

        >>> TextColumn.held_in(pa.array(["a", None, "b"]).dictionary_encode(), np.array([0, 2]))[1:] == ["b"]
        True
        """
        self = cls(NO_TEXTS.array)
        if len(places):
            self._array, self._held, self._places = None, held, places
        return self

    @property
    def array(self) -> pa.LargeStringArray:
        """The texts in one array, copied together the first time that somebody asks."""
        if self._array is None:
            assert self._held is not None
            texts = self._held.take(pa.array(self._places))
            if pa.types.is_dictionary(texts.type):
                texts = texts.dictionary_decode()
            self._array = texts.cast(pa.large_string())
        return self._array

    @classmethod
    def from_bytes(cls, data: bytes | npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]) -> TextColumn:
        """The texts between the offsets; what is no UTF-8 is replaced."""
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
        array = pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers)
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            raw = bytes(data)
            pairs = itertools.pairwise(offsets.tolist())
            return cls(pa.array([raw[a:b].decode("utf-8", "replace") for a, b in pairs], pa.large_string()))
        return cls(array)

    @classmethod
    def joined(cls, parts: Sequence[TextColumn]) -> TextColumn:
        """The texts of all parts, in order."""
        filled = [part for part in parts if len(part)]
        if len(filled) < 2:
            return filled[0] if filled else NO_TEXTS
        return cls(pa.concat_arrays([part.array for part in filled]))

    def taken(self, places: npt.NDArray[Any]) -> TextColumn:
        """The texts at the places, in their order."""
        if self._held is not None:
            return TextColumn.held_in(self._held, self._places[places])
        return TextColumn(self.array.take(pa.array(places)))

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Bytes of each."""
        return np.diff(self._offsets())

    @property
    def text_bytes(self) -> int:
        """How many bytes its texts take."""
        offsets = self._offsets()
        return int(offsets[-1] - offsets[0])

    def to_bytes(self) -> tuple[npt.NDArray[np.int64], bytes]:
        """(where each text ends, all texts one after another)."""
        offsets = self._offsets()
        data = self.array.buffers()[2]
        whole = b"" if data is None else bytes(memoryview(data)[int(offsets[0]) : int(offsets[-1])])
        return offsets[1:] - offsets[0], whole

    def as_buffers(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        """(where each text begins in the bytes, and the last one ends; the bytes), as they lie in memory."""
        data = self.array.buffers()[2] if len(self.array) else None
        return self._offsets(), np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)

    def _offsets(self) -> npt.NDArray[np.int64]:
        """Where they lie in the buffer, one more than there are texts."""
        if not len(self.array):
            return np.zeros(1, np.int64)
        at = self.array.offset
        return np.frombuffer(self.array.buffers()[1], np.int64)[at : at + len(self.array) + 1]

    def __len__(self) -> int:
        return len(self.array) if self._held is None else len(self._places)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> TextColumn: ...
    def __getitem__(self, at: int | slice) -> str | TextColumn:
        if self._held is not None:
            chosen = self._places[at]
            if isinstance(at, slice):
                return TextColumn.held_in(self._held, chosen)
            return cast(str, self._held[int(chosen)].as_py())
        if isinstance(at, slice):
            return TextColumn(self.array[at])
        return cast(str, self.array[at].as_py())

    def __iter__(self) -> Iterator[str]:
        return iter(self.array.to_pylist())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, TextColumn):
            return bool(self.array.equals(other.array))
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TextColumn({list(self[:5])}{' …' if len(self) > 5 else ''})"


NO_TEXTS = TextColumn(pa.array([], pa.large_string()))
