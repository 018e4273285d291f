"""What a table of a session is made of: the rows of `capture.session.tables` are written in these words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import msgspec
import pyarrow as pa

from capture.events.kinds import Kind
from capture.session.format import MAX_TABLE_ROWS

WORDS = pa.dictionary(pa.int8(), pa.string())  # a handful of distinct words

Encoding = Literal["delta", "dictionary", "plain", "sampled"]
Lives = Literal["definition", "segment", "derived", "nowhere"]
OpenRows = Literal["none", "added", "whole"]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column. `says`: one sentence with its unit and what null means.

    encoding: delta (times and dense ids), dictionary (few distinct values), plain (zstd finds what repeats), sampled
    (a dictionary where a look at the middle finds few distinct texts). zero_is_none: 0 in a numpy column means null.
    skips: readers pass over rows by its statistics. refers: the table whose first column its values are in. told_by:
    columns of the events that say the same, see `Table.event_kind`. told_at: the stored column that leads to the event
    whose `told_by` is the text of the row; where it is null, the row says it itself. absent_is: what it is where a
    file lacks it.
    mostly_null: a file lacks it where all of it is null. stored_only: it stands in files and is not shown. codes: its
    words, in the order of the codes that rows may hold in their place.
    """

    name: str
    type: pa.DataType
    says: str
    encoding: Encoding
    zero_is_none: bool = False
    skips: bool = False
    refers: str = ""
    told_by: tuple[str, ...] = ()
    told_at: str = ""
    absent_is: int | None = None
    mostly_null: bool = False
    stored_only: bool = False
    codes: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table. `says`: one sentence.

    lives: in files of definitions, in segments, made of others when it is read, or nowhere until something records it.
    numbered: the first column counts a segment's rows from its first event's id, and rows are in order of `time`.
    time: the column whose instants lie within the segment's stretch. A row lies where it ends: then it is known.
    event_kind: its rows in a segment are the events of that kind, in order, so that a file need not repeat them.
    changes_of: its rows in a segment are what events of these kinds tell of local variables, in order; likewise.
    open_rows: what SQL shows of what has not ended. added: those of a live session beside the sealed ones. whole:
    these instead of rows without an end, which say only where the whole row begins.
    streams: SQL reads it segment by segment; one that does not is read as a whole, with `damaged_is` as the reason of a
    row for each damaged segment.
    grows: its rows never change, so that only new ones are written. most_rows: in all of its files.
    """

    name: str
    says: str
    lives: Lives
    columns: tuple[Column, ...]
    numbered: bool = False
    time: str = ""
    event_kind: Kind | None = None
    changes_of: tuple[Kind, ...] = ()
    open_rows: OpenRows = "none"
    streams: bool = True
    damaged_is: str = ""
    grows: bool = False
    most_rows: int = MAX_TABLE_ROWS

    @property
    def schema(self) -> pa.Schema:
        """The columns that are shown, in the order that SQL and Parquet show them."""
        return pa.schema([pa.field(column.name, column.type) for column in self.columns if not column.stored_only])

    @property
    def is_told(self) -> bool:
        """Whether the events of a segment tell its rows."""
        return self.event_kind is not None or bool(self.changes_of)

    @property
    def is_shortened(self) -> bool:
        """Whether its files say less than its rows."""
        return self.is_told or any(c.stored_only or c.absent_is is not None for c in self.columns)

    def is_shortened_in(self, names: Collection[str]) -> bool:
        """Whether its files say less of these columns than its rows."""
        if self.is_told or any(column.absent_is is not None for column in self.columns):
            return True
        return any(column.told_at for column in self.columns if column.name in names)

    @property
    def stored_schema(self) -> pa.Schema:
        """The columns of a file."""
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])


_USUAL: dict[pa.DataType, Encoding] = {pa.int64(): "delta", pa.float64(): "plain"}


def column(
    name: str,
    kind: pa.DataType,
    says: str,
    *,
    encoding: Encoding | None = None,
    none: bool = False,
    skips: bool = False,
    refers: str = "",
    told_by: tuple[str, ...] = (),
    told_at: str = "",
    absent_is: int | None = None,
    mostly_null: bool = False,
    stored_only: bool = False,
    codes: tuple[str, ...] = (),
) -> Column:
    """A column, encoded as its type usually is. `none`: zero_is_none."""
    return Column(
        name=name,
        type=kind,
        says=says,
        encoding=encoding or _USUAL.get(kind, "dictionary"),
        zero_is_none=none,
        skips=skips,
        refers=refers,
        told_by=told_by,
        told_at=told_at,
        absent_is=absent_is,
        mostly_null=mostly_null,
        stored_only=stored_only,
        codes=codes,
    )
