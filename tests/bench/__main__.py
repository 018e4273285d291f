"""Runs every row, or those whose name is given; `--help` names them."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import (
    capture_rows,
    export_rows,
    line_rows,
    mixed_rows,
    overhead_rows,
    session_rows,
    state_rows,
    track_rows,
    window_rows,
)
from tests.bench.report import Row, table

ROWS: dict[str, Callable[[Path], list[Row]]] = {
    "cost": capture_rows.cost_per_event,
    "lines": line_rows.cost_of_lines,
    "overhead": overhead_rows.overhead,
    "calls": capture_rows.ten_million_calls,
    "attach": capture_rows.attach_time,
    "session": session_rows.large_session,
    "tracks": track_rows.many_tracks,
    "states": state_rows.sealing_of_states,
    "mixed": mixed_rows.sealing_by_mix,
    "window": window_rows.real_window,
    "export": export_rows.one_moment,
}


def main() -> int:
    """Prints the table; 1 when a bar is missed, so that a script can tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"default: all of {', '.join(ROWS)}")
    chosen = parser.parse_args().rows or list(ROWS)
    if unknown := [name for name in chosen if name not in ROWS]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed Scope has its bytecode; compiling it is not starting
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="scope-bench-") as folder:
        for name in chosen:
            print(f"measuring: {name} ...", flush=True)
            rows += ROWS[name](Path(folder))
    print(table(rows))
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
