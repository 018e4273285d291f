"""Threads that C has made, and that only call back into Python, are recorded like those that Python has made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope_json

PROGRAM = Path(__file__).parent / "programs" / "called_back_from_c.py"
THREADS, CALLS = 60, 20


def assert_all_is_there(session: Path) -> None:
    rows = query(
        session,
        "SELECT function, count(*) AS calls, count(DISTINCT track_id) AS tracks, max(depth) AS depth "
        "FROM calls JOIN sites USING (site_id) WHERE function IN ('called_back', 'deep', 'work') GROUP BY 1 ORDER BY 1",
    )
    assert rows == [
        {"function": "called_back", "calls": THREADS, "tracks": THREADS, "depth": 0},
        {"function": "deep", "calls": THREADS * CALLS * 4, "tracks": THREADS, "depth": 4},
        {"function": "work", "calls": THREADS * CALLS, "tracks": THREADS, "depth": 5},
    ]
    assert scope_json("info", session, "--json")["unseen"] == []


@pytest.mark.minors("3.10", "3.11", "3.14")  # where each thread has a hook of its own, and where none has
def test_a_run_records_threads_that_c_has_made(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "run.scope"
    done = run_recorded(session, [interpreter.path, PROGRAM])
    assert done.stdout == f"done {THREADS * CALLS}\n"
    assert_all_is_there(session)
