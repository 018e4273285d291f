"""Numbers as columns: arrays to keyframe bytes and back, arrays that grow, and the codes that rows use."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.errors import FormatError
from capture.events.batch import Int64

OUTCOMES = ("return", "yield", "raise", "open")  # by code
OPEN = OUTCOMES.index("open")
MAX_DENSE = 1 << 22
NEAR_IDS = 1 << 16


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


class Packed(msgspec.Struct, frozen=True, array_like=True):
    """An array in few bytes: its columns one after another, those of 8 bytes (times, ids) as differences; zstd."""

    length: int
    data: bytes


def packed(array: npt.NDArray[Any]) -> Packed:
    """The array for a file. Its items have fields."""
    columns = [np.ascontiguousarray(array[name]) for name in array.dtype.names or ()]
    columns = [np.diff(column, prepend=column.dtype.type(0)) if column.itemsize == 8 else column for column in columns]
    return Packed(len(array), pa.compress(b"".join(map(to_bytes, columns)), codec="zstd", asbytes=True))


def unpacked(kept: Packed, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The array that was packed. Whoever calls has looked at its length: that much memory is taken.

    Raises: FormatError when it is not of that form.
    """
    array = np.empty(max(0, kept.length), dtype)
    try:
        whole = pa.decompress(kept.data, array.nbytes, codec="zstd", asbytes=True) if array.nbytes else b""
    except OSError as error:
        raise FormatError(f"packed columns are damaged: {error}") from error
    if len(array) != kept.length or len(whole) != array.nbytes:
        raise FormatError(f"packed columns say that they are {kept.length} items")
    at = 0
    for name in array.dtype.names or ():
        column = np.frombuffer(whole, array.dtype[name], len(array), at)
        at += column.nbytes
        array[name] = np.cumsum(column) if column.itemsize == 8 else column
    return array


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


def dense(ids: Int64) -> tuple[Int64, Int64]:
    """The distinct ids, ascending, and for each entry which of them it is; without sorting where ids are small.

    >>> [part.tolist() for part in dense(np.array([7, 3, 7]))]
    [[3, 7], [1, 0, 1]]
    """
    if not len(ids) or int(ids.max()) >= MAX_DENSE or int(ids.min()) < 0:
        distinct, place = np.unique(ids, return_inverse=True)
        return distinct, place.astype(np.int64)
    there = np.zeros(int(ids.max()) + 1, bool)
    there[ids] = True
    places = np.cumsum(there) - 1
    return np.flatnonzero(there), places[ids]


def order_of(ids: Int64) -> Int64:
    """The rows by ascending id, no id twice; without sorting most of them where most are near each other.

    >>> order_of(np.array([900_000, 1, 900_002, 900_001])).tolist()
    [1, 0, 3, 2]
    """
    if not len(ids):
        return np.empty(0, np.int64)
    is_far = ids < int(ids.max()) - 4 * len(ids) - NEAR_IDS
    far, near = np.flatnonzero(is_far), np.flatnonzero(~is_far)
    base = int(ids[near].min())
    row_by_id = np.full(int(ids.max()) - base + 1, -1, np.int64)
    row_by_id[ids[near] - base] = near
    order = np.concatenate([far[np.argsort(ids[far], kind="stable")], row_by_id[row_by_id >= 0]])
    return order if len(order) == len(ids) else np.argsort(ids, kind="stable")  # damaged: an id stands there twice


def row_of(ids: Int64, wanted: Int64) -> Int64:
    """For each wanted id the row that has it, -1 where none has; without sorting where most ids are near each other:
    of the calls of a moment a few are open since the program began.

    >>> row_of(np.array([5, 2]), np.array([2, 9, 5])).tolist()
    [1, -1, 0]
    """
    if not len(ids):
        return np.full(len(wanted), -1, np.int64)
    base, top = int(ids.min()), int(ids.max())
    is_far = ids < top - 4 * len(ids) - NEAR_IDS
    far = np.flatnonzero(is_far)
    if not len(far):
        return _row_in_table(ids, np.arange(len(ids)), base, top, wanted)
    if len(far) * 16 > len(ids):
        return _row_by_search(ids, wanted)
    near = np.flatnonzero(~is_far)
    near_ids = ids[near]
    base = int(near_ids.min())
    found = _row_in_table(near_ids, near, base, top, wanted)
    rest = np.flatnonzero(wanted < base)
    at = _row_by_search(ids[far], wanted[rest])
    found[rest] = np.where(at >= 0, far[at], -1)
    return found


def _row_in_table(ids: Int64, rows: Int64, base: int, top: int, wanted: Int64) -> Int64:
    """Which of the rows has the id; all ids lie in base..top."""
    row_by_id = np.full(top - base + 3, -1, np.int64)  # one more at each end, for what lies beyond it
    row_by_id[ids - (base - 1)] = rows
    at = wanted - (base - 1)
    return row_by_id[np.clip(at, 0, len(row_by_id) - 1, out=at)]


def _row_by_search(ids: Int64, wanted: Int64) -> Int64:
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    at = np.minimum(np.searchsorted(ordered, wanted), len(ids) - 1)
    return np.where(ordered[at] == wanted, order[at], -1)
