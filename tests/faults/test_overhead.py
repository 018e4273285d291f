"""The overhead that is shown is what recording costs, whatever it costs it for; what is left out costs little."""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.interpreters import Interpreter, found
from tests.scope_command import query, run_recorded

PROGRAMS = Path(__file__).parent / "programs"


def busy(kind: str, folder: Path, path: Path) -> list[str | Path]:
    """A program that spends its time in one way and prints the CPU time of it."""
    library = folder / "site-packages"
    library.mkdir(exist_ok=True)
    shutil.copy(PROGRAMS / "library" / "busy_library.py", library)
    return [path, PROGRAMS / "busy.py", kind, library]


def median_cpu_s(command: list[str | Path], folder: Path, count: int) -> tuple[float, float, float]:
    """(bare, recorded, share told): medians of runs that take turns, so that both meet the same machine."""
    bare_s, recorded_s, told = [], [], []
    for turn in range(count):
        bare_s.append(float(subprocess.check_output(command)))
        done = run_recorded(folder / f"{turn}.scope", command, "--memory", "256")
        recorded_s.append(float(done.stdout))
        share = re.search(r"about ([0-9.]+)% of the program's CPU time", done.stderr)
        told.append(float(share[1]) / 100 if share else 0.0)
    return statistics.median(bare_s), statistics.median(recorded_s), statistics.median(told)


@pytest.mark.alone
@pytest.mark.parametrize(("kind", "minor"), [("recorded_calls", "3.13"), ("exceptions", "3.12")])
def test_the_overhead_told_is_near_the_cpu_time_measured(
    kind: str, minor: str, rounds: Callable[[int, int], int], tmp_path: Path
) -> None:
    path = next((interpreter.path for interpreter in found() if interpreter.minor == minor), None)
    if path is None:
        pytest.skip(f"no Python {minor} here")
    bare_s, recorded_s, told = median_cpu_s(busy(kind, tmp_path, path), tmp_path, rounds(3, 9))
    measured = 1 - bare_s / recorded_s
    tolerance = rounds(25, 15) / 10  # three runs on a busy machine say less than nine
    assert measured / tolerance < told < measured * tolerance, (bare_s, recorded_s, told)


@pytest.mark.minors("3.10", "3.11")  # left-out code has no hook from 3.12 on
@pytest.mark.alone
def test_code_that_is_left_out_runs_at_less_than_twice_its_time(
    interpreter: Interpreter, rounds: Callable[[int, int], int], tmp_path: Path
) -> None:
    """Of calls and built-in calls in a loop: 3.4 and 3.7 times before frames that are left out were."""
    bare_s, recorded_s, _ = median_cpu_s(busy("left_out_code", tmp_path, interpreter.path), tmp_path, rounds(3, 9))
    assert recorded_s < 2 * bare_s


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
