"""What the inspector's page is made of: titled sections of rows, with words that lead on. No Qt."""

from __future__ import annotations

from typing import Literal

import msgspec

from views.inspector.diff import Piece
from views.loop.events import Event
from views.loop.thing import Thing

NAME_LENGTH = 300
VALUE_LENGTH = 400


class Link(msgspec.Struct, frozen=True):
    """Words to press, and what happens then."""

    text: str
    event: Event


class SourcePlace(msgspec.Struct, frozen=True):
    """Where a function stands on the recording machine; read only when somebody asks for it."""

    file: str
    line: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `key` is its identity among the rows of its section.

    Of a table: `figures` stand in its columns, `share` is how long the line below is, `leads` what pressing the name
    does, `level` how far it is indented, `opens` what opens or closes it, where it can be.
    """

    key: str
    label: str
    pieces: tuple[Piece, ...] = ()
    note: str = ""
    links: tuple[Link, ...] = ()
    source: SourcePlace | None = None
    picked: bool = False
    figures: tuple[str, ...] = ()
    share: float = 0.0
    leads: Event | None = None
    level: int = 0
    opens: Event | None = None
    is_open: bool = False


class Bar(msgspec.Struct, frozen=True):
    """A bar of a chart, so high of the highest; `says` what it stands for, `event` is what pressing it does."""

    share: float
    says: str
    event: Event | None = None


class SectionMark(msgspec.Struct, frozen=True):
    """A line through a chart, so far from its left end; `text` stands beside it."""

    at: float
    text: str = ""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """Bars side by side, what both ends of their axis are, and lines through them."""

    bars: tuple[Bar, ...]
    ends: tuple[str, str]
    marks: tuple[SectionMark, ...] = ()
    cursor: float | None = None


Form = Literal["facts", "entries", "lines", "table"]
"""facts: a label and what it says, beside each other. entries: two lines a row, names above values. lines: one line a
row, whose label leads where its link does. table: names with figures in columns.
"""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A titled group of rows, or a chart. `is_old`: of what was picked before, until that of what is picked is known.

    Of a table: `columns` are the words above its figures, `sorted_by` the one that its rows are in the order of, the
    last without; `is_tree`: names leave room for what opens them.
    """

    key: str
    title: str
    rows: tuple[Row, ...] = ()
    form: Form = "entries"
    is_old: bool = False
    columns: tuple[str, ...] = ()
    sorted_by: str = ""
    is_tree: bool = False
    chart: Chart | None = None


def as_old(section: Section) -> Section:
    """The section while something else is being read: it keeps its place and leads nowhere."""
    rows = tuple(msgspec.structs.replace(row, links=(), source=None, leads=None, opens=None) for row in section.rows)
    chart = section.chart
    if chart is not None:
        chart = msgspec.structs.replace(chart, bars=tuple(Bar(bar.share, "") for bar in chart.bars))
    return msgspec.structs.replace(section, rows=rows, chart=chart, is_old=True)


def row_thing(row: Row) -> Thing:
    """A row, for menus: its value, and where it leads."""
    value = "".join(piece.text for piece in row.pieces if piece.only_in != "old")
    leads = [("show", event) for event in (row.leads,) if event is not None]
    links = (*((link.text, link.event) for link in row.links), *leads)
    return Thing(kind="row", name=row.label, text=value or "  ".join(row.figures), links=links)
