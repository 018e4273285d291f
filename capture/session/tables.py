"""The tables of a session: their columns, in the order that SQL and Parquet show them, and rows turned into tables.

An id column holds null where there is none. Kinds and outcomes are words, so that every Parquet reader sees words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

OLD_ROWS_BACK = "old_rows_back"  # see capture.session.stored_states

_INT32, _INT64, _TEXT, _REAL = pa.int32(), pa.int64(), pa.string(), pa.float64()
WORDS = pa.dictionary(pa.int8(), pa.string())  # a handful of distinct words


def _schema(*columns: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns])


SCHEMAS: dict[str, pa.Schema] = {
    "processes": _schema(
        ("process_id", _INT32), ("node", _TEXT), ("pid", _INT64), ("name", _TEXT), ("command", _TEXT),
        ("parent_id", _INT32), ("start_ns", _INT64), ("end_ns", _INT64), ("python", _TEXT), ("tier", _TEXT),
    ),
    "tracks": _schema(
        ("track_id", _INT32), ("process_id", _INT32), ("kind", _TEXT), ("name", _TEXT), ("os_id", _INT64),
        ("parent_track_id", _INT32), ("start_ns", _INT64), ("end_ns", _INT64),
    ),
    "sites": _schema(
        ("site_id", _INT32), ("function", _TEXT), ("module", _TEXT), ("file", _TEXT), ("line", _INT32),
    ),
    "state_keys": _schema(("key_id", _INT32), ("owner", _TEXT), ("key", _TEXT), ("scope", _TEXT)),
    "events": _schema(
        ("event_id", _INT64), ("time_ns", _INT64), ("kind", WORDS), ("track_id", _INT32), ("site_id", _INT32),
        ("object_id", _INT64), ("value", _TEXT), ("ref", _INT64), ("flags", pa.uint8()),
    ),
    "calls": _schema(
        ("call_id", _INT64), ("start_ns", _INT64), ("end_ns", _INT64), ("track_id", _INT32), ("depth", _INT32),
        ("site_id", _INT32), ("parent_call_id", _INT64), ("outcome", WORDS),
    ),
    "messages": _schema(
        ("message_id", _INT64), ("channel_id", _INT64), ("kind", _TEXT), ("sent_ns", _INT64), ("received_ns", _INT64),
        ("sender_track_id", _INT32), ("receiver_track_id", _INT32), ("size_bytes", _INT64), ("summary", _TEXT),
    ),
    "waits": _schema(
        ("start_ns", _INT64), ("end_ns", _INT64), ("track_id", _INT32), ("kind", _TEXT), ("object_id", _INT64),
        ("holder_track_id", _INT32), ("confidence", _TEXT),
    ),
    "holds": _schema(("start_ns", _INT64), ("end_ns", _INT64), ("track_id", _INT32), ("object_id", _INT64)),
    "allocations": _schema(
        ("time_ns", _INT64), ("freed_ns", _INT64), ("track_id", _INT32), ("site_id", _INT32), ("type", _TEXT),
        ("bytes", _INT64), ("count", _INT64), ("weight", _REAL),
    ),
    "gc_runs": _schema(
        ("start_ns", _INT64), ("end_ns", _INT64), ("process_id", _INT32), ("generation", _INT32),
        ("collected", _INT64), ("uncollectable", _INT64),
    ),
    "states": _schema(
        ("version_id", _INT64), ("time_ns", _INT64), ("object_id", _INT64), ("owner", _TEXT), ("key", _TEXT),
        ("old", _TEXT), ("new", _TEXT), ("writer_track_id", _INT32), ("writer_call_id", _INT64), ("changes", _INT64),
    ),
    "metrics": _schema(("time_ns", _INT64), ("process_id", _INT32), ("name", _TEXT), ("value", _REAL)),
    "edges": _schema(("cause_event_id", _INT64), ("effect_event_id", _INT64), ("kind", _TEXT)),
    "gaps": _schema(
        ("start_ns", _INT64), ("end_ns", _INT64), ("track_id", _INT32), ("dropped", _INT64), ("reason", _TEXT),
    ),
    "notes": _schema(("time_ns", _INT64), ("end_ns", _INT64), ("text", _TEXT), ("author", _TEXT)),
}  # fmt: skip

# Columns as they stand on the disk, where they differ.
STORED_SCHEMAS = {**SCHEMAS, "states": SCHEMAS["states"].append(pa.field(OLD_ROWS_BACK, _INT32))}

DEFINITION_TABLES = ("processes", "tracks", "sites", "state_keys")
SEGMENT_TABLES = ("events", "calls", "states", "metrics", "edges", "gaps", "waits")
# Which column places a row in its segment: a row lies where it ends, because that is when it is known.
TIME_COLUMN = {"events": "time_ns", "calls": "end_ns", "states": "time_ns", "metrics": "time_ns"}

OUTCOMES = ("return", "yield", "raise", "open")
_OUTCOME_WORDS = pa.array(OUTCOMES)
# Columns whose 0 means "none" when rows come as numpy columns.
_ZERO_IS_NONE = frozenset(
    {"site_id", "object_id", "ref", "parent_call_id", "parent_track_id", "parent_id", "writer_call_id"}
    | {"writer_track_id", "holder_track_id"}
)

Rows: TypeAlias = pa.Table | Mapping[str, Any] | Sequence[Any]


def empty_table(name: str) -> pa.Table:
    """The table without rows."""
    return SCHEMAS[name].empty_table()


def as_table(name: str, rows: Rows, *, stored: bool = False) -> pa.Table:
    """Rows as the named table, whatever they come as: a table, columns by name, or a list of structs, dicts or tuples.

    In `calls` the outcome may be a code (its place in OUTCOMES); an open call ends at null. A column that is
    missing is null. Columns of texts may stay dictionaries. `stored`: with the columns that stand on the disk.

    Raises: KeyError for an unknown table, TypeError or pyarrow.ArrowInvalid for values of the wrong type.
    """
    schema = (STORED_SCHEMAS if stored else SCHEMAS)[name]
    if isinstance(rows, Sequence):
        return pa.table([_gather(rows, i, field) for i, field in enumerate(schema)], schema=schema)
    if not isinstance(rows, Mapping):
        return pa.table([_cast(rows, field) for field in schema], schema=schema)
    count = len(next(iter(rows.values()), ()))
    if name == "calls":
        rows = _without_ends_of_open_calls(rows)
    columns = [_column(field, rows.get(field.name), count) for field in schema]
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


def _column(field: pa.Field, values: Any, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, field.type)
    if isinstance(values, np.ndarray):
        if field.type == WORDS and values.dtype.kind in "iu":
            return pa.DictionaryArray.from_arrays(pa.array(values, pa.int8(), safe=False), _OUTCOME_WORDS)
        if field.name in _ZERO_IS_NONE:
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
