"""Bytes to typed values, whichever threads ask first."""

from __future__ import annotations

import re
import subprocess
import sys

import msgspec
import pytest

from capture import typed
from tests.interpreters import ROOT

RACE = """
import sys, threading
import msgspec
from capture import typed
from tests.interpreters import ROOT

sys.setswitchinterval(1e-6)
numbers = [(f"n{i}", int, 0) for i in range(40)]
for _ in range(100):
    Inner = msgspec.defstruct("Inner", numbers)
    Outer = msgspec.defstruct("Outer", [(f"l{i}", list[Inner], msgspec.field(default_factory=list)) for i in range(40)])
    data = msgspec.msgpack.encode(Outer(l1=[Inner(n3=7)]))
    together, got = threading.Barrier(4), []

    def ask():
        together.wait()
        got.append(typed.from_msgpack(data, Outer).l1[0].n3)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [7, 7, 7, 7], got
"""


class Point(msgspec.Struct):
    x: int


def test_threads_that_use_a_type_first_at_the_same_moment_all_get_their_value() -> None:
    done = subprocess.run([sys.executable, "-c", RACE], capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_form_gives_the_typed_value() -> None:
    assert typed.from_msgpack(msgspec.msgpack.encode({"x": 1}), Point) == Point(1)
    assert typed.from_json(b'{"x": 2}', Point) == Point(2)
    assert typed.converted({"x": 3}, Point) == Point(3)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        typed.from_json(b'{"x": "one"}', Point)


@pytest.mark.parametrize(
    "data", [b'{"x": "\xff"}', b"[" * 100_000, b'{"x": ' + b"9" * 5000 + b"}", b"\xff", b'{"x": "\\ud800"}', b""]
)
def test_bytes_that_are_no_value_give_one_error_whatever_is_wrong_with_them(data: bytes) -> None:
    for read, kind in ((typed.from_json, dict[str, object]), (typed.from_json, Point), (typed.from_msgpack, Point)):
        with pytest.raises(msgspec.DecodeError):
            read(data, kind)


def test_nobody_decodes_bytes_without_the_one_error() -> None:
    """The readers of snapshots and facts keep decoders of their own, for their speed, and catch all three errors."""
    own = {"capture/typed.py", "capture/events/facts.py", "dags/code/dag.py"}
    decodes = re.compile(r"msgspec\.(json|msgpack)\.(decode|Decoder)\b")
    found = [
        str(file.relative_to(ROOT))
        for package in ("capture", "dags", "views", "scope_gui")
        for file in sorted((ROOT / package).rglob("*.py"))
        if decodes.search(file.read_text())
    ]
    assert set(found) == own
