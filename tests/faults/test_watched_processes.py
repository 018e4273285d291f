"""Of a process that is only watched from outside the frame says what the system knows, or that nobody knows."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.test_waits import PROGRAM as WAITS
from tests.faults.test_waits import WAITS_FOR
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope, scope_json
from tests.targets import Launcher

CHILDREN = Path(__file__).parent / "programs" / "starts_idle_children.py"


@pytest.mark.minors("3.12")
def test_a_watched_child_does_what_the_system_says(interpreter: Interpreter, target: Launcher, tmp_path: Path) -> None:
    program = target([interpreter.path, CHILDREN, tmp_path / "end"], ready="ready")
    sleeps, stopped, runs = map(int, program.output().split()[1:4])
    session = tmp_path / "s.scope"
    scope("attach", program.pid, "--no-window", "-o", session, "--duration", "1.5")
    (tmp_path / "end").touch()
    program.wait(20)
    frame = scope_json("frame", session, "--at", "end", "--json")
    told = {one["pid"]: (one["status"], one["status_confidence"]) for one in frame["processes"]}
    assert told[sleeps] == ("waiting", "sampled")
    assert told[stopped] == ("stopped", "sampled")
    assert told[runs] == ("running", "sampled")
    assert not any("os_state" in name for name in frame["metrics"])
    assert f"process {stopped} sleep: stopped (sampled)" in scope("frame", session, "--at", "end").stdout


@pytest.mark.alone  # a wait is two looks that saw no move: one thread of nine had none once where the machine was busy
@pytest.mark.minors("3.11", "3.14")
def test_threads_of_another_pid_namespace_are_known_by_their_own_numbers(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    """They were called running, on the word of looks at threads that have those numbers outside."""
    unshare = ["unshare", "--fork", "--pid", "--kill-child"]
    if os.getuid() != 0 or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs root: to make a pid namespace")
    session = tmp_path / "s.scope"
    run_recorded(session, [*unshare, interpreter.path, WAITS, tmp_path / "log", 4])
    rows = query(session, "SELECT DISTINCT name, waits.kind AS kind FROM waits JOIN tracks USING (track_id)")
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["name"], set()).add(row["kind"])
    for name, kind in WAITS_FOR.items():  # any of them may have waited for the GIL before
        assert found.get(name, set()) & {kind, "lock"}, (name, found)
    assert found.get("burn", set()) <= {"gil"}, found
