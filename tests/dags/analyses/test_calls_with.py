"""The calls of a function with such an argument or result, as a look through all of them finds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from capture.session.query import query
from capture.session.session import Session
from dags.analyses.calls_with import Condition, calls_with, condition_of
from dags.code.argument_text import arguments_of_text
from tests.sessions import make_events, with_values, write_session

BATCH, _, _ = with_values(make_events(6_000, 3, seed=9)[0])
CONDITIONS = ["qty == 3", "qty != 3", "name ~ b=1", "name == 'a, b=7'", "nothing == 1", "return ~ 12", "return == None"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_session(tmp_path_factory.mktemp("with") / "s.scope", BATCH, 9)


def value_of(row: dict[str, Any], name: str) -> str | None:
    if name == "return":
        result: str | None = row["result"]
        return result
    given = {one.name: one.value for one in arguments_of_text(row["arguments"] or "")}
    return given.get(name)


def fits(row: dict[str, Any], asked: Condition) -> bool:
    value = value_of(row, asked.name)
    if value is None:
        return False
    return {"==": value == asked.text, "!=": value != asked.text, "~": asked.text in value}[asked.relation]


@pytest.mark.parametrize("said", CONDITIONS)
@pytest.mark.parametrize("shares", [(0.0, 1.0), (0.3, 0.45)])
@pytest.mark.parametrize("track_ids", [None, {2, 4}])
def test_they_are_those_that_a_look_through_all_calls_finds(
    said: str, shares: tuple[float, float], track_ids: set[int] | None, path: Path
) -> None:
    asked = condition_of(said)
    with Session.open(path) as session:
        start_ns, end_ns = (int(session.end_ns * share) for share in shares)
        rows = query(session, "SELECT * FROM calls").to_pylist()
        found = calls_with(session, 4, asked, 5, (start_ns, end_ns), track_ids=track_ids)
        for row in rows:
            row["until_ns"] = session.end_ns if row["end_ns"] is None else row["end_ns"]
            row["inside_ns"] = min(row["until_ns"], end_ns) - max(row["start_ns"], start_ns)
    rows = [
        row
        for row in rows
        if (row["site_id"], track_ids is None or row["track_id"] in track_ids) == (4, True)
        and row["start_ns"] <= end_ns
        and row["until_ns"] >= start_ns
    ]
    expected = sorted((row for row in rows if fits(row, asked)), key=lambda row: (-row["inside_ns"], row["call_id"]))
    column = "result" if asked.name == "return" else "arguments"
    assert (found.fitting, found.known) == (len(expected), sum(row[column] is not None for row in rows))
    told = [(one.call.call_id, one.call.inside_ns, one.call.end_ns, one.arguments, one.result) for one in found.slowest]
    names = ("call_id", "inside_ns", "end_ns", "arguments", "result")
    assert told == [tuple(row[name] for name in names) for row in expected[:5]]


def test_segments_without_calls_of_the_function_are_not_read(path: Path) -> None:
    spied = mock.patch.object(Session, "calls", autospec=True, side_effect=Session.calls)
    with Session.open(path) as session, spied as read:
        assert calls_with(session, 99, condition_of("qty == 3"), 5).known == 0
        assert all("arguments" not in call.args[2] for call in read.call_args_list)


@pytest.mark.parametrize("said", ["", "qty", "qty =", "qty == ", "== 3", "3 == 3", "qty > 3", "a b == 3"])
def test_what_is_no_condition_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match="NAME == TEXT"):
        condition_of(said)
