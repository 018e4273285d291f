"""`history`: the versions of a value, and who wrote each."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

import pytest

from tests.scope_command import run_recorded, scope, scope_json
from tests.sessions import build_session

PROGRAM = """
class Stock:
    def __init__(self, units):
        self.units = units

    def take(self, n):
        self.units -= n

class Desk:
    def __init__(self):
        self.units = "none"

first, second, desk = Stock(10), Stock(100), Desk()
for n in range(3):
    first.take(n)
"""


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stock")
    (folder / "program.py").write_text(PROGRAM)
    flags = ["--state", "__main__.Stock", "--state", "__main__.Desk"]
    run_recorded(folder / "s.scope", [sys.executable, folder / "program.py"], *flags)
    return folder / "s.scope"


def test_a_value_is_told_version_by_version_with_its_writers(session: Path) -> None:
    rows = scope_json("history", session, "Stock.units", "--format", "json")
    in_order = sorted(rows, key=lambda row: (row["object_id"], row["version_id"]))
    first, second = (list(of_one) for _, of_one in groupby(in_order, key=lambda row: row["object_id"]))
    assert [(row["old"], row["new"], row["writer"]) for row in first] == [
        (None, "10", "Stock.__init__"),
        ("10", "10", "Stock.take"),
        ("10", "9", "Stock.take"),
        ("9", "7", "Stock.take"),
    ]
    assert [(row["old"], row["new"], row["thread"]) for row in second] == [(None, "100", "MainThread")]
    one = ("--object", str(first[0]["object_id"]), "--format", "json")
    assert scope_json("history", session, "Stock.units", *one) == first
    assert len(scope_json("history", session, "Stock.units", "--limit", "2", *one)) == 2


def test_what_is_not_one_value_is_refused_with_what_there_is(session: Path, tmp_path: Path) -> None:
    assert "may be 2 values" in scope("history", session, "units", expect=1).stderr
    told = scope("history", session, "nothing", expect=1).stderr
    assert "No value 'nothing' was recorded" in told
    assert "Stock.units" in told
    built = build_session(tmp_path / "built.scope", events=60, segments=3).path
    assert [row["new"] for row in scope_json("history", built, "stock", "--format", "json")] == ["1", "2", "3"]
