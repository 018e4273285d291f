"""Lines with locals equal what `sys.settrace` sees of the same functions: every line, every change, and no others."""

from __future__ import annotations

import itertools
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, reject, settings

from capture.settings import CaptureSettings
from tests.capture.agent.made_programs import programs
from tests.capture.agent.poolfile import ENTER, LEAVE, PROCESS, SITE, UNSEEN, Event, Pool
from tests.capture.agent.recordings import DOOR, PATIENCE_S, Recording, script
from tests.capture.agent.test_values import COUNTED
from tests.capture.agent.witness import FIRST_KNOWN, HELPERS, WATCH, compare, spans_of
from tests.capture.agent.words import IN_PLACE
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher

Make = Callable[..., Recording]

FUNCTIONS = """
import asyncio, contextlib
class Quiet: pass
quiet = Quiet()
def loops(n):
    x = 0
    s = ''
    acc = []
    d = {}
    for i in range(n):
        x = x + i
        s += 'a'
        acc.append(x)
        d[i] = s
        if i == 1: continue
        if i == 7: break
    else:
        x = -1
    while x < 3:
        x += 1
    f = 1.5; f *= 2
    return x
def names(n):
    y = [k * 2 for k in range(n)]
    if (w := len(y)) > 2:
        y = {k: v for k, v in enumerate('abc')}
    z = sum(q for q in range(3))
    del w
    a, b = 1, 2
    a, b = b, a
    head, *rest = [a, b, 3, 4]
    b = None; b = []
    n = n
    t = (1, [2]); t[1].append(3)
    c = 10 ** 20; c += 1; c -= 1
    return {m for m in y if m}
def caught(n):
    try:
        z = 1 / (n - n)
    except ZeroDivisionError as e:
        z = -1
    try:
        raise KeyError(n)
    except (KeyError, ValueError) as error:
        kept = error
    finally:
        n = 0
    for i in range(3):
        try:
            if i == 1: continue
            q = i
        finally:
            q = -i
            del q
    return z
def thrower(k):
    q = [k]
    q.append(k + 1)
    raise KeyError(q)
def catcher():
    try:
        thrower(5)
    except KeyError as error:
        got = error.args
        return got
def closure():
    n = 0
    seen = []
    def inc(by=1):
        nonlocal n
        n += by
        seen.append(n)
        return n
    inc(); inc()
    k = inc(by=5)
    del seen
    return k
def aliases():
    a = [1]
    b = a
    def f(z): z.append(2)
    b.append(5)
    f(a)
    x = 1
    c = {'l': a}
    c['l'].append(9)
    y = 2
    s = {1}
    s.add(2); s.discard(1)
    s |= {3}
    a[0] = 7
    del a[1:]
    c.update(m=1)
    c['l'] = {'deep': [1]}
    c['l']['deep'] = 2
    return y
def counted(n):
    t = 0
    for i in range(n):
        got = yield t
        t += i
    return t
def delegates():
    had = yield from counted(2)
    try:
        yield had
    except ValueError as error:
        had = 'thrown'
    yield had
    try:
        yield 1
    finally:
        had = 'closed'
def drives():
    g = delegates()
    first = next(g)
    second = g.send('sent')
    third = next(g)
    fourth = g.throw(ValueError('x'))
    fifth = next(g)
    g.close()
    return [first, second, third, fourth, fifth]
@contextlib.contextmanager
def manager(v):
    w = v
    yield w
    w = None
def withs():
    with manager(7) as v:
        u = v + 1
    with manager(1) as (v2), manager(2) as v3:
        u += v2
    with contextlib.suppress(ZeroDivisionError):
        u = 1 / 0
    return u
def kinds(p, /, q=2, *args, r=3, **kw):
    lam = lambda m: m + q
    class C:
        z = 1
        def method(self): return __class__
    t = [lam(x) for x in range(2) if x]
    C().method()
    import os as o
    password = 'HIDDEN'
    long = 'x' * 300
    big = list(range(20)); big[15] = 0
    thing = quiet
    match p:
        case [one, *_]: p = one
        case {'k': it}: p = it
        case other: p = other
    global made
    made = 1
    return (
        p,
        q,
    )
async def waits(n):
    got = []
    for i in range(n):
        await asyncio.sleep(0)
        got.append(i)
    return got
async def numbers():
    for i in range(2):
        yield i
async def tasks():
    one = await waits(2)
    both = await asyncio.gather(waits(1), waits(2))
    async for i in numbers():
        one.append(i)
    squares = [j * j async for j in numbers()]
    async with contextlib.AsyncExitStack() as stack:
        one = None
    return both
class Adds:
    def __init__(self, held): self.held = held
    def __add__(self, n):
        self.held.append(n)
        return n
def operators():
    held = [1]
    adds = Adds(held)
    x = adds + 2
    y = x
    z = held
    z += [x]
    x = held[0]
    pair = (held, x)
    z[0] = pair[1] + y
    y = held
    return pair
def recursive(n):
    before = n
    n = n and recursive(n - 1) + 1
    after = before
    return n
def many():
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = b0 = b1 = b2 = b3 = b4 = b5 = b6 = b7 = 0
    FILLED
    v300 = 1
    v299 = v300
    del v44
    v45 = [v299]
    return v45
def run():
    loops(9); loops(1); names(3); caught(2); catcher(); closure(); aliases(); drives(); withs()
    kinds([1, 2], 5, 6, extra=7); kinds({'k': 1}); kinds(5)
    asyncio.run(tasks())
    recursive(3)
    operators()
    many()
watch(run)
""".replace("    FILLED", "\n".join(f"    v{i} = {i}" for i in range(301)))


@pytest.fixture
def steps(interpreter: Interpreter) -> Interpreter:
    if interpreter.version < (3, 12, 0):
        pytest.skip("lines are recorded on 3.12 and newer")
    return interpreter


def run(one: Recording, target: Launcher, interpreter: Interpreter, program: Path) -> str:
    """What the program prints."""
    started = one.launch(target, interpreter, program)
    assert started.wait() == 0, started.output()
    return started.output()


def lines_of(pool: Pool, function: str) -> list[Event]:
    """The lines of the first call of a function, which calls nothing that is recorded."""
    events = iter(pool.events[1])
    for event in events:
        if event.kind == "call" and pool.definitions[SITE][event.a][4] == function:
            return [one for one in itertools.takewhile(lambda one: one.kind not in LEAVE, events) if one.kind == "line"]
    return []


def test_lines_and_locals_equal_what_a_tracer_sees(
    steps: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", lines=["user.*"], exclude=list(HELPERS))
    printed = run(one, target, steps, script(tmp_path, WATCH + FUNCTIONS))
    pool = one.read()
    compare(pool, json.loads(printed.splitlines()[-1]))
    assert sum(len(told) for _, told in spans_of(pool)) > 700
    assert b"HIDDEN" not in (one.pool_dir / "pool.bin").read_bytes()


QUICKLY = settings(
    max_examples=4, deadline=None, database=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate]
)


@QUICKLY
@given(program=programs(functions=12))
def test_lines_and_locals_of_made_up_programs_equal_what_a_tracer_sees(
    steps: Interpreter, target: Launcher, recording: Make, tmp_path: Path, program: str
) -> None:
    text = script(tmp_path, WATCH + program)
    alone = target([steps.path, "-W", "ignore", text]).wait(30)
    if alone == -signal.SIGSEGV and steps.minor == "3.13":
        reject()  # WORKAROUND: `f_locals` of 3.13.0 faults where a comprehension has put a cell away
    assert alone == 0
    one = recording(mode="performance", lines=["user.*"], exclude=list(HELPERS))
    printed = run(one, target, steps, text)
    compare(one.read(), json.loads(printed.splitlines()[-1]))
    one.close()


def test_no_code_of_the_program_runs_to_tell_its_locals(
    steps: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", lines=["user.*"], values="off")
    assert run(one, target, steps, script(tmp_path, COUNTED)).split() == ["ran", "0"]
    pool = one.read()
    told = lines_of(pool, "f")[0]
    assert [change.name for change in told.local_changes] == ["x", "args", "kw"]
    assert not any(event.values for event in pool.all_events() if event.kind == "call")


CHOSEN = """
def one(n):
    return n
class Thing:
    def two(self, n):
        return n
one(1); Thing().two(2)
"""


@pytest.mark.parametrize(
    "chosen",
    [
        ("user.*", {"<module>", "Thing", "one", "two"}),
        ("__main__:one", {"one"}),
        ("__main__:Thing.*", {"two"}),
        ("program.py", {"<module>", "Thing", "one", "two"}),
        ("json", set()),
    ],
)
def test_only_functions_that_are_named_are_recorded_line_by_line(
    steps: Interpreter, target: Launcher, recording: Make, tmp_path: Path, chosen: tuple[str, set[str]]
) -> None:
    pattern, functions = chosen
    pattern = str(tmp_path / pattern) if pattern.endswith(".py") else pattern
    one = recording(mode="performance", lines=[pattern])
    run(one, target, steps, script(tmp_path, CHOSEN))
    pool = one.read()
    stack: list[str] = []
    seen = set()
    for event in pool.events[1]:
        if event.kind in ENTER:
            stack.append(pool.definitions[SITE][event.a][4])
        elif event.kind in LEAVE:
            stack.pop()
        elif event.kind == "line":
            seen.add(stack[-1])
    assert seen == functions
    matched = [fields[1] for fields in pool.definitions[PROCESS].values() if fields[0] == "matched"]
    assert matched == [f"--lines {pattern}"] * bool(functions)


RUNNING = (
    DOOR
    + """
import time
def work(begun):
    count = 0
    held = [begun]
    print("ready", flush=True)
    while not os.path.exists(sys.argv[1]):
        count += 1
        held[0] = count
        time.sleep(0.001)
    return count
work("begun")
monitoring = sys.monitoring
left = {tool: monitoring.get_local_events(tool, work.__code__) for tool in range(6) if monitoring.get_tool(tool)}
print("left", left, flush=True)
"""
)


def test_lines_go_on_and_off_inside_frames_that_run(
    steps: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    def configure(**settings: object) -> None:
        orders = CaptureSettings.checked(mode="performance", **settings).live_orders()
        assert "problem" not in one.channel.request("configure", orders)

    def lines() -> list[Event]:
        return [event for event in one.read().all_events() if event.kind == "line"]

    one = recording(mode="performance")
    over = tmp_path / "over"
    started = target([steps.path, script(tmp_path, RUNNING), over], env={**os.environ, **one.environment()})
    started.wait_for_line("ready")
    one.attach(started)
    assert not lines()
    configure(lines=["__main__:work"])
    assert wait_for(lambda: len(lines()) > 8, PATIENCE_S)
    configure()
    seen = lines()
    assert started.alive
    assert not wait_for(lambda: len(lines()) > len(seen), 0.2)
    first = {change.name: change.value for change in seen[0].local_changes}
    assert seen[0].flags == FIRST_KNOWN
    assert first.keys() == {"begun", "count", "held"}
    assert first["begun"] == "'begun'"
    counts = [int(change.value or 0) for event in seen for change in event.local_changes if change.name == "count"]
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    assert all(change.how == IN_PLACE for event in seen[1:] for change in event.local_changes if change.name == "held")
    one.stop()
    over.touch()
    assert started.wait() == 0
    assert started.output().splitlines()[-1] == "left {}"


def test_older_versions_say_that_lines_are_not_recorded(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", lines=["user.*"])
    run(one, target, interpreter, script(tmp_path, CHOSEN))
    pool = one.read()
    told = [fields[0] for fields in pool.definitions.get(UNSEEN, {}).values()]
    assert ("steps-unknown" in told) == (interpreter.version < (3, 12, 0))
    assert any(event.kind == "line" for event in pool.all_events()) != ("steps-unknown" in told)
