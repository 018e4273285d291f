"""Functions that exceptions leave again and again: as often as the program counts, and none that answers by raising."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interpreters import Interpreter
from tests.scope_command import query, run_recorded, scope_json

FAULTY = """
import threading

class Declined(Exception):
    pass

def charge(order):
    if order % 4 == 0:
        raise Declined(order)
    if order == 7:
        raise LookupError(order)  # now and then
    return order

def fulfil(order):
    return charge(order)

def handle(orders):
    for order in orders:
        try:
            fulfil(order)
        except (Declined, LookupError):
            pass

threads = [threading.Thread(target=handle, args=(range(n, 60),)) for n in (0, 20)]
for thread in threads:
    thread.start()
    thread.join()
"""
TIMES = sum(order % 4 == 0 for n in (0, 20) for order in range(n, 60))
CALLS = 60 + 40

RIGHT = """
class Lazy:
    def __getattr__(self, name):
        return self.look_up(name)

    def look_up(self, name):
        raise AttributeError(name)

class Forgetful:
    def __getattr__(self, name):
        raise AttributeError(name)

def number(text):
    if not text.isdigit():
        raise ValueError(text)
    return int(text)

def parsed(text):  # caught where it is called
    try:
        return number(text)
    except ValueError:
        return text

def count(limit):
    for n in range(limit):
        yield n

def through(limit):
    yield from count(limit)

def first(limit):
    return next(through(limit), None)

for _ in range(40):
    parsed("a"), parsed("1"), first(0), first(3), list(through(5))
    hasattr(Forgetful(), "x")
"""


def found(folder: Path, program: str, interpreter: Interpreter) -> list[dict[str, Any]]:
    (folder / "program.py").write_text(program)
    run_recorded(folder / "s.scope", [interpreter.path, folder / "program.py"])
    said: list[dict[str, Any]] = scope_json("findings", folder / "s.scope", "--kind", "raises", "--json")
    return said


@pytest.mark.minors("3.11", "3.13")
def test_what_leaves_a_function_and_its_caller_is_counted(interpreter: Interpreter, tmp_path: Path) -> None:
    [one] = found(tmp_path, FAULTY, interpreter)
    assert (one["function"], one["line"]) == ("charge", FAULTY.splitlines().index("def charge(order):") + 1)
    how_often = f"left charge {TIMES} times, in {100 * TIMES // CALLS} % of its calls"
    assert one["sentence"] == f"__main__.Declined {how_often}, and its caller with it."
    ids = ", ".join(map(str, one["event_ids"]))
    proof = query(
        tmp_path / "s.scope", f"SELECT kind, function FROM events JOIN sites USING (site_id) WHERE event_id IN ({ids})"
    )
    assert proof == [{"kind": "unwind", "function": "charge"}] * 16


@pytest.mark.minors("3.11", "3.13")
def test_nothing_is_found_where_raising_is_an_answer(interpreter: Interpreter, tmp_path: Path) -> None:
    assert found(tmp_path, RIGHT, interpreter) == []
    [raised] = query(tmp_path / "s.scope", "SELECT count(*) AS n FROM calls WHERE outcome = 'raise'")
    assert raised["n"] >= 80
