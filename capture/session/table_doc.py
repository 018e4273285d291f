"""What the tables are, in words: the section of `capture/FORMAT.md` and the help of `scope-gui query`.

`python -m capture.session.table_doc` writes the section anew; a test compares it with TABLES.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from capture.session.tables import TABLE, WORDS, Column, Table

FORMAT_DOCUMENT = Path(__file__).parent.parent / "FORMAT.md"
BEGIN, END = "<!-- tables: python -m capture.session.table_doc -->\n", "<!-- end of tables -->\n"
_LIVES = {"definition": "definitions", "segment": "segments", "nowhere": "nothing records it yet"}
_TYPES = {WORDS: "text", pa.string(): "text"}


def document_section() -> str:
    """A heading, a sentence and the columns of each table, as Markdown."""
    return "\n".join(_described(table) for table in TABLE.values())


def with_section(document: str) -> str:
    """The document with the section in its place. Raises: ValueError where it has no place for it."""
    before, rest = document.split(BEGIN)
    return before + BEGIN + document_section() + END + rest.split(END)[1]


def sql_help() -> str:
    """Each table with its sentence and its columns, for a terminal."""
    lines = ["tables:"]
    for table in TABLE.values():
        shown = ", ".join(column.name for column in table.columns if not column.stored_only)
        lines += [f"  {table.name}: {table.says}", f"    {shown}"]
    return "\n".join(lines)


def _described(table: Table) -> str:
    rows = "".join(f"| `{c.name}` | {_TYPES.get(c.type, c.type)} | {_meaning(c)} |\n" for c in table.columns)
    return f"#### {table.name}\n{table.says} ({_LIVES[table.lives]})\n\n| column | type | |\n|---|---|---|\n{rows}"


def _meaning(column: Column) -> str:
    said = f"In files only. {column.says}" if column.stored_only else column.says
    return f"{said} Of `{column.refers}`." if column.refers else said


if __name__ == "__main__":
    FORMAT_DOCUMENT.write_text(with_section(FORMAT_DOCUMENT.read_text()))
