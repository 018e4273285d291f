"""What was recorded is what happened: cProfile in a plain run of the same program is the independent witness."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.capture.agent.poolfile import ENTER, LEAVE, Pool
from tests.capture.agent.recordings import PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.targets import Launcher

Make = Callable[..., Recording]

PROGRAM = """
import contextlib
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def numbers(n):
    for i in range(n):
        yield i
def chained(n):
    result = yield from numbers(n)
    return result
def fails(depth):
    if depth == 0:
        raise ValueError("at the bottom")
    return fails(depth - 1)
def catches():
    try:
        fails(5)
    except ValueError:
        return True
@contextlib.contextmanager
def managed():
    try:
        yield 1
    finally:
        fib(2)
class Thing:
    def __init__(self): self.value = 1
    def __eq__(self, other): return self.value == other.value
    @property
    def double(self): return self.value * 2
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
def main():
    fib(12)
    sum(chained(50))
    for _ in range(7): catches()
    with managed(): pass
    try:
        with managed(): fails(1)
    except ValueError: pass
    sorted([3, 1, 2], key=lambda x: -x)
    assert Thing() == Thing() and Thing().double == 2
    g = numbers(5); next(g)
    try: g.throw(KeyError("thrown"))
    except KeyError: pass
    deep(600)
    [fib(1) for _ in range(5)]
main()
"""

COUNT = """
import cProfile, json, pstats, sys
source = open(sys.argv[1]).read()
code = compile(source, sys.argv[1], "exec")
profile = cProfile.Profile()
profile.enable()
exec(code, {"__name__": "__main__", "__file__": sys.argv[1]})
profile.disable()
rows = [[file, name, line, calls] for (file, line, name), (_, calls, *_) in pstats.Stats(profile).stats.items()]
print(json.dumps([row for row in rows if row[0] not in ("~", __file__)]))
"""


def counted_by_cprofile(interpreter: Interpreter, program: Path, folder: Path) -> Counter[tuple[str, str, int]]:
    counter = script(folder, COUNT, "counter.py")
    done = subprocess.run([interpreter.path, counter, program], capture_output=True, text=True, check=True, timeout=60)
    return Counter({(file, name, line): calls for file, name, line, calls in json.loads(done.stdout)})


def assert_balanced(pool: Pool) -> None:
    for events in pool.events.values():
        stack: list[int] = []
        for event in events:
            if event.kind in ENTER:
                stack.append(event.a)
            elif event.kind in LEAVE:
                assert stack.pop() == event.a
        assert not stack


def test_every_call_is_recorded_exactly_once(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, PROGRAM)
    one = recording(include=["*"], mode="performance")
    assert one.launch(target, interpreter, program).wait() == 0
    pool = one.read()
    # Import machinery runs differently often beside cProfile, which has imported half the library itself.
    files = (str(program), "/contextlib.py")
    expected = counted_by_cprofile(interpreter, program, tmp_path)
    expected = Counter({key: calls for key, calls in expected.items() if key[0].endswith(files)})
    recorded = Counter({key: calls for key, calls in pool.activations().items() if key in expected})
    assert len(expected) > 15
    assert recorded == expected
    assert_balanced(pool)
    assert pool.state == 2


def test_generators_say_how_they_were_entered_and_left(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "def numbers():\n    yield 1\n    yield 2\n"
        "def passing():\n    yield from numbers()\n"
        "for _ in passing(): pass\n"
        "def stubborn():\n    try:\n        yield\n    except KeyError:\n        yield\n"
        "g = stubborn(); next(g); g.throw(KeyError()); g.close()\n",
    )
    one = recording(mode="performance")
    assert one.launch(target, interpreter, program).wait() == 0
    # 3.10's hook cannot tell a throw from a resume.
    throw = "resume" if interpreter.version < (3, 11) else "throw"
    named = interpreter.version >= (3, 12)
    told = [line if named else line.replace(" KeyError", "") for line in one.read().told()]
    told = [line.replace(" GeneratorExit", "") for line in told if not line.startswith("raise")]
    qual = [line.split()[0] + " " + line.split()[1] for line in told]
    assert qual[:16] == [
        "call <module>", "call passing", "call numbers", "yield numbers", "yield passing",
        "resume passing", "resume numbers", "yield numbers", "yield passing",
        "resume passing", "resume numbers", "return numbers", "return passing",
        "call stubborn", "yield stubborn", f"{throw} stubborn",
    ]  # fmt: skip
    assert qual[16] == "yield stubborn"
    if qual[17] == f"{throw} stubborn":
        assert qual[18] == "unwind stubborn"
    assert qual[-1] == "return <module>"


def test_coroutines_are_resumed_and_suspended(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import asyncio\n"
        "async def inner():\n    await asyncio.sleep(0)\n    return 1\n"
        "async def items():\n    for i in range(2):\n        await asyncio.sleep(0)\n        yield i\n"
        "async def outer():\n    x = await inner()\n    return x + len([i async for i in items()])\n"
        "assert asyncio.run(outer()) == 3\n",
    )
    one = recording(mode="performance")
    assert one.launch(target, interpreter, program).wait() == 0
    pool = one.read()
    assert_balanced(pool)
    told = pool.told()
    start = told.index("call inner")
    assert told[start - 1 : start + 6] == [
        "call outer", "call inner", "yield inner", "yield outer", "resume outer", "resume inner", "return inner",
    ]  # fmt: skip
    assert told.count("yield items") == 4
    assert told.count("return items") == 1


def test_a_raise_is_told_once_and_every_unwound_frame_too(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "class Mine(Exception): pass\n"
        "def bottom(): raise Mine('no')\n"
        "def middle(): bottom()\n"
        "def top():\n    try: middle()\n    except Mine: pass\n"
        "top(); top()\n"
        "def loops(): return [x for x in iter([1, 2])] + [next(iter([1]))]\n"
        "def stored():\n    e = Mine()\n    for _ in range(2):\n        try: raise e\n        except Mine: pass\n"
        "loops(); stored()\n"
        "try: int('x')\nexcept ValueError: pass\n",
    )
    one = recording(mode="performance")
    assert one.launch(target, interpreter, program).wait() == 0
    told = [line for line in one.read().told() if line.split()[0] in ("raise", "unwind")]
    mine = "__main__.Mine"
    thrown = [f"raise bottom {mine}", f"unwind bottom {mine}", f"unwind middle {mine}"]
    assert told == [*thrown, *thrown, f"raise stored {mine}", "raise <module> ValueError"]


@pytest.mark.sampled
def test_filters_choose_modules_files_and_functions(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    (tmp_path / "package").mkdir()
    script(tmp_path, "", "package/__init__.py")
    script(tmp_path, "def kept(): return left_out()\ndef left_out(): return 1\n", "package/part.py")
    program = script(tmp_path, "import json\nfrom package.part import kept\ndef own(): return kept()\nown()\n"
                               "json.loads('[1]')\n")  # fmt: skip
    for settings, functions in (
        ({}, {"<module>", "kept", "left_out", "own"}),
        ({"include": ["package"]}, {"<module>", "kept", "left_out"}),
        ({"include": ["package.part:*"], "exclude": ["*:left_out"]}, {"<module>", "kept"}),
        ({"include": ["package/*.py"], "exclude": ["*:<module>"]}, {"kept", "left_out"}),
        ({"include": ["json", "json.*"]}, None),
    ):
        one = recording(mode="performance", **settings)
        assert one.launch(target, interpreter, program).wait(PATIENCE_S) == 0
        pool = one.read()
        seen = {key[1] for key in pool.activations()}
        if functions is None:
            assert "loads" in seen
            assert {key[0].split("/")[-2] for key in pool.activations()} == {"json"}
        else:
            assert seen == functions


def test_a_program_that_is_part_of_the_standard_library_is_user_code_and_what_it_imports_is_not(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    (tmp_path / "given.json").write_text("[1, 2]")
    one = recording(mode="performance")
    assert one.launch(target, interpreter, "-m", "json.tool", tmp_path / "given.json").wait(PATIENCE_S) == 0
    assert {(key[0].split("/")[-2:][0], key[1]) for key in one.read().activations()} == {
        ("json", "<module>"),
        ("json", "main"),
    }


def test_modes_record_what_they_promise(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import threading\nvalue = 1\ndef work():\n    try: int('x')\n    except ValueError: pass\n"
        "t = threading.Thread(target=work); t.start(); t.join()\nvalue = 2\n",
    )
    life = {"thread_begin", "thread_start", "thread_end"}
    monitoring = interpreter.version >= (3, 12)  # before, joins and raises come with the profile hook
    joins = {"join_begin", "join_end"}
    calls, raises = {"call", "return", "snapshot"}, {"raise", "dead_frame"}
    for mode, kinds in (
        ("performance", life | calls | joins | raises | ({"line_first"} if monitoring else set())),
        ("state", life | {"state"} | (joins if monitoring else set())),
        ("minimal", life | (joins | raises if monitoring else set())),
    ):
        one = recording(mode=mode)
        assert one.launch(target, interpreter, program).wait(PATIENCE_S) == 0
        seen = {event.kind for event in one.read().all_events()}
        assert seen == kinds, mode
