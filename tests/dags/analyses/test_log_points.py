"""Log points in the past, against the values that a plain reading of the same events has at each run of the line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from capture.session.session import Session
from dags.analyses.log_points import LogPoint, log_point
from dags.analyses.recorded_expression import expression_of
from tests.dags.locals.test_dag import Reading, total
from tests.scope_command import scope_here
from tests.sessions import write_session
from tests.streams import batch_of

LINES = (10, 11, 12, 13)


@pytest.fixture(scope="module", params=[1, 6])
def path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return write_session(tmp_path_factory.mktemp("points") / "s.scope", batch_of(total(track=2)[:-1]), request.param)


def expected(line: int, name: str) -> list[tuple[int, int, str | None]]:
    """(time, call, value) of each run."""
    reading, found = Reading(), list[tuple[int, int, str | None]]()
    for event in total(track=2)[:-1]:
        reading.feed(event)
        if reading.lines and reading.lines[-1][0] == event.time_ns and event.ref == line:
            call = reading.lines[-1][2] or 0
            found.append((event.time_ns, call, reading.held[call].get(name)))
    return found


@pytest.mark.parametrize("name", ["n", "t", "i", "nothing"])
@pytest.mark.parametrize("line", LINES)
def test_each_run_has_the_value_that_the_variable_held_then(path: Path, line: int, name: str) -> None:
    with Session.open(path) as session:
        logged = log_point(session, LogPoint({1}, line, expression_of(name)))
    rows = list(zip(logged.time_ns.tolist(), logged.call_id.tolist(), logged.value.to_pylist(), strict=True))
    assert rows == expected(line, name)
    assert [why is None for why in logged.why.to_pylist()] == [value is not None for _, _, value in rows]


def test_no_more_runs_are_logged_than_are_asked_for(path: Path) -> None:
    with Session.open(path) as session:
        logged = log_point(session, LogPoint({1, 2}, 11, expression_of("1")), 1)
        assert (logged.time_ns.tolist(), logged.value.to_pylist()) == ([3], ["1"])
        assert not len(log_point(session, LogPoint({2}, 11, expression_of("1"))).time_ns)


def test_the_verb_logs_what_is_known_and_says_why_something_is_not(path: Path) -> None:
    done = scope_here(["logpoint", str(path), "orders.py:12", "t + i", "--format", "json"])
    rows = msgspec.json.decode(done.stdout)
    assert [(row["time_ns"], row["call_id"], row["value"], row["why not"]) for row in rows] == [
        (4, 1, "0", None), (10, 1, None, "t is not known here"),
    ]  # fmt: skip
    assert "did not run while lines were recorded" in scope_here(["logpoint", str(path), "orders.py:99", "t"]).stderr
    assert "No function of x.py is known" in scope_here(["logpoint", str(path), "x.py:1", "t"]).stderr
    refused = scope_here(["logpoint", str(path), "orders.py:12", "open('x')"])
    assert refused.returncode == 2
    assert "open('x') is a call; only len, min, max, str can be called" in refused.stderr
