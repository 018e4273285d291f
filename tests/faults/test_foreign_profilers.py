"""Calls that another profiler hides are a gap, and the stacks of that time are not called exact."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.faults.truth import logged
from tests.interpreters import Interpreter
from tests.scope_command import query, scope, scope_json
from tests.targets import Launcher

PROGRAM = Path(__file__).parent / "programs" / "profiled_by_another.py"
TAKES_HOOKS_OUT = PROGRAM.with_name("takes_hooks_out.py")
BORROWED_NS = 20_000_000


def recorded(interpreter: Interpreter, target: Launcher, tmp_path: Path, how: str) -> Path:
    stop, session = tmp_path / "stop", tmp_path / f"{how}.scope"
    program = target([interpreter.path, PROGRAM, how, stop, tmp_path / "log"], ready="ready")
    scope("attach", program.pid, "--no-window", "-o", session, "--duration", "3")
    stop.touch()
    assert program.wait(30) == 0, program.output()
    return session


def recorded_while_hooks_go(
    interpreter: Interpreter, target: Launcher, tmp_path: Path, acts: list[str], left: str
) -> tuple[Path, dict[str, int]]:
    """The session, and when each act was done in it; `left`: the tools that are there when the recording is over."""
    stop, log, session = tmp_path / "stop", tmp_path / "log", tmp_path / "hooks.scope"
    program = target([interpreter.path, TAKES_HOOKS_OUT, ",".join(acts), stop, log], ready="ready")
    scope("attach", program.pid, "--no-window", "-o", session, "--duration", str(0.7 * len(acts) + 2))
    stop.touch()
    assert program.wait(30) == 0, program.output()
    assert f"ended {len(acts)} {left}" in program.output()
    return session, {" ".join(words): at_ns for at_ns, words in logged(log, session)}


def confidence_at(session: Path, time_ns: int) -> tuple[str, str]:
    """Of the main thread and of all stacks."""
    frame: dict[str, Any] = scope_json("frame", session, "--at", f"{time_ns}ns", "--json")
    main, *_ = [track for track in frame["tracks"] if track["kind"] == "thread"]
    return main["confidence"], frame["confidence"]["stacks"]


def gaps_of(session: Path, reason: str) -> list[dict[str, Any]]:
    return query(session, f"SELECT start_ns, end_ns FROM gaps WHERE reason = '{reason}' AND end_ns > start_ns")


PROFILED = pytest.mark.minors("3.10", "3.11")
"""From 3.12 on profilers do not share a slot with the recorder."""

MONITORED = pytest.mark.minors("3.12", "3.14")
"""Before and after monitoring got its final form."""


@PROFILED
def test_a_profiler_that_was_there_hides_everything_and_that_is_said(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    session = recorded(interpreter, target, tmp_path, "always")
    gaps = gaps_of(session, "another profiler")
    whole = sum(row["end_ns"] - row["start_ns"] for row in gaps)
    assert whole > 2_000_000_000
    for row in gaps:
        assert confidence_at(session, (row["start_ns"] + row["end_ns"]) // 2) == ("not captured", "not captured")
    assert "another profiler" in scope("info", session).stdout


@PROFILED
@pytest.mark.parametrize(("how", "reason"), [("later", "another profiler"), ("taken", "hooks taken out")])
def test_calls_between_two_truths_are_a_gap(
    interpreter: Interpreter, target: Launcher, tmp_path: Path, how: str, reason: str
) -> None:
    session = recorded(interpreter, target, tmp_path, how)
    calls = query(session, "SELECT start_ns FROM calls JOIN sites USING (site_id) WHERE function = 'f' ORDER BY 1")
    assert len(calls) > 1000
    turns = [at_ns for at_ns, _ in logged(tmp_path / "log", session)]
    silences = [
        (one["start_ns"], other["start_ns"])
        for one, other in pairwise(calls)
        if sum(one["start_ns"] < at_ns < other["start_ns"] - 10_000_000 for at_ns in turns) > 5
    ]
    assert silences
    gaps = gaps_of(session, reason) + gaps_of(session, "hooks taken out") + gaps_of(session, "another profiler")
    for start_ns, end_ns in silences:
        middle_ns = (start_ns + end_ns) // 2
        assert any(row["start_ns"] <= middle_ns <= row["end_ns"] for row in gaps), (start_ns, end_ns, gaps)
        assert confidence_at(session, middle_ns) == ("not captured", "not captured")


@MONITORED
def test_a_profiler_beside_the_recorder_hides_nothing(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    session = recorded(interpreter, target, tmp_path, "later")
    assert query(session, "SELECT * FROM gaps") == []
    assert query(session, "SELECT count(*) AS n FROM calls")[0]["n"] > 10_000


@MONITORED
def test_hooks_that_somebody_takes_out_are_put_back_and_leave_a_gap(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    acts = ["freed", "silenced", "returns replaced", "unwinds replaced", "replaced and kept"]
    if interpreter.minor == "3.12":
        acts.remove("freed")  # which leaves the hooks where they are before 3.14
    session, done = recorded_while_hooks_go(interpreter, target, tmp_path, acts, left="[]")
    gaps = gaps_of(session, "hooks taken out")
    for how, at_ns in done.items():
        around = [
            row for row in gaps if row["start_ns"] - 20_000_000 <= at_ns <= row["end_ns"]
        ]  # it begins with the act
        assert len(around) == 2, f"{how}: one for each thread"
    assert len(gaps) == 2 * len(acts)
    row = gaps[0]
    assert confidence_at(session, (row["start_ns"] + row["end_ns"]) // 2) == ("not captured", "not captured")
    assert scope_json("frame", session, "--at", "end", "--json")["confidence"]["stacks"] == "exact"
    assert "took Scope's hooks out" in scope("info", session).stdout
    after_ns = max(row["end_ns"] for row in gaps)
    calls = query(session, f"SELECT count(*) AS n, max(end_ns - start_ns) AS ns FROM calls WHERE start_ns > {after_ns}")
    assert calls[0]["n"] > 1000
    unseen = query(
        session,
        "SELECT count(*) AS n FROM calls JOIN sites USING (site_id)"
        f" WHERE function = 'f' AND end_ns - start_ns > 500000000 AND start_ns < {gaps[0]['start_ns']}",
    )
    assert unseen[0]["n"] == 0, "a return is missing outside of the gaps"


@MONITORED
def test_hooks_that_somebody_borrows_for_a_moment_leave_a_gap(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    """Every proof that looks at the hooks finds them as they were: what was not seen meanwhile was called exact."""
    acts = ["returns lent", "silenced shortly", "place lent"]
    session, done = recorded_while_hooks_go(interpreter, target, tmp_path, acts, left="[]")
    gaps = gaps_of(session, "hooks taken out")
    left = gaps
    for how in acts:
        at_ns = done[how]
        around = [row for row in gaps if at_ns <= row["start_ns"] <= at_ns + 200_000_000]
        # one for each thread; two when the recorder came by in the midst, and put back what then was changed again
        assert len(around) in (2, 4), f"{how}\n{done}\n{gaps}"
        assert f"{how}: put back" in done or max(row["end_ns"] for row in around) >= at_ns + BORROWED_NS
        middle_ns = (around[0]["start_ns"] + around[0]["end_ns"]) // 2
        assert confidence_at(session, middle_ns) == ("not captured", "not captured")
        left = [row for row in left if row not in around]
    assert left == []
    assert "took Scope's hooks out" in scope("info", session).stdout


@MONITORED
def test_hooks_of_another_tool_at_our_place_are_left_alone(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    session, done = recorded_while_hooks_go(interpreter, target, tmp_path, ["taken"], left="['taker']")
    assert len(gaps_of(session, "hooks taken out")) >= 2
    assert confidence_at(session, done["taken"] + 500_000_000) == ("not captured", "not captured")
    assert scope_json("frame", session, "--at", "95%", "--json")["confidence"]["stacks"] == "not captured"
    assert "Calls are missing while taker has" in scope("info", session).stdout


@MONITORED
def test_hooks_that_nobody_takes_out_leave_no_gap(interpreter: Interpreter, target: Launcher, tmp_path: Path) -> None:
    acts = ["restarted", "another tool"] + (["freed"] if interpreter.minor == "3.12" else [])
    session, _ = recorded_while_hooks_go(interpreter, target, tmp_path, acts, left="[]")
    assert query(session, "SELECT * FROM gaps") == []
    assert scope_json("frame", session, "--at", "end", "--json")["confidence"]["stacks"] == "exact"
