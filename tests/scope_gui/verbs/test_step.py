"""`step` by line, call and write, on and back, over a session whose events are known; and `history` of its lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.dags.locals.test_dag import total
from tests.scope_command import scope_here
from tests.sessions import write_session
from tests.streams import batch_of


@pytest.fixture(scope="module", params=[1, 5])
def path(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    return write_session(tmp_path_factory.mktemp("steps") / "s.scope", batch_of(total(track=2)[:-1]), request.param)


def step(path: Path, at: int, by: str, *more: str) -> Any:
    """(time, call, line, by) of where it leads; the sentence of one that leads nowhere."""
    done = scope_here(["step", str(path), "--at", f"{at}ns", "--track", "2", "--by", by, *more, "--json"])
    if done.returncode:
        return done.stderr
    found = msgspec.json.decode(done.stdout)
    assert found["event_id"] == found["time_ns"]
    assert found["track_id"] == 2
    return tuple(found[name] for name in ("time_ns", "call_id", "line", "by"))


@pytest.mark.parametrize(
    ("at", "by", "leads_to"),
    [
        (1, "into", (2, 1, 10, "line")),
        (4, "into", (6, 2, 31, "line")),
        (4, "over", (9, 1, 11, "line")),
        (4, "out", (13, None, None, "event")),
        (6, "over", (9, 1, 11, "line")),
        (7, "out", (9, 1, 11, "line")),
        (11, "into", (13, None, None, "event")),
    ],
)
def test_a_step_leads_to_the_next_line_or_where_none_is_to_the_next_call(
    path: Path, at: int, by: str, leads_to: tuple[Any, ...]
) -> None:
    assert step(path, at, by) == leads_to


@pytest.mark.parametrize(
    ("at", "by", "leads_to"),
    [
        (9, "into", (6, 2, 31, "line")),
        (9, "over", (4, 1, 12, "line")),
        (6, "out", (4, 1, 12, "line")),
        (6, "over", (4, 1, 12, "line")),
        (8, "over", (4, 1, 12, "line")),
        (2, "into", (1, 1, None, "event")),
    ],
)
def test_a_step_back_leads_to_the_line_before(path: Path, at: int, by: str, leads_to: tuple[Any, ...]) -> None:
    assert step(path, at, by, "--back") == leads_to


def test_a_step_to_a_write_leads_to_the_change_of_that_variable(path: Path) -> None:
    assert step(path, 4, "write", "--name", "<module>.t") == (9, 1, 12, "line")
    assert step(path, 9, "write", "--name", "t", "--back") == (3, 1, 10, "line")
    assert step(path, 1, "write", "--name", "main.x") == (6, 2, None, "line")
    assert step(path, 4, "write") == (6, 2, None, "line")
    assert "There is no write after 9ns" in step(path, 9, "write", "--name", "main.x")


def test_what_cannot_be_stepped_to_is_said_in_a_sentence(path: Path) -> None:
    assert "There is no line and no call after 13ns" in step(path, 13, "into")
    assert "--by write" in step(path, 4, "into", "--name", "main.x")
    said = scope_here(["step", str(path), "--at", "4ns", "--track", "77", "--by", "into"])
    assert "There is no track 77" in said.stderr


def test_a_step_is_told_in_a_line(path: Path) -> None:
    said = scope_here(["step", str(path), "--at", "4ns", "--track", "2", "--by", "over"]).stdout
    assert said == "9ns, line 11, call 1, event 9 of track 2, by line\n"


def history(path: Path, value: str) -> list[dict[str, Any]]:
    done = scope_here(["history", str(path), value, "--format", "json"])
    assert not done.returncode, done.stderr
    rows: list[dict[str, Any]] = msgspec.json.decode(done.stdout)
    return rows


def test_history_tells_what_a_local_variable_held(path: Path) -> None:
    rows = history(path, "<module>.t")
    assert [(row["time_ns"], row["line"], row["old"], row["new"]) for row in rows] == [
        (3, 10, None, "0"), (9, 12, "0", "5"), (10, 11, "5", None), (12, 13, None, "9"),
    ]  # fmt: skip
    assert [row["new"] for row in history(path, "orders.main.y")] == ["'a=b'"]


def test_history_tells_the_runs_of_a_line_and_what_each_did(path: Path) -> None:
    rows = history(path, "orders.py:11")
    assert [(row["time_ns"], row["call_id"], row["did"]) for row in rows] == [
        (3, 1, "i = 0"), (9, 1, "i = 1, t deleted"),
    ]  # fmt: skip
    assert [row["did"] for row in history(path, "/srv/orders.py:12")] == ["t = 5", None]
