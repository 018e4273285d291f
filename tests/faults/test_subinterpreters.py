"""What a program runs in interpreters beside its main one is neither harmed nor recorded, and that is said."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.interpreters import ONE_OF_EACH_WAY, Interpreter
from tests.scope_command import query, run_recorded, scope
from tests.targets import Launcher

PROGRAM = Path(__file__).parent / "programs" / "uses_subinterpreters.py"
SAID = "What runs in sub-interpreters is not recorded."


def recorded_functions(session: Path) -> set[str]:
    rows = query(session, "SELECT DISTINCT function FROM calls JOIN sites USING (site_id)")
    return {row["function"] for row in rows}


@pytest.mark.minors(*ONE_OF_EACH_WAY)
def test_a_run_with_subinterpreters_ends_as_it_would(interpreter: Interpreter, tmp_path: Path) -> None:
    bare = subprocess.run([interpreter.path, PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    session = tmp_path / "run.scope"
    done = run_recorded(session, [interpreter.path, PROGRAM])
    assert bare.stdout == "ready\nended\n"
    assert bare.stdout in done.stdout
    found = recorded_functions(session)
    assert "outside" in found
    assert "inside" not in found
    assert SAID in scope("info", session).stdout


@pytest.mark.minors(*ONE_OF_EACH_WAY)
def test_attaching_beside_subinterpreters_harms_none(
    interpreter: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    stop, session = tmp_path / "stop", tmp_path / "attached.scope"
    program = target([interpreter.path, PROGRAM, stop], ready="ready")
    scope("attach", program.pid, "--no-window", "-o", session, "--duration", "1.5")
    stop.touch()
    assert program.wait(30) == 0, program.output()
    if interpreter.minor == "3.12" and "interpreter creation failed" in program.output():
        pytest.skip("this Python now and then fails to make an interpreter, nobody attached (python/cpython#113337)")
    assert "Traceback" not in program.output()
    assert SAID in scope("info", session).stdout
    found = recorded_functions(session)
    assert "outside" in found
    assert "inside" not in found


@pytest.mark.minors("3.14")  # where concurrent.futures looks whether it could make some
def test_a_program_without_subinterpreters_is_not_said_to_have_any(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "none.scope"
    code = "import asyncio\nasync def main(): await asyncio.to_thread(int)\nasyncio.run(main())"
    done = run_recorded(session, [interpreter.path, "-c", code])
    assert "sub-interpreters" not in done.stderr
    assert "sub-interpreters" not in scope("info", session).stdout
