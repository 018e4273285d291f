"""The line that is recorded with a call is the one at which the program finds its caller."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.capture.agent.poolfile import Pool
from tests.capture.agent.recordings import Recording, script
from tests.interpreters import Interpreter, found
from tests.targets import Launcher

Make = Callable[..., Recording]

PROGRAM = """
import functools, json, sys
from left_out import relay

LOG = []
def here():
    frame = sys._getframe(1)
    back = frame.f_back
    while back and not back.f_code.co_filename.endswith("program.py"):
        back = back.f_back
    LOG.append([frame.f_code.co_name, back.f_lineno])

def leaf(*given):
    here()
    return 1

class Made:
    def __init__(self):
        here()
    def __enter__(self):
        here()
    def __exit__(self, *error):
        here()
    def __add__(self, other):
        here()
    @property
    def held(self):
        here()

def numbers():
    here()
    yield 1
    yield 2

def fails():
    here()
    raise ValueError

def kwargs(*, a, b):
    here()

async def waits():
    here()
    return 2

def work():
    leaf(
        1,
        2,
    )
    list(map(leaf, (1, 2)))
    sorted([1], key=leaf)
    made = Made()
    with made:
        made + made
    made.held
    for one in numbers():
        leaf(one)
    try:
        fails()
    except ValueError: leaf()
    kwargs(
        a=leaf(),
        b=(leaf(),
           leaf()))
    [leaf() for _ in (1, 2)]
    functools.partial(leaf, 1)()
    relay(leaf)
    relay(relay, relay, leaf)
    coroutine = waits()
    try:
        coroutine.send(None)
    except StopIteration:
        pass
    (lambda: leaf())()

for _ in range(ROUNDS):
    work()
print(json.dumps(LOG))
"""
LEFT_OUT = "def relay(function, *more):\n    return function(*more)\n"


def told(pool: Pool, functions: set[str]) -> list[list[object]]:
    """Functions that were called, and the lines from which."""
    found: list[list[object]] = []
    for event in pool.events[1]:
        name = pool.definitions[1][event.a][4] if event.kind == "call" else ""
        if name in functions:
            found.append([name, event.line])
    return found


@pytest.mark.parametrize("values", ["on", "off"])
def test_every_call_is_told_from_the_line_that_the_program_finds(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path, values: str
) -> None:
    (tmp_path / "left_out.py").write_text(LEFT_OUT)
    program = script(tmp_path, PROGRAM.replace("ROUNDS", "50"))
    one = recording(mode="performance", values=values, exclude=["left_out*", "*:here"])
    started = one.launch(target, interpreter, program)
    assert started.wait() == 0, started.output()
    log = json.loads(started.output().splitlines()[-1])
    assert len(log) == 50 * 25
    assert told(one.read(), {name for name, _ in log}) == log


MOVING = """
import sys
LOG = []
def leaf():
    LOG.append(sys._getframe(1).f_lineno)
for n in range(300):
    scope = {"leaf": leaf, "__name__": "made"}
    exec(compile("\\n" * n + "def caller():\\n" + "    leaf()\\n" * 3, FILE, "exec"), scope)
    scope["caller"]()
print(LOG)
"""


def test_lines_are_those_of_the_code_that_is_there_now(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    """Code objects come and go at the same addresses, with other lines at the same instructions."""
    program = script(tmp_path, MOVING.replace("FILE", repr(str(tmp_path / "made.py"))))
    one = recording(mode="performance")
    started = one.launch(target, interpreter, program)
    assert started.wait() == 0, started.output()
    log = json.loads(started.output().splitlines()[-1])
    assert len(set(log)) > 300
    assert [line for _, line in told(one.read(), {"leaf"})] == log


FAR = """
def leaf():
    pass
def caller():
    leaf()
NEWLINES
    leaf()
caller()
"""


def test_a_line_too_far_below_is_not_known(target: Launcher, recording: Make, tmp_path: Path) -> None:
    [newest] = [one for one in found() if one.minor == "3.14"]
    one = recording(mode="performance")
    started = one.launch(target, newest, script(tmp_path, FAR.replace("NEWLINES", "\n" * 16_400)))
    assert started.wait() == 0, started.output()
    assert told(one.read(), {"leaf"}) == [["leaf", 5], ["leaf", 0]]
