"""What a target did, as columns: the bytes of one record, and batches of events in time order.

A batch is a handful of numpy columns instead of a list of objects: ten million events as Python objects cost
gigabytes and minutes. Only a few kinds carry a text (exceptions, states, snapshots), so `value` is sparse: the row
numbers that have one, and their texts; and so are the messages of exceptions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.events.text_column import NO_TEXTS, TextColumn

Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
UInt8 = npt.NDArray[np.uint8]

RECORD_BYTES = 16
RECORD_DTYPE = np.dtype([("ticks", "<u8"), ("a", "<u4"), ("kind", "u1"), ("flags", "u1"), ("b", "<u2")])
assert RECORD_DTYPE.itemsize == RECORD_BYTES

LONG_COLUMN, FEW_KINDS = 8192, 16

_NO_ROWS: Int64 = np.empty(0, np.int64)
_COLUMNS = ("time_ns", "kind", "track_id", "site_id", "object_id", "ref", "flags")


def mask_of(kinds: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Whether a code is one of these kinds; `of_kinds(batch.kind, mask)` says it of each event. Shape: (256,)."""
    mask = np.zeros(256, np.bool_)
    mask[list(kinds)] = True
    return mask


def of_kinds(kind: UInt8, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Of each event whether its kind is one of the mask's.

    In a long column a few kinds are looked for one by one: a comparison takes a 30th of the time that the mask takes,
    which numpy reads at a number of 8 bytes for each event.

    >>> of_kinds(np.array([1, 7, 2], np.uint8), mask_of((1, 2))).tolist()
    [True, False, True]
    """
    if len(kind) < LONG_COLUMN:
        return mask[kind]
    codes = np.flatnonzero(mask).astype(np.uint8)
    if len(codes) > FEW_KINDS:
        return mask[kind]
    found = np.zeros(len(kind), np.bool_)
    for code in codes:
        found |= kind == code
    return found


@dataclass(frozen=True, slots=True, eq=False)
class EventBatch:
    """Events in time order, one numpy column per field; events at the same instant keep the order of their track.

    `value_rows` are the ascending row numbers that carry a text, `values` those texts in the same order. `changes` is
    known while a recording is sealed, and where a session counts: how many changes each state stands for, else 0.
    `message_rows` and `messages` are the same for what raised exceptions say.

    Shape: every column has one entry per event; the id of row i is `first_event_id + i`.
    Units: time_ns in ns on the session clock. 0 in an id column means "none".
    """

    first_event_id: int
    time_ns: Int64
    kind: UInt8
    track_id: Int32
    site_id: Int32
    object_id: Int64
    ref: Int64
    flags: UInt8
    value_rows: Int64
    values: TextColumn
    changes: Int64 | None = None
    message_rows: Int64 = field(default_factory=lambda: _NO_ROWS)
    messages: TextColumn = field(default_factory=lambda: NO_TEXTS)

    def __len__(self) -> int:
        return len(self.time_ns)

    def slice(self, start: int, stop: int) -> EventBatch:
        """The rows start..stop as views on the same memory."""
        start, stop, _ = slice(start, stop).indices(len(self))
        stop = max(start, stop)
        low, high = self.value_rows.searchsorted((start, stop)).tolist()
        first, last = self.message_rows.searchsorted((start, stop)).tolist()
        columns: dict[str, Any] = {name: getattr(self, name)[start:stop] for name in _COLUMNS}
        return EventBatch(
            self.first_event_id + start,
            **columns,
            value_rows=self.value_rows[low:high] - start,
            values=self.values[low:high] if low < high else NO_TEXTS,
            changes=None if self.changes is None else self.changes[start:stop],
            message_rows=self.message_rows[first:last] - start,
            messages=self.messages[first:last] if first < last else NO_TEXTS,
        )

    def value_of(self, row: int) -> str | None:
        """The text of one row, or None."""
        at = int(np.searchsorted(self.value_rows, row))
        return self.values[at] if at < len(self.values) and int(self.value_rows[at]) == row else None

    def message_of(self, row: int) -> str | None:
        """What the exception of one row says, or None."""
        at = int(np.searchsorted(self.message_rows, row))
        return self.messages[at] if at < len(self.messages) and int(self.message_rows[at]) == row else None

    @staticmethod
    def empty(first_event_id: int = 1) -> EventBatch:
        """A batch of no events."""
        return make_batch(first_event_id, np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int32))


def make_batch(
    first_event_id: int,
    time_ns: Int64,
    kind: UInt8,
    track_id: Int32,
    *,
    site_id: Int32 | None = None,
    object_id: Int64 | None = None,
    ref: Int64 | None = None,
    flags: UInt8 | None = None,
    value_rows: Int64 | None = None,
    values: Sequence[str] | None = None,
    changes: Int64 | None = None,
    message_rows: Int64 | None = None,
    messages: Sequence[str] | None = None,
) -> EventBatch:
    """A batch from the columns at hand; what is left out is zero."""
    rows = len(time_ns)
    return EventBatch(
        first_event_id,
        time_ns,
        kind,
        track_id,
        site_id=np.zeros(rows, np.int32) if site_id is None else site_id,
        object_id=np.zeros(rows, np.int64) if object_id is None else object_id,
        ref=np.zeros(rows, np.int64) if ref is None else ref,
        flags=np.zeros(rows, np.uint8) if flags is None else flags,
        value_rows=np.empty(0, np.int64) if value_rows is None else value_rows,
        values=NO_TEXTS if values is None else TextColumn.of(values),
        changes=changes,
        message_rows=_NO_ROWS if message_rows is None else message_rows,
        messages=NO_TEXTS if messages is None else TextColumn.of(messages),
    )


def concat(batches: Sequence[EventBatch]) -> EventBatch:
    """One batch of consecutive ones, in the given order; its ids start at the first one's.

    Raises: ValueError when a batch does not continue the ids of the one before it.
    """
    if not batches:
        return EventBatch.empty()
    if len(batches) == 1:
        return batches[0]
    offsets = np.cumsum([0, *(len(batch) for batch in batches)])
    first = batches[0].first_event_id
    for offset, batch in zip(offsets, batches, strict=False):
        if batch.first_event_id != first + int(offset):
            raise ValueError(f"batch begins at event {batch.first_event_id}, expected {first + int(offset)}")
    columns: dict[str, Any] = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name in _COLUMNS}
    changes = [batch.changes for batch in batches if batch.changes is not None]
    return EventBatch(
        first,
        **columns,
        value_rows=np.concatenate([batch.value_rows + offset for offset, batch in zip(offsets, batches, strict=False)]),
        values=TextColumn.joined([batch.values for batch in batches]),
        changes=np.concatenate(changes) if len(changes) == len(batches) else None,
        message_rows=np.concatenate([b.message_rows + offset for offset, b in zip(offsets, batches, strict=False)]),
        messages=TextColumn.joined([batch.messages for batch in batches]),
    )
