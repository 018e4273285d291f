"""What a frame claims: no exact stacks in modes that record no calls, and no long list of what has ended."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.scope_command import run_recorded, scope, scope_json

PROGRAM = """
import threading, time
for _ in range(12):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
time.sleep(0.05)
"""


def test_ended_threads_are_counted_and_listed_on_demand(tmp_path: Path) -> None:
    session = tmp_path / "threads.scope"
    run_recorded(session, [sys.executable, "-c", PROGRAM])
    text = scope("frame", session, "--at", "end").stdout
    assert "ended threads, --all shows them" in text
    assert "(ended)" not in text
    assert scope("frame", session, "--at", "end", "--all").stdout.count("(ended)") >= 12


def test_a_mode_without_calls_has_no_exact_stacks(tmp_path: Path) -> None:
    session = tmp_path / "minimal.scope"
    run_recorded(session, [sys.executable, "-c", PROGRAM], "--mode", "minimal")
    assert scope_json("frame", session, "--at", "50%", "--json")["confidence"]["stacks"] == "not captured"
