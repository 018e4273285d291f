"""What the host-side C library does with the bytes of records, one call for a whole block."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.errors import ScopeBug
from capture.hostlib import host_library
from capture.text_column import TextColumn

Records = npt.NDArray[np.void]
Int64 = npt.NDArray[np.int64]


def rare_heads(records: Records) -> tuple[Int64, Int64, Records]:
    """(places of those of a rare kind, how many each claims behind it, all records but those claimed).

    What is claimed may be more than there is; the last are then to be distrusted.
    """
    records, kept = np.ascontiguousarray(records), np.empty_like(records)
    heads, claimed = np.empty(len(records), np.int64), np.empty(len(records), np.int64)
    found = _native("scope_rare_heads", ctypes.c_int64)(
        _pointer(records), ctypes.c_int64(len(records)), _pointer(heads), _pointer(claimed), _pointer(kept)
    )
    heads, claimed = heads[:found].copy(), claimed[:found].copy()
    return heads, claimed, kept[: max(0, len(records) - int(claimed.sum()))]


def gathered_texts(raw: npt.NDArray[np.uint8], starts: Int64, lengths: Int64) -> TextColumn:
    """The texts that lie at `starts` in the bytes."""
    offsets = np.zeros(len(starts) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    out = np.empty(int(offsets[-1]), np.uint8)
    starts, lengths = np.ascontiguousarray(starts, np.int64), np.ascontiguousarray(lengths, np.int64)
    if not _native("scope_gather", ctypes.c_int)(
        _pointer(raw), ctypes.c_int64(len(raw)), _pointer(starts), _pointer(lengths), ctypes.c_int64(len(starts)),
        _pointer(out),
    ):  # fmt: skip
        raise ScopeBug("a text lies outside of its block")
    return TextColumn.from_bytes(out, offsets)


def _pointer(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _native(name: str, result: Any) -> Any:
    function = getattr(host_library(), name)
    function.restype = result
    return function
