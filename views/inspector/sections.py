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
    """One row. `key` is its identity among the rows of its section."""

    key: str
    label: str
    pieces: tuple[Piece, ...] = ()
    note: str = ""
    links: tuple[Link, ...] = ()
    source: SourcePlace | None = None
    picked: bool = False


Form = Literal["facts", "entries", "lines"]
"""facts: a label and what it says, beside each other. entries: two lines a row, names above values. lines: one line a
row, whose label leads where its link does.
"""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A titled group of rows. `is_old`: of what was picked before, until that of what is picked now is known."""

    key: str
    title: str
    rows: tuple[Row, ...]
    form: Form = "entries"
    is_old: bool = False


def as_old(section: Section) -> Section:
    """The section while something else is being read: it keeps its place and leads nowhere."""
    rows = tuple(msgspec.structs.replace(row, links=(), source=None) for row in section.rows)
    return msgspec.structs.replace(section, rows=rows, is_old=True)


def row_thing(row: Row) -> Thing:
    """A row, for menus: its value, and where it leads."""
    value = "".join(piece.text for piece in row.pieces if piece.only_in != "old")
    return Thing(kind="row", name=row.label, text=value, links=tuple((link.text, link.event) for link in row.links))
