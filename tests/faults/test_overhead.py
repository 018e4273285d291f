"""The overhead that is shown is what recording costs, whatever it costs it for; what is left out costs little."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.overhead_rows import (
    ENOUGH,
    FACTOR,
    MIXED,
    TIMES,
    WORST,
    busy,
    measured,
    measured_kind,
    measured_until_steady,
)
from tests.conftest import in_soak_only
from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope, scope_json
from tests.thirdparty import packages

PROGRAMS = Path(__file__).parent / "programs"

ONE_EACH = {"3.11": "recorded_nothing", "3.14": "recorded_failures"}
"""A program for each way of recording to which it adds a quarter or more: what else moves times moves them less."""


@pytest.mark.minors(*ONE_EACH)
@pytest.mark.alone
def test_the_overhead_told_is_near_the_cpu_time_measured(interpreter: Interpreter, tmp_path: Path) -> None:
    """A few short runs on a machine that others use say less than nine long ones (`make soak`): what was added lies
    between the median of the pairs and what the best of each differ by, and is told within that and a factor."""
    one = measured_until_steady(busy(interpreter, ONE_EACH[interpreter.minor], tmp_path, part=2), 7, tmp_path)
    if one is None:
        pytest.skip("this machine is too busy: of seven runs of one program the best two differ by more than a tenth")
    assert min(one.added, one.least_added) / 2.5 < one.told < max(one.added, one.least_added) * 2.5, one
    assert max(one.added, one.least_added) > 0.1, f"a program to which recording adds too little to judge by: {one}"


@pytest.mark.soak
@in_soak_only
@pytest.mark.alone
@pytest.mark.timeout(1200)
def test_the_overhead_told_is_within_a_factor_of_one_and_a_half(interpreter: Interpreter, tmp_path: Path) -> None:
    """On at least three programs to which recording adds a fifth or more and most of them; none is twice off."""
    library = packages(interpreter, "jinja2")
    all_kinds = {kind: measured_kind(interpreter, kind, 9, tmp_path, library) for kind in (*TIMES, *MIXED)}
    for kind, one in all_kinds.items():
        print(f"{kind:18} {one.bare_s:.2f} {one.recorded_s:.2f} {one.added:.0%} told {one.told:.0%} x {one.factor:.2f}")
    judged = {kind: one for kind, one in all_kinds.items() if one.added >= ENOUGH}
    near = {kind for kind, one in judged.items() if 1 / FACTOR < one.factor < FACTOR}
    assert len(near) >= max(3, len(judged) * 2 // 3), all_kinds
    assert not {kind: one for kind, one in judged.items() if not 1 / WORST < one.factor < WORST}, all_kinds


@pytest.mark.minors("3.11", "3.14")
def test_what_recording_has_cost_stays_in_the_session(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "kept.scope"
    done = run_recorded(session, busy(interpreter, "recorded_calls", tmp_path, part=1), "--memory", "256")
    told = re.search(r"recording took about (([0-9.]+)% of the program's CPU time.*)", done.stderr)
    assert told, done.stderr
    stored = scope_json("info", session, "--json")["overhead"]
    assert f"{stored['whole']:.1%}" == f"{told[2]}%"
    assert 0.0 <= stored["left_out"] <= stored["whole"]
    assert f"overhead         {told[1]}\n" in scope("info", session).stdout


@pytest.mark.minors("3.10", "3.11")  # from 3.12 on no frame is read
def test_frames_are_laid_out_as_known(interpreter: Interpreter, tmp_path: Path) -> None:
    """Proved at each start, on a live frame and a live generator; where it does not hold, recording says that it costs
    more."""
    session = tmp_path / "known.scope"
    run_recorded(session, busy(interpreter, "recorded_generators", tmp_path, part=100))
    assert "layout-unknown" not in [row["code"] for row in scope_json("info", session, "--json")["unseen"]]


@pytest.mark.minors("3.10", "3.11")
@pytest.mark.alone
def test_what_is_left_out_is_told_by_name(interpreter: Interpreter, tmp_path: Path) -> None:
    """From 3.12 on calls of left-out code have no hook."""
    done = run_recorded(tmp_path / "left-out.scope", busy(interpreter, "left_out_calls", tmp_path), "--memory", "256")
    told = re.search(r"took about ([0-9.]+)% of the program's CPU time, ([0-9.]+)% of it for code that", done.stderr)
    assert told, done.stderr
    assert 1.0 <= float(told[2]) <= float(told[1])


@pytest.mark.minors("3.10", "3.11")  # left-out code has no hook from 3.12 on
@pytest.mark.alone
def test_code_that_is_left_out_runs_at_less_than_twice_its_time(
    interpreter: Interpreter, rounds: Callable[[int, int], int], tmp_path: Path
) -> None:
    """Of calls and built-in calls in a loop: 3.4 and 3.7 times before frames that are left out were."""
    one = measured(busy(interpreter, "left_out_calls", tmp_path, part=2), rounds(3, 9), tmp_path)
    assert one.least_added < 0.5


@pytest.mark.minors("3.11")  # where a profile function slowed them by more than a busy machine does
@pytest.mark.alone
def test_recorded_instructions_run_at_their_own_speed(
    interpreter: Interpreter, rounds: Callable[[int, int], int], tmp_path: Path
) -> None:
    """Loops in recorded functions took 2.3 times as long: of the time that they took, 57 % was added."""
    one = measured(busy(interpreter, "recorded_loops", tmp_path, part=2), rounds(3, 9), tmp_path)
    assert one.least_added < 0.3


@pytest.mark.minors("3.10", "3.11")  # from 3.12 on nothing of ours hears of a trace function
def test_calls_nest_where_the_program_sets_a_trace_function_in_their_midst(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    """Two of ours then tell of a frame in turns: that each end is told once, the counts and the callers say."""
    session = tmp_path / "traced.scope"
    done = run_recorded(session, [interpreter.path, PROGRAMS / "traced_in_between.py"], "--memory", "64")
    counted = json.loads(done.stdout)
    rows = query(
        session,
        "SELECT s.function, p.function AS caller, count(*) AS calls FROM calls c JOIN sites s USING (site_id) "
        "LEFT JOIN calls pc ON pc.call_id = c.parent_call_id LEFT JOIN sites p ON p.site_id = pc.site_id GROUP BY ALL",
    )
    seen = Counter[str]()
    for row in rows:
        seen[row["function"]] += row["calls"]
    assert {name: seen[name] for name in counted} == {**counted, "values": 4 * counted["values"]}  # a row a resume
    callers = {str(row["caller"]).rpartition(".")[2] for row in rows if row["function"] != "<module>"}
    assert callers == {"<module>", "call", "inside", "sets", "takes_out", "fails", "values", "round_of_all"}
    assert query(session, "SELECT count(*) AS n FROM gaps") == [{"n": 0}]


@pytest.mark.minors("3.10", "3.11")  # from 3.12 on there is no frame evaluation function
def test_recursion_that_fits_without_a_recording_fits_with_one(interpreter: Interpreter, tmp_path: Path) -> None:
    """A frame evaluation function takes C stack where 3.11 takes none; it must be out of the way in time."""
    program = PROGRAMS / "deep_recursion.py"
    bare = subprocess.check_output([interpreter.path, program], text=True)
    session = tmp_path / "deep.scope"
    done = run_recorded(session, [interpreter.path, program], "--memory", "256")
    assert re.sub(r'"limit": \d+', "", done.stdout) == re.sub(r'"limit": \d+', "", bare)
    calls = {
        row["function"]: row["calls"]
        for row in query(
            session,
            "SELECT s.function, count(*) AS calls FROM calls c JOIN sites s USING (site_id) "
            "WHERE s.function IN ('down', 'through_c') GROUP BY ALL",
        )
    }
    down = 120_103 if interpreter.minor == "3.11" else 8_503
    assert calls == {"down": down, "through_c": 3_152}
    assert query(session, "SELECT count(*) AS n FROM gaps") == [{"n": 0}]
