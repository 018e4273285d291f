"""What tables and kinds of events are, in words: sections of `capture/FORMAT.md`, and the help of `scope-gui query`.

`python -m capture.session.table_doc` writes the sections anew; a test compares them with TABLES and KINDS.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from capture.events.kinds import KINDS, GapReason, Kind
from capture.session.table_shape import WORDS, Column, Table
from capture.session.tables import TABLE

FORMAT_DOCUMENT = Path(__file__).parent.parent / "FORMAT.md"
_REFS = {"thread": "the other thread's track", "dropped": "how many", "state key": "the key's id",
         "site, line": "the line that the caller is at; null: not known",
         "line": "the line, in the function's file",
         "exception": "which of the raises before it on its track, counted back from 1; null: not known"}  # fmt: skip
_LIVES = {"definition": "definitions", "segment": "segments", "derived": "made of others when it is read",
          "nowhere": "nothing records it yet"}  # fmt: skip
_TYPES = {WORDS: "text", pa.string(): "text"}


def tables_section() -> str:
    """A heading, a sentence and the columns of each table, as Markdown."""
    return "\n".join(_described(table) for table in TABLE.values())


def kinds_section() -> str:
    """A line for each kind of events, for each bit of their flags, and for each reason of a gap, as Markdown."""
    lines = ["| `kind` | code | what happened | `ref` |", "|---|---|---|---|"]
    lines += [f"| `{kind.word}` | {int(kind)} | {kind.row.says} | {_ref(kind)} |" for kind in KINDS]
    lines += ["", "| bit of `flags` | of | name | |", "|---|---|---|---|"]
    flags = [(kind, flag) for kind in KINDS for flag in kind.row.flags or ()]
    lines += [f"| {int(flag)} | `{kind.word}` | {flag.word} | {flag.says} |" for kind, flag in flags]
    lines += ["", "| `reason` of a gap | |", "|---|---|"]
    lines += [f"| `{reason.word}` | {reason.says} |" for reason in GapReason]
    return "\n".join(lines) + "\n"


SECTIONS: dict[str, Callable[[], str]] = {"tables": tables_section, "kinds": kinds_section}


def with_sections(document: str) -> str:
    """The document with the sections in their places. Raises: ValueError where it has no place for one."""
    for name, section in SECTIONS.items():
        begin, end = f"<!-- {name}: python -m capture.session.table_doc -->\n", f"<!-- end of {name} -->\n"
        before, rest = document.split(begin)
        document = before + begin + section() + end + rest.split(end)[1]
    return document


def sql_help() -> str:
    """Each table with its sentence and its columns, for a terminal."""
    lines = ["tables:"]
    for table in TABLE.values():
        shown = ", ".join(column.name for column in table.columns if not column.stored_only)
        lines += [f"  {table.name}: {table.says}", f"    {shown}"]
    return "\n".join(lines)


def _ref(kind: Kind) -> str:
    """What the number of that kind is."""
    if kind.row.payload in ("output", "exception", "frame"):
        return "the line; null: not known"
    return _REFS.get(kind.row.b if kind.row.b in ("exception", "line") else kind.row.a, "")


def _described(table: Table) -> str:
    rows = "".join(f"| `{c.name}` | {_TYPES.get(c.type, c.type)} | {_meaning(c)} |\n" for c in table.columns)
    return f"#### {table.name}\n{table.says} ({_LIVES[table.lives]})\n\n| column | type | |\n|---|---|---|\n{rows}"


def _meaning(column: Column) -> str:
    said = f"In files only. {column.says}" if column.stored_only else column.says
    return f"{said} Of `{column.refers}`." if column.refers else said


if __name__ == "__main__":
    FORMAT_DOCUMENT.write_text(with_sections(FORMAT_DOCUMENT.read_text()))
