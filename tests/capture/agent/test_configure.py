"""What is recorded changes while a program runs: no call of what is recorded before and after is lost or invented."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from capture.settings import CaptureSettings
from tests.capture.agent.poolfile import ENTER, LEAVE, Event, Pool
from tests.capture.agent.recordings import PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher

Make = Callable[..., Recording]
Rounds = Callable[[int, int], int]

SETTINGS = 4
"""The reason of a snapshot that a change of the settings takes."""

PROGRAM = """
import asyncio, json, sys, threading, time
from pathlib import Path
from always import step, fib, count_up, awaits, calls
from sometimes import other
sys.setswitchinterval(5e-6)
over = Path(sys.argv[1])
def spin(n):
    while n: n -= 1
def worker():
    while not over.exists():
        step(other)
        fib(3)
        for _ in count_up(3): other()
        spin(3000)
async def main():
    while not over.exists():
        await asyncio.gather(awaits(2), awaits(1))
        spin(2000)
threads = [threading.Thread(target=worker) for _ in range(3)]
for thread in threads: thread.start()
print("ready", flush=True)
asyncio.run(main())
for thread in threads: thread.join()
print(json.dumps(calls()), flush=True)
"""

ALWAYS = """
import asyncio, threading
own = threading.local()
everybody = []
def note(name):
    try:
        mine = own.counts
    except AttributeError:
        mine = own.counts = {}
        everybody.append(mine)
    mine[name] = mine.get(name, 0) + 1
def calls():
    total = {}
    for mine in everybody:
        for name, count in mine.items(): total[name] = total.get(name, 0) + count
    return total
def step(other):
    note("step")
    return other()
def fib(n):
    note("fib")
    return n if n < 2 else fib(n - 1) + fib(n - 2)
def count_up(n):
    note("count_up")
    for i in range(n):
        yield i
        note("count_up")
async def awaits(n):
    note("awaits")
    for i in range(n):
        await asyncio.sleep(0)
        note("awaits")
"""

SOMETIMES = """
def other():
    return inner()
def inner():
    return 1
"""

COUNTED = ("step", "fib", "count_up", "awaits")


def configure(one: Recording, **settings: Any) -> dict[str, Any]:
    answer = one.channel.request("configure", CaptureSettings.checked(**settings).live_orders())
    assert "problem" not in answer
    return answer


def names(pool: Pool, event: Event) -> list[str]:
    return [pool.function(site) for site, _ in event.frames]


def stacks(pool: Pool, events: list[Event]) -> list[tuple[Event, list[str]]]:
    """Each event of a track with the stack after it; strict: a leave is the innermost call's, and what is recorded
    before and after a change is on the stack before and after it. Only the innermost call may have begun there: it was
    caught between its beginning and its event.
    """
    stack: list[str] = []
    told, parts = [], list[str]()
    for event in events:
        if event.kind in ENTER:
            stack = [*stack, pool.function(event.a)]
        elif event.kind in LEAVE:
            assert stack
            assert stack[-1] == pool.function(event.a)
            stack = stack[:-1]
        elif event.kind == "snapshot":
            parts = names(pool, event) if event.flags & 1 else parts + names(pool, event)
            if event.flags & 2:
                if event.a == SETTINGS:
                    assert always(parts) in (always(stack), [*always(stack), *parts[-1:]])
                stack = parts
        told.append((event, stack))
    return told


def always(stack: list[str]) -> list[str]:
    return [name for name in stack if name.startswith("always:")]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    script(tmp_path, ALWAYS, "always.py")
    script(tmp_path, SOMETIMES, "sometimes.py")
    return script(tmp_path, PROGRAM)


def test_many_changes_under_load_lose_and_invent_no_call(
    interpreter: Interpreter, target: Launcher, recording: Make, program: Path, rounds: Rounds
) -> None:
    changed, over = rounds(60, 400), program.with_name("over")
    choices = (["always", "sometimes"], ["always"], ["always", "asyncio"], ["always", "__main__", "*/sometimes.py"])
    one = recording(mode="performance", include=choices[0], chunk_count=8192)
    started = one.launch(target, interpreter, program, over)
    started.wait_for_line("ready")
    for turn in range(1, changed + 1):
        configure(one, mode="performance", include=choices[turn % len(choices)])
    over.touch()
    assert started.wait() == 0
    counts = json.loads(started.output().splitlines()[-1])
    pool = one.read()
    assert not any(pool.dropped.values())
    changes = Counter(event.track for event in pool.all_events() if event.kind == "snapshot" and event.a == SETTINGS)
    assert set(changes.values()) == {changed}
    recorded, others = Counter[str](), 0
    for events in pool.events.values():
        told = stacks(pool, events)
        recorded.update(pool.function(event.a) for event in events if event.kind in ENTER)
        begun = [
            after[-1]
            for (_, before), (event, after) in pairwise(told)
            if event.kind == "snapshot" and len(always(after)) > len(always(before))
        ]
        recorded.update(begun)
        others += children_of_step(pool, told)
    assert {name: recorded[f"always:{name}"] for name in COUNTED} == {name: counts[name] for name in COUNTED}
    assert others > 100


def children_of_step(pool: Pool, told: list[tuple[Event, list[str]]]) -> int:
    """How many calls of `other` there are below a `step` that no change has cut; each has one, or none where it is
    left out.
    """
    settings, since, children, found = 0, -1, 0, 0
    for event, stack in told:
        if event.kind == "snapshot" and event.a == SETTINGS and event.flags & 2:
            settings += 1
        elif event.kind == "call" and pool.function(event.a) == "always:step":
            since, children = settings, 0
        elif event.kind == "call" and pool.function(event.a) == "sometimes:other" and stack[-2:-1] == ["always:step"]:
            children += 1
        elif event.kind == "return" and pool.function(event.a) == "always:step" and since == settings:
            assert children == (1 if settings % 4 in (0, 3) else 0)
            found += children
    return found


HOLDING = """
import sys, time
from pathlib import Path
from inner import hold
go_on = Path(sys.argv[1])
def outer(turn):
    return hold(turn, bottom)
def bottom(turn):
    print("waits", turn, flush=True)
    while not Path(f"{go_on}{turn}").exists(): time.sleep(0.002)
def deep(n, turn):
    return outer(turn) if n == 0 else deep(n - 1, turn)
outer(1)
deep(700, 2)
list(outer(turn) for turn in (3,))
print("done", flush=True)
while not Path(f"{go_on}4").exists(): time.sleep(0.002)
"""
INNER = """
def hold(turn, then):
    return then(turn)
"""


def after_change(pool: Pool, number: int) -> list[str]:
    """What the main thread tells after the snapshot of a change, the first being 1."""
    events = pool.events[1]
    at = [
        row for row, event in enumerate(events) if event.kind == "snapshot" and event.a == SETTINGS and event.flags & 2
    ]
    told = [f"{e.kind} {pool.function(e.a)}" for e in events[at[number - 1] + 1 :] if e.kind in (*ENTER, *LEAVE)]
    return [words for words in told if words.split()[1].startswith(("inner:", "__main__:"))]


def test_calls_that_are_open_at_a_change_end_as_the_new_settings_want(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    script(tmp_path, INNER, "inner.py")
    one = recording(mode="performance", include=["__main__"])
    go_on = tmp_path / "go-on"
    started = one.launch(target, interpreter, script(tmp_path, HOLDING), go_on)
    started.wait_for_line("waits 1")
    configure(one, mode="performance", include=["inner"])
    go_on.with_name("go-on1").touch()
    started.wait_for_line("waits 2")
    configure(one, mode="performance", include=["__main__", "inner"])
    go_on.with_name("go-on2").touch()
    started.wait_for_line("waits 3")
    configure(one, mode="performance", include=["*"], exclude=["__main__:bottom"])
    go_on.with_name("go-on3").touch()
    started.wait_for_line("done")
    one.stop()
    pool = one.read()
    told = stacks(pool, pool.events[1])
    shots = [stack for event, stack in told if event.kind == "snapshot" and event.a == SETTINGS and event.flags & 2]
    assert shots[0] == ["inner:hold"]
    assert shots[1] == [
        "__main__:<module>",
        *["__main__:deep"] * 701,
        "__main__:outer",
        "inner:hold",
        "__main__:bottom",
    ]
    assert shots[2][-3:] == ["__main__:<genexpr>", "__main__:outer", "inner:hold"]
    assert after_change(pool, 1)[:3] == ["return inner:hold", "call inner:hold", "return __main__:bottom"]
    assert after_change(pool, 2)[:6] == [
        "return __main__:bottom", "return inner:hold", "return __main__:outer",
        "return __main__:deep", "return __main__:deep", "return __main__:deep",
    ]  # fmt: skip
    assert after_change(pool, 3)[:3] == ["return inner:hold", "return __main__:outer", "yield __main__:<genexpr>"]


MODES_PROGRAM = """
import sys, time
from pathlib import Path
class Stock:
    def __init__(self): self.count = 0
class Other:
    def __init__(self): self.count = 0
stock, other, total = Stock(), Other(), 0
def change(n):
    global total
    stock.count = other.count = total = n
    try: raise KeyError(n)
    except KeyError: pass
for turn in range(1, 7):
    change(turn)
    print("waits", turn, flush=True)
    while not Path(f"{sys.argv[1]}{turn}").exists(): time.sleep(0.002)
"""


def test_a_mode_and_the_classes_that_are_watched_change_while_a_program_runs(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="full", state=["__main__.Stock"])
    go_on = tmp_path / "go-on"
    started = one.launch(target, interpreter, script(tmp_path, MODES_PROGRAM), go_on)
    changes: list[dict[str, Any]] = [
        {"mode": "state", "state": ["Stock"]}, {"mode": "minimal"}, {"mode": "performance"},
        {"mode": "full", "state": ["Other"]}, {"mode": "full", "state": ["Other"], "exclude": ["*"]},
    ]  # fmt: skip
    for turn, settings in enumerate(changes, 1):
        started.wait_for_line(f"waits {turn}")
        configure(one, **settings)
        go_on.with_name(f"go-on{turn}").touch()
    started.wait_for_line("waits 6")
    go_on.with_name("go-on6").touch()
    assert started.wait() == 0
    pool = one.read()
    events = pool.events[pool.thread("MainThread")]
    stacks(pool, events)
    calls = [event for event in events if event.kind == "call" and pool.function(event.a) == "__main__:change"]
    assert len(calls) == 3, "of turns 1, 4 and 5"
    raises = [event for event in events if event.kind == "raise"]
    of_minimal = 1 if interpreter.version >= (3, 12) else 0  # before, that mode has no hook that would tell
    assert len(raises) == 3 + of_minimal, "of turns 1, 4 and 5, perhaps of 3; not of 2, and nothing of 6"
    gaps = [event for event in events if event.kind == "gap" and event.b == 7]
    assert gaps
    values: dict[tuple[str, str], list[str]] = {}
    for owner, key, _, flags, text in pool.states():
        if not flags & 1:
            values.setdefault((owner, key), []).append(text)
    assert values["__main__.Stock", "count"][-1] == "2"
    assert {"5", "6"} <= set(values["__main__.Other", "count"])
    assert set(values["__main__", "total"]) & {"1", "2", "3", "4", "5", "6"} >= {"1", "2", "5"}
    assert "6" not in values["__main__", "total"]


THREADS_PROGRAM = """
import sys, threading, time
from pathlib import Path
go_on = Path(sys.argv[1])
def work(): time.sleep(0.001)
def loop():
    while not go_on.exists(): work()
threads = [threading.Thread(target=loop, name=name) for name in ("poller-1", "worker-1")]
for thread in threads: thread.start()
print("ready", flush=True)
for thread in threads: thread.join()
"""


def test_threads_are_left_out_and_taken_in_again(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance", exclude=["thread:poller-*"])
    over = tmp_path / "over"
    started = one.launch(target, interpreter, script(tmp_path, THREADS_PROGRAM), over)
    started.wait_for_line("ready")
    earlier = one.read()
    configure(one, mode="performance", exclude=["thread:worker-*"])
    before = one.read()
    poller, worker = before.thread("poller-1"), before.thread("worker-1")
    assert wait_for(lambda: len(one.read().events[poller]) > len(before.events[poller]) + 20, PATIENCE_S)
    over.touch()
    assert started.wait() == 0
    pool = one.read()
    for track in (poller, worker):
        stacks(pool, pool.events[track])
    assert not [event for event in earlier.events[poller] if event.kind == "call"]
    assert [event for event in earlier.events[worker] if event.kind == "call"]
    assert [event for event in pool.events[poller] if event.kind == "call"]
    assert [event.kind for event in pool.events[worker][len(before.events[worker]) :]] == ["thread_end"]


def test_who_waits_for_space_at_a_change_neither_hangs_nor_unbalances(
    interpreter: Interpreter, target: Launcher, recording: Make, program: Path, tmp_path: Path
) -> None:
    one = recording(mode="performance", include=["always", "sometimes"], chunk_count=4, when_full="block")
    started = one.launch(target, interpreter, program, tmp_path / "over")
    produced = [-1, 0]

    def stands_still() -> bool:
        produced[:] = produced[-1], one.channel.request("status")["produced"]
        return 4_000 < produced[0] == produced[1]

    assert wait_for(stands_still, PATIENCE_S)
    for include in (["always"], ["always", "sometimes"], ["always"]):
        answer = configure(one, mode="performance", include=include, when_full="drop")
    assert answer["recording"]
    (tmp_path / "over").touch()
    assert started.wait() == 0
    pool = one.read()  # every event is there or counted
    assert sum(pool.dropped.values()) > 0
