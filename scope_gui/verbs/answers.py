"""The rows of an answer: asked for in SQL, and put on standard output as a table for people, as JSON, as CSV."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

from capture.session.answer import rows
from capture.session.session import Session
from capture.shown_text import escaped_json, one_line

MOST_COLUMN_CHARACTERS = 60
_BEGINS_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # the wide ones, too: spreadsheets take both
_CELLS = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


def answer(
    session: Session, sql: str, open_rows: Mapping[str, Any] | None = None, *, max_rows: int, max_seconds: float = 0
) -> pa.Table:
    """What SQL says of a session.

    Raises: as `capture.session.query.query`.
    """
    from capture.session.query import Limits  # noqa: PLC0415 - duckdb takes as long to import as all the rest of a frame
    from capture.session.query import query as ask  # noqa: PLC0415

    return ask(session, sql, open_rows, Limits(rows=max_rows, seconds=max_seconds))


def print_table(table: pa.Table, format_name: str) -> None:
    """The rows of an answer, a few at a time: as Python's values they take ten times the room."""
    names = table.column_names
    if format_name == "json":
        _print_objects(names, table)
    elif format_name == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([_harmless(name) for name in names])
        writer.writerows([_harmless(value) for value in row] for row in rows(table))
    else:
        _print_columns(names, table)


def _print_objects(names: Sequence[str], table: pa.Table) -> None:
    sys.stdout.write("[")
    for number, row in enumerate(rows(table)):
        cells = {name: _number(value) for name, value in zip(names, row, strict=True)}
        sys.stdout.write(("," if number else "") + escaped_json(_CELLS.encode(cells).decode()))
    sys.stdout.write("]\n")


def _number(value: Any) -> Any:
    """A sum of int64 comes as a decimal; a whole one is a number to whoever reads JSON."""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    return value


def _print_columns(names: Sequence[str], table: pa.Table) -> None:
    heads = [one_line(name) for name in names]
    widths = [len(head) for head in heads]
    for row in _cells(table):
        widths = [max(width, len(cell)) for width, cell in zip(widths, row, strict=True)]
    for start in ([heads], [["-" * width for width in widths]], _cells(table)):
        for row in start:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(table: pa.Table) -> Iterator[list[str]]:
    return ([short_cell(value) for value in row] for row in rows(table))


def short_cell(value: Any) -> str:
    """A value on one line of a table."""
    text = "" if value is None else str(value)[: MOST_COLUMN_CHARACTERS + 1]
    text = one_line(text)
    return text if len(text) <= MOST_COLUMN_CHARACTERS else text[: MOST_COLUMN_CHARACTERS - 1] + "…"


def _harmless(value: Any) -> Any:
    """A CSV cell that no spreadsheet takes for a formula, without characters that are not seen."""
    if not isinstance(value, str):
        return value
    shown = one_line(value)
    return f"'{shown}" if _BEGINS_FORMULA.match(shown) else shown
