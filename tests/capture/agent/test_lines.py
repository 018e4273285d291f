"""Which lines ran and which never did, against sys.settrace in a plain run of the same program."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from capture.settings import CaptureSettings
from tests.capture.agent.poolfile import Line
from tests.capture.agent.recordings import DOOR, PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.targets import Launcher

Make = Callable[..., Recording]

PROGRAM = '''\
"""A module."""
import asyncio
import contextlib
LIMIT = (
    3 +
    4
)
def branches(n):
    """What it does."""
    if n > 2:
        found = "many"
    elif n == 2:
        found = "two"
    else:
        found = "few"
    while n:
        n -= 1
        if n > 5:
            break
    else:
        found += "!"
    return found
def catches(kind):
    try:
        try:
            if kind:
                raise kind(
                    "said"
                )
            done = 1
        except ValueError as error:
            done = str(error)
        except (KeyError, IndexError):
            done = 2
            return done
        else:
            done = 3
        finally:
            done = (done, 4)
    except TypeError:
        pass
    return done
def one_line(x): return x + 1
twice = lambda x: (
    x *
    2
)
def closes_over(held):
    @functools_like
    def inner(y=held):
        return (y +
                held)
    return inner
def functools_like(function):
    return function
def numbers(n):
    for i in range(n):
        got = yield i
        if got:
            return got
    yield from (
        i * 2
        for i in range(3)
    )
class Thing(
    object,
):
    """A class."""
    size = 3

    def __init__(self):
        self.value = [
            one_line(i)
            for i in range(3)
            if i
        ]

    @property
    def never(self):
        return self.value
@contextlib.contextmanager
def managed():
    yield 1
    print("after")
def with_statement(fail):
    with managed() as one, \\
         managed() as two:
        if fail:
            raise OSError
        return (one,
                two)
def matches(what):
    match what:
        case {"a": a}:
            return a
        case [x, *_]:
            return x
        case _:
            return None
def unpacks(*args, key=None, **rest):
    a, *b = args or (1, 2)
    del a
    assert b, \\
        "never"
    if (n := len(b)) > 5:
        global LIMIT
        LIMIT = n
    return f"""{b}
{key}
{rest}"""
async def waits(n):
    async with lock:
        await asyncio.sleep(0)
    async for x in agen():
        if x == n:
            continue
        pass
    return [x async for x in agen()]
async def agen():
    yield 1
    yield 2
lock = asyncio.Lock()
def main():
    branches(2)
    branches(1)
    catches(ValueError)
    catches(None)
    one_line(1), twice(2)
    closes_over(3)()
    list(numbers(2))
    Thing()
    try:
        with_statement(False)
        with_statement(True)
    except OSError:
        pass
    matches([1, 2])
    unpacks(1, 2, 3)
    asyncio.run(waits(1))
    namespace = {"__name__": "made_up"}
    exec("def made(x):\\n  if x:\\n    return 1\\n  return 2\\n", namespace)
    namespace["made"](0)
main()
'''

NEVER = {
    'found = "many"', "break", "except (KeyError, IndexError):", "done = 2", "return done", "except TypeError:",
    "return got", "return a", "return None", '"never"', "LIMIT = n",
}  # fmt: skip
"""Lines of functions of PROGRAM that are called and do not run them."""

WITNESS = """
import json, sys
path = sys.argv[1]
ran, codes = set(), {}
def local(frame, event, arg):
    if event == "line":
        ran.add((frame.f_code.co_qualname, frame.f_lineno))
    return local
def enter(frame, event, arg):
    if frame.f_code.co_filename == path or frame.f_globals.get("__name__") == "made_up":
        return local
code = compile(open(path).read(), path, "exec")
sys.settrace(enter)
exec(code, {"__name__": "__main__", "__file__": path})
sys.settrace(None)
print("\\n" + json.dumps(sorted(ran)))
"""


def run_lines(interpreter: Interpreter, program: Path, folder: Path) -> set[Line]:
    """What sys.settrace sees."""
    witness = script(folder, WITNESS, "witness.py")
    done = subprocess.run([interpreter.path, witness, program], capture_output=True, text=True, check=True, timeout=60)
    return {(function, line) for function, line in json.loads(done.stdout.splitlines()[-1])}


@pytest.fixture
def tells_lines(interpreter: Interpreter) -> None:
    if interpreter.version < (3, 12):
        pytest.skip("sys.monitoring is needed")


@pytest.mark.usefixtures("tells_lines")
def test_lines_that_ran_are_those_that_settrace_sees(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, PROGRAM)
    one = recording(mode="performance")
    assert one.launch(target, interpreter, program).wait() == 0
    pool = one.read()
    known, ran = pool.lines(), pool.lines_run()
    expected = run_lines(interpreter, program, tmp_path)
    assert len(expected) > 90
    assert set(ran) == expected
    first = [(event.a, event.b) for event in pool.all_events() if event.kind == "line_first"]
    assert len(first) == len(set(first)), "a line has run for the first time twice"
    assert expected <= known
    source = PROGRAM.splitlines()
    never = {source[line - 1].strip() for function, line in known - expected if function != "made"}
    assert never >= NEVER
    assert never <= NEVER | {"pass", "case _:"}, "as the compiler likes"


@pytest.mark.usefixtures("tells_lines")
def test_code_made_anew_is_told_once_and_its_other_lines_still_count(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "def made(x):\n"
        "    source = 'def inner(x):\\n    if x:\\n        return 1\\n    return 2\\n'\n"
        "    names = {'__name__': '__main__'}\n"
        "    exec(source, names)\n"
        "    return names['inner'](x)\n"
        "for _ in range(300): made(0)\n"
        "made(1)\n"
        "for _ in range(300): made(0)\n",
    )
    one = recording(mode="performance")
    assert one.launch(target, interpreter, program).wait() == 0
    pool = one.read()
    known, ran = pool.lines(), pool.lines_run()
    assert [line for function, line in ran if function == "inner"] == [2, 4, 3]
    assert {line for function, line in known if function == "inner"} == {2, 3, 4}


WAITS = """
import os, sys, time
def asked(number):
    while not os.path.exists(f"{sys.argv[1]}/{number}"):
        time.sleep(0.001)
    before = number
    return before
"""

ATTACHED = f"""{DOOR}{WAITS}
def again(x):
    if x:
        return 1
    return 2
again(0)
print("ready", flush=True)
again(asked(1))
print("again", flush=True)
again(asked(2) - 2)
print("after", flush=True)
asked(3)
"""


@pytest.mark.usefixtures("tells_lines")
def test_frames_that_run_already_are_told_and_nothing_stays_behind(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, ATTACHED + LEFT)
    one = recording(mode="performance")
    started = target([interpreter.path, program, tmp_path], env=one.environment(), ready="ready")
    one.attach(started)
    (tmp_path / "1").touch()
    started.wait_for_line("again")
    one.stop()
    pool = one.read()
    source = ATTACHED.splitlines()
    ran = {source[line - 1].strip() for _, line in pool.lines_run() if line <= len(source)}
    assert {"before = number", "return before", "return 1", "if x:"} <= ran
    assert not {"return 2", "again(0)"} & ran
    assert "again(asked(1))" not in ran, "it had begun before: the stack that is told at the beginning says so"
    assert ("again", source.index("    return 2") + 1) in pool.lines()
    for number in (2, 3):
        (tmp_path / str(number)).touch()
    assert started.wait_for_line("left") == "left 0"
    assert started.wait() == 0


LEFT = """
codes = [f.__code__ for f in (asked, again)] + [sys._getframe().f_code]
told = [sys.monitoring.get_local_events(tool, code) for tool in range(6) if sys.monitoring.get_tool(tool) or
        not sys.monitoring.use_tool_id(tool, "looks") for code in codes]
print("left", sum(told), flush=True)
"""
"""How many local events code has when the recording has ended."""


def test_older_versions_tell_of_no_line_and_miss_nothing(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    if interpreter.version >= (3, 12):
        pytest.skip("it knows")
    one = recording(mode="performance")
    assert one.launch(target, interpreter, script(tmp_path, "def f(): pass\nf()\n")).wait() == 0
    pool = one.read()
    assert not pool.lines()
    assert not pool.definitions.get(6)


@pytest.mark.sampled
@pytest.mark.parametrize("settings", [{"never_run": "off"}, {"mode": "minimal"}, {"mode": "state"}])
def test_lines_are_told_only_where_calls_are_and_it_is_asked_for(
    settings: dict[str, Any], interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(**settings)
    assert one.launch(target, interpreter, script(tmp_path, "def f(): pass\nf()\n")).wait() == 0
    pool = one.read()
    assert not pool.lines()
    assert not [event for event in pool.all_events() if event.kind == "line_first"]
    assert "lines-unknown" not in [fields[0] for fields in pool.definitions.get(6, {}).values()]


SWITCHED = f"""{WAITS}
def step(x):
    if x == 1:
        return "one"
    if x == 2:
        return "two"
    return "none"
print("ready", flush=True)
for at, x in enumerate((1, 0, 2)):
    asked(at)
    print("said", at, step(x), flush=True)
asked(3)
"""


@pytest.mark.usefixtures("tells_lines")
def test_lines_are_switched_on_and_off_while_the_program_runs(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", never_run="off")
    started = one.launch(target, interpreter, script(tmp_path, SWITCHED), tmp_path)
    for at, never_run in enumerate((None, "on", "off")):
        if never_run is not None:
            orders = CaptureSettings.checked(mode="performance", never_run=never_run).live_orders()
            assert "problem" not in one.channel.request("configure", orders, timeout_s=PATIENCE_S)
        (tmp_path / str(at)).touch()
        started.wait_for_line(f"said {at}")
    one.stop()
    pool = one.read()
    source = SWITCHED.splitlines()
    ran = {source[line - 1].strip() for function, line in pool.lines_run() if function == "step"}
    assert ran == {"if x == 1:", "if x == 2:", 'return "none"'}
    (tmp_path / "3").touch()
    assert started.wait() == 0
