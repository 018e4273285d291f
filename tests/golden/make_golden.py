"""Writes the golden session of the current format version: `python -m tests.golden.make_golden`.

Run once per released version, before the release; what is committed is never written again. Each has what its version
added: that of 1.1 arguments and results of calls, in tables and in frames.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import msgspec

from capture.session.format import version_text
from capture.session.pack import pack
from capture.session.query import query
from capture.session.session import Session
from capture.session.tables import SCHEMAS
from tests.frames import frame_and_reads
from tests.sessions import make_events, with_values, write_session

HERE = Path(__file__).parent


def main() -> None:
    """Writes a session of 120 events, and the tables and the frames that it must yield."""
    folder = HERE / version_text()
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        events, _, _ = with_values(make_events(120, 2, seed=7)[0])
        pack(write_session(Path(scratch) / "golden.scope", events, 3), folder / "session.zip")
    with Session.open(folder / "session.zip") as session:
        tables = {name: query(session, f"SELECT * FROM {name}").to_pylist() for name in SCHEMAS}
        told = [_frame(session, int(events.time_ns[row])) for row in range(9, len(events), 15)]
    lines = (f"{json.dumps(name)}: [\n{_rows(rows)}\n]" for name, rows in tables.items() if rows)
    (folder / "tables.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    (folder / "frames.json").write_text(f"[\n{_rows(told)}\n]\n")


def _frame(session: Session, time_ns: int) -> dict[str, object]:
    reads, frame = frame_and_reads(session, time_ns)
    return {"at_ns": time_ns, "segments_read": reads, "frame": msgspec.to_builtins(frame)}


def _rows(rows: list[dict[str, object]]) -> str:
    return ",\n".join(json.dumps(row) for row in rows)


if __name__ == "__main__":
    main()
