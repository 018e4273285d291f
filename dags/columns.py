"""Numbers as columns: arrays to keyframe bytes and back, arrays that grow, and the codes that rows use."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from capture.errors import FormatError
from capture.events.batch import Int64

OUTCOMES = ("return", "yield", "raise", "open")  # by code
OPEN = OUTCOMES.index("open")


def to_bytes(array: npt.NDArray[Any]) -> bytes:
    """The array's little-endian bytes."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def from_bytes(data: bytes, dtype: Any) -> npt.NDArray[Any]:
    """An array of one's own out of bytes.

    Raises: FormatError when they are not a whole number of items.
    """
    kind = np.dtype(dtype)
    if len(data) % kind.itemsize:
        raise FormatError(f"{len(data)} bytes of a keyframe are not whole items of {kind.itemsize}")
    return np.frombuffer(data, kind).copy()


def grown(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """The array with at least that many items, new ones zero; doubles, so that growing step by step stays cheap."""
    if length <= len(array):
        return array
    larger = np.zeros(max(length, 2 * len(array)), array.dtype)
    larger[: len(array)] = array
    return larger


def runs(times_ns: Int64, width_ns: int) -> tuple[Int64, Int64]:
    """(bins, events in each) of ascending times; only bins that have events, ascending.

    >>> [part.tolist() for part in runs(np.array([0, 5, 10, 25]), 10)]
    [[0, 1, 2], [2, 1, 1]]
    """
    if not len(times_ns):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    first, last = int(times_ns[0]) // width_ns, int(times_ns[-1]) // width_ns
    if 0 <= last - first < len(times_ns) // 4:
        edges = np.arange(first, last + 2, dtype=np.int64) * width_ns
        edges[0] = times_ns[0]
        counts = np.diff(np.searchsorted(times_ns, edges)).astype(np.int64)
        bins = np.arange(first, last + 1, dtype=np.int64)
        return bins[counts > 0], counts[counts > 0]
    bins, counts = np.unique(times_ns // width_ns, return_counts=True)
    return bins, counts.astype(np.int64)
