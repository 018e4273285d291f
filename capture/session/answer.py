"""The rows of an answer as Python's values, whatever is in them: years before 1 and after 9999, bytes that are no text.

Python has no value for some of what SQL has; that becomes the text that Arrow, or SQL, has for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

_AT_ONCE, _BYTES_AT_ONCE = 4096, 8 << 20
_HUGE = {b"UHUGEINT", b"BIGNUM"}  # integers that come as text
_MOST_DIGITS = 640  # the least that an interpreter can be told to stop at; its default is 4300
_INNER_BYTES = 64  # of a value inside of another one, which becomes an object of its own in Python


def rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Row by row, also where columns have the same name. About a million values a second."""
    huge = [(field.metadata or {}).get(b"sql") in _HUGE for field in table.schema]
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        step = max(1, len(batch) * _BYTES_AT_ONCE // max(weight(batch), 1))
        for first in range(0, len(batch), step):
            columns = map(_values, batch.slice(first, step).columns)
            values = (_integers(c) if is_huge else c for c, is_huge in zip(columns, huge, strict=True))
            yield from zip(*values, strict=True)


def weight(batch: pa.RecordBatch) -> int:
    """About the bytes that the rows take, in Arrow and in Python: 60 M numbers in one list are 480 MiB and 2 GiB."""
    return int(batch.nbytes) + _INNER_BYTES * sum(map(_inner_values, batch.columns))


def _inner_values(column: pa.Array) -> int:
    """How many values there are inside of the column's own."""
    if pa.types.is_struct(column.type):
        parts = column.flatten()
    elif pa.types.is_map(column.type):
        first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
        parts = [part.slice(first, last - first) for part in (column.keys, column.items)]
    elif pa.types.is_nested(column.type):
        parts = [column.flatten()]
    else:
        return 0
    return sum(len(part) + _inner_values(part) for part in parts)


def _integers(texts: list[Any]) -> list[Any]:
    """Numbers; of more digits than Python makes numbers of, the text."""
    return [text if text is None or len(text) > _MOST_DIGITS else int(text) for text in texts]


def _values(column: pa.Array) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError, ArithmeticError, pa.ArrowException):  # of one of them
        return [_value(one) for one in column]
    return values


def _value(one: pa.Scalar) -> Any:
    try:
        return one.as_py()
    except (ValueError, OverflowError, ArithmeticError, pa.ArrowException):
        pass
    if isinstance(one, pa.StructScalar):
        return {name: _value(one[index]) for index, name in enumerate(one.type.names)}
    if isinstance(one, (pa.ListScalar, pa.LargeListScalar, pa.FixedSizeListScalar)):
        return _values(one.values)
    if isinstance(one, (pa.StringScalar, pa.LargeStringScalar)):
        return one.as_buffer().to_pybytes().decode("utf-8", "backslashreplace")
    return one.cast(pa.string()).as_py()
