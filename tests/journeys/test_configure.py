"""What is recorded changes while a program runs: from a terminal, and the session tells it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.leftovers import wait_for
from tests.scope_command import COMMAND, query, scope, scope_json
from tests.targets import Launcher

PROGRAM = """
import time
def work(n):
    return inner(n)
def inner(n):
    return n
n = 0
while True:
    n += work(1)
    time.sleep(0.002)
"""
Answer = subprocess.CompletedProcess[str]


@pytest.fixture
def recorded(target: Launcher, tmp_path: Path) -> Iterator[Path]:
    """A session that grows."""
    (tmp_path / "program.py").write_text(PROGRAM)
    session = tmp_path / "a.scope"
    words = [*COMMAND, "run", "--end-program", "--no-window", "-o", str(session), "--", "python3", "program.py"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as recorder:
        assert wait_for(lambda: (session / "manifest.json").exists() and calls(session, "inner") > 0, 60)
        yield session
        if not scope_json("info", session, "--json")["complete"]:
            scope("stop", session)
        assert recorder.wait(60) == 0 or recorder.returncode < 128


def calls(session: Path, function: str) -> int:
    sql = f"SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = '{function}'"
    return int(query(session, sql)[0]["n"])


def grows(session: Path, function: str) -> Callable[[], bool]:
    before = calls(session, function)
    return lambda: calls(session, function) > before + 10


def test_the_filter_changes_and_the_session_says_from_when_on(recorded: Path) -> None:
    said = scope("configure", recorded, "--exclude", "__main__:inner").stderr
    assert said.endswith("with: Everything: calls, exceptions, state; --exclude __main__:inner\n")
    assert wait_for(grows(recorded, "work"), 60)
    scope("configure", recorded, "--no-exclude", "--mode", "performance")
    assert wait_for(grows(recorded, "inner"), 60)
    scope("stop", recorded)
    assert wait_for(lambda: bool(scope_json("info", recorded, "--json")["complete"]), 60)
    first, second = changes(recorded)
    assert first["flags"]["exclude"] == ["__main__:inner"]
    assert (second["flags"]["exclude"], second["flags"]["mode"]) == ([], "performance")
    between = f"start_ns > {first['time_ns']} AND end_ns < {second['time_ns']} AND function IN ('work', 'inner')"
    found = query(recorded, f"SELECT DISTINCT function FROM calls JOIN sites USING (site_id) WHERE {between}")
    assert found == [{"function": "work"}]
    told = query(recorded, "SELECT time_ns FROM events WHERE kind = 'snapshot' AND value LIKE '%settings%' ORDER BY 1")
    assert [abs(row["time_ns"] - change["time_ns"]) < 50e6 for row, change in zip(told, (first, second), strict=True)]
    for at, exclude in ((first["time_ns"] - 1, []), (first["time_ns"], ["__main__:inner"]), (second["time_ns"], [])):
        frame = scope_json("frame", recorded, "--at", f"{at}ns", "--json")
        assert frame["settings"]["exclude"] == exclude
    assert "changed          from" in scope("info", recorded).stdout
    assert scope_json("verify", recorded, "--json")["problems"] == []


def changes(session: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scope_json("info", session, "--json")["changes"]
    return found


def test_a_time_without_calls_is_a_gap_that_says_why(recorded: Path) -> None:
    scope("configure", recorded, "--mode", "state")
    scope("configure", recorded, "--mode", "full")
    assert wait_for(grows(recorded, "work"), 60)
    off, on = changes(recorded)
    left_out = "SELECT start_ns, end_ns FROM gaps WHERE reason = 'left out' ORDER BY start_ns"
    assert wait_for(lambda: bool(query(recorded, left_out)), 60)  # calls from before the first change may come last
    gaps = query(recorded, left_out)
    assert abs(gaps[0]["start_ns"] - off["time_ns"]) < 50e6
    assert abs(gaps[-1]["end_ns"] - on["time_ns"]) < 50e6
    assert scope_json("info", recorded, "--json")["dropped"] == 0


def test_a_name_that_is_told_anew_after_a_change_is_the_same_name(recorded: Path) -> None:
    for pattern in ("nosuch", "neither"):
        scope("configure", recorded, "--exclude", pattern)
    assert wait_for(grows(recorded, "work"), 60)
    frame = scope_json("frame", recorded, "--at", "end", "--json")
    names = [(state["owner"], state["key"]) for state in frame["states"]]
    assert ("__main__", "n") in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ((), 2, "Say what to change: --mode, --include, --exclude, --state, --lines, --values, --exceptions, --never"),
        (("--include", " "), 2, "--include ' ' is empty: it names nothing."),
        (("--memory", "7"), 2, "--memory cannot change while something is recorded: the memory is laid out"),
        (("--redact", "iban"), 2, "--redact cannot change while something is recorded: values under these names"),
        (("--mode", "observe"), 2, "Whether a program is recorded or only observed cannot change"),
    ],
)
def test_what_makes_no_sense_is_refused(recorded: Path, words: tuple[str, ...], status: int, sentence: str) -> None:
    assert sentence in scope("configure", recorded, *words, expect=status).stderr
    assert changes(recorded) == []


def test_a_program_that_is_only_watched_and_a_session_that_is_finished_are_refused(
    target: Launcher, tmp_path: Path
) -> None:
    session = tmp_path / "watched.scope"
    sleeper = target(["sleep", "60"])
    words = [*COMMAND, "attach", str(sleeper.pid), "--mode", "observe", "--no-window", "-o", str(session)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as recorder:
        assert wait_for((session / "control.sock").exists, 60)
        assert "only watched from outside" in scope("configure", session, "--when-full", "block", expect=1).stderr
        scope("stop", session)
        assert recorder.wait(60) == 0
    assert "nothing to configure" in scope("configure", session, "--mode", "full", expect=1).stderr
