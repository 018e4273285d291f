"""The table that `make bench` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of design.md §10 beside its bar and today's tools."""

    what: str
    ours: str
    bar: str
    theirs: str
    met: bool
    note: str = ""


def table(rows: list[Row]) -> str:
    """The rows as a text table."""
    header = ("what", "ours", "bar", "today's tools", "met", "note")
    lines = [header, *((r.what, r.ours, r.bar, r.theirs, "yes" if r.met else "NO", r.note) for r in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([text[0], "  ".join("-" * width for width in widths), *text[1:]])
