"""Calls that another profiler hides are a gap, and the stacks of that time are not called exact."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import Interpreter
from tests.scope_command import query, scope, scope_json
from tests.targets import Launcher

PROGRAM = Path(__file__).parent / "programs" / "profiled_by_another.py"


def recorded(interpreter: Interpreter, target: Launcher, tmp_path: Path, how: str) -> Path:
    stop, session = tmp_path / "stop", tmp_path / f"{how}.scope"
    program = target([interpreter.path, PROGRAM, how, stop], ready="ready")
    scope("attach", program.pid, "--no-window", "-o", session, "--duration", "3")
    stop.touch()
    assert program.wait(30) == 0, program.output()
    return session


def confidence_at(session: Path, time_ns: int) -> tuple[str, str]:
    """Of the main thread and of all stacks."""
    frame: dict[str, Any] = scope_json("frame", session, "--at", f"{time_ns}ns", "--json")
    [main] = [track for track in frame["tracks"] if track["kind"] == "thread"]
    return main["confidence"], frame["confidence"]["stacks"]


def gaps_of(session: Path, reason: str) -> list[dict[str, Any]]:
    return query(session, f"SELECT start_ns, end_ns FROM gaps WHERE reason = '{reason}' AND end_ns > start_ns")


@pytest.fixture
def old(interpreter: Interpreter) -> Interpreter:
    if interpreter.minor not in {"3.10", "3.11"}:
        pytest.skip("from 3.12 on profilers do not share a slot with the recorder")
    return interpreter


def test_a_profiler_that_was_there_hides_everything_and_that_is_said(
    old: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    session = recorded(old, target, tmp_path, "always")
    gaps = gaps_of(session, "another profiler")
    whole = sum(row["end_ns"] - row["start_ns"] for row in gaps)
    assert whole > 2_000_000_000
    for row in gaps:
        assert confidence_at(session, (row["start_ns"] + row["end_ns"]) // 2) == ("not captured", "not captured")
    assert "another profiler" in scope("info", session).stdout


@pytest.mark.parametrize(("how", "reason"), [("later", "another profiler"), ("taken", "hooks taken out")])
def test_calls_between_two_truths_are_a_gap(
    old: Interpreter, target: Launcher, tmp_path: Path, how: str, reason: str
) -> None:
    session = recorded(old, target, tmp_path, how)
    calls = query(session, "SELECT start_ns FROM calls JOIN sites USING (site_id) WHERE function = 'f' ORDER BY 1")
    assert len(calls) > 1000
    silences = [
        (one["start_ns"], other["start_ns"])
        for one, other in pairwise(calls)
        if other["start_ns"] - one["start_ns"] > 150_000_000
    ]
    assert silences
    gaps = gaps_of(session, reason) + gaps_of(session, "hooks taken out") + gaps_of(session, "another profiler")
    for start_ns, end_ns in silences:
        middle_ns = (start_ns + end_ns) // 2
        assert any(row["start_ns"] <= middle_ns <= row["end_ns"] for row in gaps), (start_ns, end_ns, gaps)
        assert confidence_at(session, middle_ns) == ("not captured", "not captured")


def test_a_profiler_beside_the_recorder_hides_nothing(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    if interpreter.minor not in {"3.12", "3.14"}:
        pytest.skip("3.12 and later, one before and one after monitoring got its final form")
    session = recorded(interpreter, target, tmp_path, "later")
    assert query(session, "SELECT * FROM gaps") == []
    assert query(session, "SELECT count(*) AS n FROM calls")[0]["n"] > 10_000
