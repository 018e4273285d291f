"""Writes the golden session of the current format version: `python -m tests.golden.make_golden`.

Run once per released version, before the release; what is committed is never written again.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from capture.session.format import version_text
from capture.session.pack import pack
from capture.session.query import query
from capture.session.session import Session
from capture.session.tables import SCHEMAS
from tests.sessions import build_session

HERE = Path(__file__).parent


def main() -> None:
    """Writes a session of 60 events and the tables it must yield."""
    folder = HERE / version_text()
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        built = build_session(Path(scratch) / "golden.scope", events=60, tracks=2, segments=2, seed=7)
        pack(built.path, folder / "session.zip")
    with Session.open(folder / "session.zip") as session:
        tables = {name: query(session, f"SELECT * FROM {name}").to_pylist() for name in SCHEMAS}
    lines = (f"{json.dumps(name)}: [\n{_rows(rows)}\n]" for name, rows in tables.items() if rows)
    (folder / "tables.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _rows(rows: list[dict[str, object]]) -> str:
    return ",\n".join(json.dumps(row) for row in rows)


if __name__ == "__main__":
    main()
