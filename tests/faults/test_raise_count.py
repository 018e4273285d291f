"""One raise event for each exception, whatever cleanup code raises and catches on its way."""

from __future__ import annotations

import json
from pathlib import Path

from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded

PROGRAM = Path(__file__).parent / "programs" / "exceptions_on_their_way.py"


def test_each_exception_is_one_raise_event(interpreter: Interpreter, tmp_path: Path) -> None:
    session = tmp_path / "raises.scope"
    done = run_recorded(session, [interpreter.path, PROGRAM])
    rows = query(session, "SELECT value, count(*) AS events FROM events WHERE kind = 'raise' GROUP BY value")
    told = {row["value"].rpartition(".")[2]: row["events"] for row in rows}
    assert told == json.loads(done.stdout)
