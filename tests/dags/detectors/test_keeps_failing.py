"""A function that fails each time while its caller goes on: found in a program that does so, and in none like it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from capture.session.session import Session
from dags.detectors import registry
from dags.detectors.finding import Finding
from dags.detectors.registry import DETECTORS, Detector
from scope_gui import command_line
from tests.scope_command import query, run_recorded, scope, scope_here, scope_json

FAULTY = """
import threading

class Gateway:
    def charge(self, order):
        raise ConnectionError(order)

def bill(gateway, orders):
    for order in orders:
        try:
            gateway.charge(order)
        except ConnectionError:
            pass

def tidy(names):
    for name in names:
        try:
            remove(name)
        except KeyError:
            continue

def remove(name):
    check(name)

def check(name):
    raise KeyError(name)

one = threading.Thread(target=bill, args=(Gateway(), range(40)), name="billing")
one.start()
one.join()
for _ in range(3):
    tidy("abcdefghijklm")
"""

RIGHT = """
import asyncio

async def wait():
    await asyncio.sleep(60)

async def shut_down():
    tasks = [asyncio.create_task(wait()) for _ in range(20)]
    await asyncio.sleep(0.01)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

asyncio.run(shut_down())

class Gateway:
    failures = 9

    def charge(self, order):
        self.failures -= 1
        if self.failures % 10:
            raise ConnectionError(order)

class GaveUp(Exception):
    pass

class Lazy:
    def __getattr__(self, name):
        raise AttributeError(name)

def bill(gateway, orders):  # fails now and then, and works each time at last
    for order in orders:
        for attempt in range(12):
            try:
                gateway.charge(order)
                break
            except ConnectionError:
                pass

def never(order):
    raise ConnectionError(order)

def insist(order):  # gives up, and says so
    for attempt in range(30):
        try:
            never(order)
        except ConnectionError:
            continue
    raise GaveUp(order)

def parse_number(text):
    return int(text)

def parse_name(text):
    if not text.isalpha():
        raise ValueError(text)

def parse(words):  # one after the other, until one fits
    for word in words:
        for way in (parse_number, parse_name):
            try:
                way(word)
                break
            except ValueError:
                pass

bill(Gateway(), range(40))
for order in range(3):
    try:
        insist(order)
    except GaveUp:
        pass
parse(["1", "a", "2", "b"] * 30)
asked = Lazy()
[hasattr(asked, name) for name in "abcdefghijklmnopq"]
"""


def recorded(folder: Path, program: str, *flags: object) -> Path:
    (folder / "program.py").write_text(program)
    run_recorded(folder / "s.scope", [sys.executable, folder / "program.py"], *flags)
    return folder / "s.scope"


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recorded(tmp_path_factory.mktemp("faulty"), FAULTY)


def test_what_fails_each_time_is_found_with_its_proof(faulty: Path) -> None:
    told = scope_json("findings", faulty, "--kind", "keeps-failing", "--json")
    found = {one["function"]: one for one in told}
    assert found.keys() == {"Gateway.charge", "remove"}, "not `check`, which is passed over by nobody"
    worst, other = found["Gateway.charge"], found["remove"]
    assert worst["score"] > other["score"] > 0.5
    assert worst["sentence"].startswith("bill called Gateway.charge 40 times in a row, each call raised")
    assert other["sentence"].startswith("tidy called remove 13 times in a row, each call raised")
    assert other["sentence"].endswith("and tidy went on; so in 3 of its calls or loops.")
    assert (Path(worst["file"]).name, worst["line"]) == (
        "program.py",
        FAULTY.splitlines().index("    def charge(self, order):") + 1,
    )
    for one, count in ((worst, 16), (other, 13)):
        ids = ", ".join(map(str, one["event_ids"]))
        proof = query(faulty, f"SELECT kind, function FROM events JOIN sites USING (site_id) WHERE event_id IN ({ids})")
        assert proof == [{"kind": "unwind", "function": one["function"]}] * count


def test_it_is_told_in_words_and_where_it_is_looked_for(faulty: Path) -> None:
    said = scope("findings", faulty).stdout
    first, where, *_ = said.splitlines()
    assert first.startswith("0.80  keeps-failing  bill called Gateway.charge 40 times in a row")
    assert "Gateway.charge " in where and "program.py:5; events " in where
    assert scope("findings", faulty, "--to", "0ns").stdout == "nothing was found\n"
    wrong = scope_here(["findings", str(faulty), "--from", "end", "--to", "start"])
    assert wrong.returncode == 1 and "--from end is after --to start." in wrong.stderr


def test_nothing_is_found_in_a_program_that_is_right(tmp_path: Path) -> None:
    session = recorded(tmp_path, RIGHT)
    [[raised]] = [list(row.values()) for row in query(session, "SELECT count(*) FROM calls WHERE outcome = 'raise'")]
    assert raised > 200
    assert scope_json("findings", session, "--json") == []


UNPARSE = """
import ast, pathlib, textwrap
for module in (textwrap, pathlib):
    ast.unparse(ast.parse(pathlib.Path(module.__file__).read_text()))
"""
DOCTEST = """
import argparse, doctest, json, shlex
json.loads("[1, {}]")
doctest.testmod(shlex)
argparse.ArgumentParser().format_help()
"""


@pytest.mark.parametrize(
    "words", [["-c", UNPARSE], ["-m", "unittest", "-h"], ["-c", DOCTEST]], ids=["unparse", "unittest", "doctest"]
)
def test_the_standard_library_raises_no_alarm(words: list[str], tmp_path: Path) -> None:
    run_recorded(tmp_path / "s.scope", [sys.executable, *words], "--include", "*")
    assert query(tmp_path / "s.scope", "SELECT count(*) > 500 AS many FROM calls") == [{"many": True}]
    assert scope_json("findings", tmp_path / "s.scope", "--json") == []


def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
    """What a made-up detector finds: the first event, whatever it is."""
    told: dict[str, Any] = {"function": "f", "file": "", "line": 0, "event_ids": [1]}
    return [Finding(kind="first", sentence=f"It began, {range_ns[1]} ns.", score=1.0, **told)]


def test_a_detector_is_one_row(faulty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = Detector("first", "that something happened", __name__, ("calls",))
    blind = Detector("tastes", "what it tastes like", "nowhere", ("taste",))
    monkeypatch.setattr(registry, "DETECTORS", (*DETECTORS, made_up, blind))
    command_line._parser.cache_clear()
    done = scope_here(["findings", str(faulty)])
    assert done.stdout.startswith("1.00  first  It began, ")
    assert "keeps-failing" in done.stdout
    assert "tastes: this session does not hold what it takes to look" in done.stderr
    command_line._parser.cache_clear()
    assert "first: that something happened" in scope_here(["findings", "--help"]).stdout
    assert len(scope_json("findings", faulty, "--kind", "first", "--json")) == 1
    command_line._parser.cache_clear()
