"""Batches of events as the `events` table and back, without a Python object per event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.events.batch import EventBatch, make_batch
from capture.events.kinds import KIND_CODES, KIND_NAMES
from capture.events.text_column import NO_TEXTS, TextColumn
from capture.session.rows import id_column
from capture.session.tables import SCHEMAS

_CODES = sorted(KIND_NAMES)
_WORDS = pa.array([KIND_NAMES[code] for code in _CODES])
_INDEX_OF_CODE = np.full(256, -1, np.int8)
_INDEX_OF_CODE[_CODES] = np.arange(len(_CODES))
_TEXTS = ("value", "message")
_INT_COLUMNS: dict[str, type[np.generic]] = {
    "time_ns": np.int64,
    "track_id": np.int32,
    "site_id": np.int32,
    "object_id": np.int64,
    "ref": np.int64,
    "flags": np.uint8,
}
BATCH_COLUMNS = ("kind", "value", "message", *_INT_COLUMNS)


def event_table(batch: EventBatch) -> pa.Table:
    """The batch as rows of `events`.

    Raises: ValueError for a kind that has no name.
    """
    rows = len(batch)
    kinds = _INDEX_OF_CODE[batch.kind]
    if rows and int(kinds.min()) < 0:
        raise ValueError("a batch holds an event of an unknown kind")
    columns = [
        pa.array(np.arange(batch.first_event_id, batch.first_event_id + rows)),
        pa.array(batch.time_ns),
        pa.DictionaryArray.from_arrays(pa.array(kinds), _WORDS),
        pa.array(batch.track_id),
        id_column(batch.site_id, pa.int32()),
        id_column(batch.object_id, pa.int64()),
        sparse_texts(rows, batch.value_rows, batch.values),
        id_column(batch.ref, pa.int64()),
        pa.array(batch.flags),
        sparse_texts(rows, batch.message_rows, batch.messages),
    ]
    return pa.table(columns, schema=SCHEMAS["events"])


def batch_from_table(table: pa.Table, first_event_id: int, columns: Iterable[str] | None = None) -> EventBatch:
    """The rows of `events` as a batch; what was not read (see `columns`) is zero.

    A kind that this version does not know has the code 0: the event counts and has its place, but no meaning.
    """
    have = set(table.column_names)
    filled: dict[str, Any] = {
        name: integers(one_array(table[name]), dtype) if name in have else np.zeros(len(table), dtype)
        for name, dtype in _INT_COLUMNS.items()
    }
    kind = kinds(table["kind"]) if "kind" in have else np.zeros(len(table), np.uint8)
    texts = {name: _texts(table, name) if name in have else (np.empty(0, np.int64), NO_TEXTS) for name in _TEXTS}
    (value_rows, values), (message_rows, messages) = (texts[name] for name in _TEXTS)
    return make_batch(
        first_event_id, kind=kind, value_rows=value_rows, values=values,
        message_rows=message_rows, messages=messages, **filled,
    )  # fmt: skip


def _texts(table: pa.Table, name: str) -> tuple[npt.NDArray[np.int64], TextColumn]:
    """(rows that have one, the texts)."""
    column = one_array(table[name])
    if column.null_count == len(column):
        return np.empty(0, np.int64), NO_TEXTS
    rows = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    return rows, TextColumn.held_in(column, rows)


def one_array(column: pa.ChunkedArray) -> pa.Array:
    """The column in one piece, copied only if it is not."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def integers(array: pa.Array, dtype: type[np.generic] | None = None) -> npt.NDArray[Any]:
    """The numbers, 0 for null."""
    if array.null_count == len(array):
        return np.zeros(len(array), dtype or array.type.to_pandas_dtype())
    if array.null_count:
        array = array.fill_null(0)
    numbers: npt.NDArray[Any] = array.to_numpy()
    return numbers if dtype is None else numbers.astype(dtype, copy=False)


def kinds(column: pa.ChunkedArray) -> npt.NDArray[np.uint8]:
    """The codes of a column of kinds; 0 for one that this version does not know."""
    array = one_array(column)
    if len(array) == 0:
        return np.empty(0, np.uint8)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes = np.array([KIND_CODES.get(word, 0) for word in array.dictionary.to_pylist()] or [0], np.uint8)
    found: npt.NDArray[np.uint8] = codes[integers(array.indices, np.int32)]
    return found


def sparse_texts(rows: int, at: npt.NDArray[np.int64], texts: TextColumn) -> pa.Array:
    """A text column that is null everywhere but at the given rows, built from its buffers; a null there stays one."""
    if not len(texts):
        return pa.nulls(rows, pa.string())
    dense = texts.array.cast(pa.string())
    if len(texts) == rows:
        return dense
    ends = np.frombuffer(dense.buffers()[1], np.int32)[dense.offset : dense.offset + len(texts) + 1]
    offsets = np.zeros(rows + 1, np.int32)
    offsets[0] = ends[0]
    offsets[at + 1] = np.diff(ends)
    np.cumsum(offsets, out=offsets)
    valid = np.zeros(rows, np.bool_)
    valid[at] = dense.is_valid().to_numpy(zero_copy_only=False)
    bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), rows, [bits, pa.py_buffer(offsets), dense.buffers()[2]])
