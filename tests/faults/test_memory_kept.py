"""Nothing of the program's is kept alive, and what the recorder keeps in the target has a bound that is known."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded

EVALUATOR = Path(__file__).parent / "programs" / "expression_evaluator.py"
COUNT = 200
MIB = 1 << 20


def evaluated(interpreter: Interpreter, session: Path, names: str) -> dict[str, Any]:
    done = run_recorded(session, [interpreter.path, EVALUATOR, COUNT, names])
    left: dict[str, Any] = json.loads(done.stdout)
    return left


@pytest.mark.sampled
def test_functions_and_exception_types_that_the_program_lets_go_are_gone(
    interpreter: Interpreter, tmp_path: Path
) -> None:
    bare = json.loads(subprocess.check_output([interpreter.path, EVALUATOR, str(COUNT), "distinct"]))
    left = evaluated(interpreter, tmp_path / "distinct.scope", "distinct")
    assert left["alive"] == bare["alive"] == 0
    assert left["grown_bytes"] < bare["grown_bytes"] + 4 * MIB, "each code object holds 20 000 bytes"
    rows = query(tmp_path / "distinct.scope", "SELECT count(*) AS n FROM sites WHERE function LIKE 'check_%'")
    assert rows == [{"n": COUNT}]


@pytest.mark.sampled
def test_a_function_that_is_made_again_and_again_is_one_site(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "same.scope"
    assert evaluated(interpreter, session, "same")["alive"] == 0
    rows = query(
        session,
        "SELECT s.function, count(DISTINCT s.site_id) AS sites, count(*) AS calls "
        "FROM calls c JOIN sites s USING (site_id) WHERE s.function IN ('check', 'steps') GROUP BY ALL ORDER BY ALL",
    )
    steps_activations = 3
    assert rows == [
        {"function": "check", "sites": 1, "calls": COUNT},
        {"function": "steps", "sites": 1, "calls": (COUNT + 1) * steps_activations},
    ]
