"""Rows turned into tables, whatever they come as: structs, dicts, tuples, or numpy columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.session.table_shape import WORDS, Column
from capture.session.tables import COLUMNS, OUTCOMES, SCHEMAS, STORED_SCHEMAS

Rows: TypeAlias = pa.Table | Mapping[str, Any] | Sequence[Any]


def empty_table(name: str) -> pa.Table:
    """The table without rows."""
    return SCHEMAS[name].empty_table()


def as_table(name: str, rows: Rows, *, stored: bool = False) -> pa.Table:
    """Rows as the named table, whatever they come as: a table, columns by name, or a list of structs, dicts or tuples.

    A word may be a code (see `Column.codes`); a call whose outcome is `open` ends at null. A column that is missing is
    null. Columns of texts may stay dictionaries. `stored`: with the columns that stand on the disk.

    Raises: KeyError for an unknown table, TypeError or pyarrow.ArrowInvalid for values of the wrong type.
    """
    schema = (STORED_SCHEMAS if stored else SCHEMAS)[name]
    if isinstance(rows, Sequence):
        return pa.table([_gather(rows, i, field) for i, field in enumerate(schema)], schema=schema)
    if not isinstance(rows, Mapping):
        return pa.table([_cast(rows, field) for field in schema], schema=schema)
    count = len(next(iter(rows.values()), ()))
    if "outcome" in COLUMNS[name]:
        rows = _without_ends_of_open_calls(rows)
    columns = [_column(COLUMNS[name][field.name], rows.get(field.name), count) for field in schema]
    # A text column that comes as a dictionary stays one: the file is the same, and nothing is counted out again.
    fields = [field.with_type(column.type) for field, column in zip(schema, columns, strict=True)]
    return pa.table(columns, schema=pa.schema(fields))


def id_column(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """An id column in which 0 becomes null, at next to no cost when all or none of them are 0."""
    present = np.count_nonzero(values)
    if not present:
        return pa.nulls(len(values), kind)
    column = pa.array(values, kind)
    if present == len(values):
        return column
    valid = pa.py_buffer(np.packbits(values != 0, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [valid, column.buffers()[1]], null_count=len(values) - int(present))


def _column(field: Column, values: Any, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, field.type)
    if isinstance(values, np.ndarray):
        if field.type == WORDS and values.dtype.kind in "iu":
            return pa.DictionaryArray.from_arrays(pa.array(values, pa.int8(), safe=False), pa.array(field.codes))
        if field.zero_is_none:
            return id_column(values, field.type)
    if isinstance(values, pa.DictionaryArray) and values.type.value_type == field.type:
        return values
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values if values.type == field.type else values.cast(field.type)
    return pa.array(values, field.type)


def _cast(table: pa.Table, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    if field.name not in table.column_names:
        return pa.nulls(len(table), field.type)
    column = table[field.name]
    return column if column.type == field.type else column.cast(field.type)


def _gather(rows: Sequence[Any], index: int, field: pa.Field) -> pa.Array:
    first = rows[0] if rows else None
    if isinstance(first, Mapping):
        values = [row.get(field.name) for row in rows]
    elif isinstance(first, tuple):
        values = [row[index] for row in rows]
    else:
        values = [getattr(row, field.name, None) for row in rows]
    if field.type == WORDS:
        return pa.array(values, pa.string()).dictionary_encode().cast(WORDS)
    return pa.array(values, field.type)


def _without_ends_of_open_calls(rows: Mapping[str, Any]) -> Mapping[str, Any]:
    outcome, end_ns = rows.get("outcome"), rows.get("end_ns")
    if not (isinstance(outcome, np.ndarray) and isinstance(end_ns, np.ndarray) and outcome.dtype.kind in "iu"):
        return rows
    still_open = outcome == OUTCOMES.index("open")
    return {**rows, "end_ns": pa.array(end_ns, pa.int64(), mask=still_open)} if still_open.any() else rows
