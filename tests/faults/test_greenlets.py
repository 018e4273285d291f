"""Greenlets switch stacks on one thread: the stack that is shown is the running greenlet's, or said not to be known.

The truth is each program's own log: who ran which functions at which moment.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from capture.session.session import Session
from dags.frame.reader import FrameReader
from tests.faults.truth import logged
from tests.faults.ways_in import recorded
from tests.interpreters import ONE_OF_EACH_WAY, Interpreter
from tests.scope_command import COMMAND, query, run_recorded, scope
from tests.targets import Launcher
from tests.thirdparty import packages

PROGRAMS = Path(__file__).parent / "programs"
TURNS = PROGRAMS / "greenlets_take_turns.py"
LATER_NS = 5_000_000  # log_stack() sleeps for 20 ms after it has logged


def environment(interpreter: Interpreter, *names: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(packages(interpreter, *names))}


def compared(session: Path, log: Path) -> tuple[int, int]:
    """(moments at which the frame shows what the log says, moments at which it says that it does not know)."""
    right = unknown = 0
    with Session.open(session) as opened:
        reader = FrameReader(opened)
        for time_ns, (thread, *functions) in logged(log, session):
            moment = time_ns + LATER_NS
            if not opened.start_ns <= moment <= opened.end_ns:
                continue
            frame = reader.at(moment)
            tracks = [t for t in frame.tracks if t.kind == "thread" and t.os_id == int(thread)]
            if not tracks or tracks[0].confidence != "exact":
                assert frame.confidence.stacks == "not captured"
                unknown += 1
                continue
            shown = [call.function for call in tracks[0].stack if call.file == os.fspath(TURNS)]
            assert shown == [*functions, "log_stack"], f"{thread} at {moment} ns"
            right += 1
    return right, unknown


@pytest.mark.sampled
def test_calls_nest_truly_and_stacks_are_the_running_greenlets(interpreter: Interpreter, tmp_path: Path) -> None:
    log, session = tmp_path / "log", tmp_path / "turns.scope"
    run_recorded(session, [interpreter.path, TURNS, log, 2, 2], env=environment(interpreter, "greenlet"))
    right, unknown = compared(session, log)
    assert right == len(log.read_text().splitlines())
    assert unknown == 0
    assert query(session, "SELECT * FROM gaps") == []
    raised = query(session, "SELECT function FROM calls JOIN sites USING (site_id) WHERE outcome = 'raise'")
    assert {row["function"] for row in raised} <= {"loops"}  # GreenletExit, when one is thrown away
    returned = query(
        session,
        "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE outcome = 'return' AND function = 'deep'",
    )
    assert returned[0]["n"] == 3 * 2 * (31 + 3)


@pytest.mark.minors(*ONE_OF_EACH_WAY)
def test_an_attach_tells_what_it_cannot_know_of_greenlets_that_were_there(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    log, session, go = tmp_path / "log", tmp_path / "turns.scope", tmp_path / "go"
    program = target(
        [interpreter.path, TURNS, log, "8", "2", go], ready="ready", env=environment(interpreter, "greenlet")
    )
    recorder = target([*COMMAND, "attach", str(program.pid), "--no-window", "-o", session], ready="recording")
    go.touch()
    program.wait(60)
    recorder.wait(60)
    assert program.process.returncode == 0, program.output()
    right, _ = compared(session, log)
    assert right > 50
    blind = query(session, "SELECT track_id, start_ns, end_ns FROM gaps WHERE reason = 'greenlets not followed'")
    assert len({row["track_id"] for row in blind}) == 3
    with Session.open(session) as opened:
        reader = FrameReader(opened)
        for row in blind:
            frame = reader.at((row["start_ns"] + row["end_ns"]) // 2)
            [track] = [track for track in frame.tracks if track.track_id == row["track_id"]]
            assert (track.confidence, frame.confidence.stacks) == ("not captured", "not captured")


@pytest.mark.sampled
def test_gevents_greenlets_are_told_apart(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "gevent.scope"
    done = run_recorded(
        session, [interpreter.path, PROGRAMS / "gevent_takes_turns.py"], env=environment(interpreter, "gevent")
    )
    assert "calls: 18" in done.stdout
    rows = query(
        session,
        "SELECT function, outcome, depth, count(*) AS n FROM calls JOIN sites USING (site_id)"
        " WHERE function IN ('outer', 'inner') GROUP BY ALL",
    )
    assert sorted((row["function"], row["outcome"], row["depth"], row["n"]) for row in rows) == [
        ("inner", "return", 1, 15),
        ("inner", "yield", 1, 15),
        ("outer", "return", 0, 3),
        ("outer", "yield", 0, 15),
    ]


@pytest.mark.minors(*ONE_OF_EACH_WAY)
def test_a_switch_function_of_the_program_is_called_as_before_and_comes_back(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    stop, session = tmp_path / "stop", tmp_path / "own.scope"
    program = target(
        [interpreter.path, PROGRAMS / "greenlets_with_own_switch_function.py", stop],
        ready="ready",
        env=environment(interpreter, "greenlet"),
    )
    scope("attach", program.pid, "--no-window", "-o", session, "--duration", "1")
    stop.touch()
    assert program.wait(30) == 0, program.output()
    assert "own function at the end: True; every switch seen: True" in program.output()
    rows = query(
        session,
        "SELECT outcome, count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'worker' GROUP BY 1",
    )
    assert {row["outcome"] for row in rows} <= {"yield", "open"}


@pytest.mark.minors(*ONE_OF_EACH_WAY)
def test_a_switch_function_that_replaces_ours_is_a_gap(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "taken.scope"
    program = PROGRAMS / "greenlets_take_the_switch_function.py"
    done = run_recorded(session, [interpreter.path, program], env=environment(interpreter, "greenlet"))
    assert "own function saw" in done.stdout
    assert query(session, "SELECT count(*) AS n FROM gaps WHERE reason = 'greenlets not followed'")[0]["n"] >= 1
    assert "greenlets" in scope("info", session).stdout
    lost = query(session, "SELECT end_ns FROM gaps WHERE reason = 'greenlets not followed'")
    calls = query(
        session,
        f"SELECT outcome, count(*) AS n FROM calls JOIN sites USING (site_id)"
        f" WHERE function = 'worker' AND start_ns > {max(row['end_ns'] for row in lost)} GROUP BY 1",
    )
    assert {row["outcome"] for row in calls} == {"yield"}
    assert sum(row["n"] for row in calls) > 10


def test_a_greenlet_that_stood_while_scope_came_meets_its_exceptions(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    """CPython 3.15 has nothing to tell of them with, in code that is on no thread's stack, and crashed."""
    variables = {"PYTHONPATH": str(packages(interpreter, "greenlet"))}
    with recorded("attach", interpreter, target, tmp_path, "suspended_greenlets_fail.py", **variables) as it:
        it.let_go()
        assert it.output().splitlines()[1:] == [
            "caught 5",
            "through a generator 'planned'",
            "cleaned up",
            "thrown into planned",
            "caught 5",
        ]
