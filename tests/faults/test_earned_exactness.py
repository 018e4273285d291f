"""What a frame claims: no exact stacks in modes that record no calls, and no long list of what has ended."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.scope_command import query, run_recorded, scope, scope_json

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


LEFT_OUT = """
import threading, time
def f(seconds):
    time.sleep(seconds)
threads = [threading.Thread(target=f, args=(0.6,), name=name) for name in ("left-1", "kept-1", "later")]
for thread in threads:
    thread.start()
time.sleep(0.3)
threads[2].name = "left-2"
for thread in threads:
    thread.join()
"""


def test_threads_that_a_filter_leaves_out_are_not_exact(tmp_path: Path) -> None:
    session = tmp_path / "filtered.scope"
    run_recorded(session, [sys.executable, "-c", LEFT_OUT], "--exclude", "thread:left*")
    begun = query(session, "SELECT max(time_ns) AS ns FROM events WHERE kind = 'thread_begin'")[0]["ns"]
    frame = scope_json("frame", session, "--at", f"{begun + 50_000_000}ns", "--json")
    confidence = {track["name"]: track["confidence"] for track in frame["tracks"]}
    assert (confidence["left-1"], confidence["kept-1"]) == ("not captured", "exact")
    assert frame["confidence"]["stacks"] == "not captured"
    assert query(session, "SELECT count(*) AS n FROM gaps WHERE reason = 'paused'")[0]["n"] == 1
