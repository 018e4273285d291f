"""The rows of an answer as Python's values, whatever is in them: years before 1 and after 9999, bytes that are no text.

Python has no value for some of what SQL has; that becomes the text that Arrow, or SQL, has for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

_AT_ONCE = 4096
_HUGE = {b"UHUGEINT", b"BIGNUM"}  # integers that come as text


def rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Row by row, also where columns have the same name. About a million values a second."""
    huge = [(field.metadata or {}).get(b"sql") in _HUGE for field in table.schema]
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        columns = map(_values, batch.columns)
        yield from zip(*(_integers(c) if is_huge else c for c, is_huge in zip(columns, huge, strict=True)), strict=True)


def _integers(texts: list[Any]) -> list[Any]:
    return [None if text is None else int(text) for text in texts]


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
