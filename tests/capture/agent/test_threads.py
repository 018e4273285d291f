"""Threads: begin, start, end, join, names, and the stacks of those that ran before."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.capture.agent.poolfile import THREAD
from tests.capture.agent.recordings import DOOR, PATIENCE_S, Recording, script
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher

Make = Callable[..., Recording]


def test_two_hundred_short_threads_begin_and_end_and_are_joined(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import threading\n"
        "def work(n): return n\n"
        "threads = [threading.Thread(target=work, args=(i,), name=f'short-{i}') for i in range(200)]\n"
        "for t in threads: t.start()\n"
        "for t in threads: t.join()\n",
    )
    one = recording(mode="performance", never_run="off")
    assert one.launch(target, interpreter, program).wait(PATIENCE_S) == 0
    pool = one.read()
    children = {event.a: event.ticks for event in pool.events[1] if event.kind == "thread_start"}
    joins = [event for event in pool.events[1] if event.kind in ("join_begin", "join_end")]
    assert len(children) == 200
    assert len(joins) == 400
    for i in range(200):
        serial = pool.thread(f"short-{i}")
        own = pool.events[serial]
        assert [event.kind for event in own] == ["thread_begin", "call", "return", "thread_end"]
        assert children[serial] <= own[0].ticks
        begin, end = (event for event in joins if event.a == serial)
        assert (begin.kind, end.kind, end.flags) == ("join_begin", "join_end", 1)
        assert own[-1].ticks <= end.ticks


def test_a_join_that_times_out_has_not_ended_the_thread(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import threading\n"
        "go = threading.Event()\n"
        "class Odd(threading.Thread):\n"
        "    def __getattr__(self, name): raise RuntimeError('never ask me')\n"
        "    def run(self): go.wait()\n"
        "t = Odd(name='odd'); t.start()\n"
        "t.join(0.01)\n"
        "go.set(); t.join(); t.join()\n"
        "try: threading.Thread().join()\nexcept RuntimeError: pass\n",
    )
    one = recording(mode="performance")
    started = one.launch(target, interpreter, program)
    assert started.wait(PATIENCE_S) == 0, started.output()
    pool = one.read()
    odd = pool.thread("odd")
    joins = [(event.kind, event.a, event.flags) for event in pool.events[1] if event.kind.startswith("join")]
    assert joins == [
        ("join_begin", odd, 0), ("join_end", odd, 0),
        ("join_begin", odd, 0), ("join_end", odd, 1),
        ("join_begin", odd, 0), ("join_end", odd, 1),
        ("join_begin", 0, 0), ("join_end", 0, 0),
    ]  # fmt: skip


def test_failing_threads_say_what_they_say_without_us(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import _thread, sys, threading, time\n"
        "said = []\n"
        "def fails(): raise ValueError('in thread')\n"
        "def exits(): raise SystemExit(3)\n"
        "alone = _thread._count()\n"
        "t = threading.Thread(target=fails, name='f'); t.start(); t.join()\n"
        "sys.unraisablehook = lambda u: said.append((u.err_msg, u.object is fails or u.object, u.exc_value))\n"
        "for f in (fails, exits):\n"
        "    _thread.start_new_thread(f, ())\n"
        "    while _thread._count() > alone: time.sleep(0.01)\n"
        "for bad in ((), (1, ()), (fails, 1)):\n"
        "    try: _thread.start_new_thread(*bad)\n"
        "    except TypeError as e: said.append(e)\n"
        "while len(said) < 4: time.sleep(0.01)\n"
        "print(said, threading.current_thread().name, threading.active_count())\n",
    )
    plain = target([interpreter.path, program])
    plain.wait(PATIENCE_S)
    one = recording(mode="performance")
    recorded = one.launch(target, interpreter, program)
    recorded.wait(PATIENCE_S)

    def told(text: str) -> str:
        return re.sub(r"0x[0-9a-f]+", "", text)

    assert told(recorded.output()) == told(plain.output())


WAITING = (
    DOOR
    + """
import threading, time, traceback
lock = threading.Lock(); lock.acquire()
def innermost(): print("waiting", flush=True); lock.acquire(); lock.release()
def middle(n):
    if n: return middle(n - 1)
    return innermost()
def outer(n): middle(n)
for n in range(5):
    threading.Thread(target=outer, args=(n,), name=f"waits-{n}", daemon=True).start()
while True:
    time.sleep(0.01)
    if os.path.exists(os.environ["SCOPE_TEST_DOOR"] + ".dump"):
        frames = sys._current_frames()
        for t in threading.enumerate():
            if t.name.startswith("waits"):
                stack = [(f.name, f.lineno) for f in traceback.extract_stack(frames[t.ident])
                         if f.filename == __file__]
                print("stack", t.name, stack, flush=True)
        print("dumped", flush=True)
        break
lock.release()
while True: time.sleep(0.01)
"""
)


def test_stacks_of_running_threads_are_known_from_the_first_moment(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(mode="performance")
    started = target([interpreter.path, script(tmp_path, WAITING)], env=one.environment())
    assert wait_for(lambda: started.output().count("waiting") == 5, PATIENCE_S)
    one.attach(started)
    Path(f"{one.config}.dump").touch()
    started.wait_for_line("dumped")
    names = [f"waits-{n}" for n in range(5)]

    def ended() -> bool:
        pool = one.read()
        return all(pool.events[pool.thread(name)][-1].kind == "thread_end" for name in names)

    assert wait_for(ended, PATIENCE_S)
    one.stop()
    pool = one.read()
    for line in started.output().splitlines():
        if line.startswith("stack "):
            _, name, stack = line.split(" ", 2)
            events = pool.events[pool.thread(name)]
            begin, snapshot = events[:2]
            assert (begin.kind, begin.flags) == ("thread_begin", 1)
            assert (snapshot.kind, snapshot.a, snapshot.flags) == ("snapshot", 1, 3)
            assert str(pool.stack(snapshot)) == stack
            assert [event.kind for event in events[2:]] == ["return"] * len(snapshot.frames) + ["thread_end"]
    last = [event for event in pool.events[1] if event.kind == "snapshot"][-1]
    assert last.a == 3
    assert pool.stack(last)[0][0] == "<module>"


def test_the_main_thread_of_a_program_without_threading_has_its_name(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(tmp_path, DOOR + "import time\nprint('ready', flush=True)\nwhile True: time.sleep(0.01)\n")
    one = recording(mode="performance")
    started = target([interpreter.path, "-S", program], ready="ready", env=one.environment())
    one.attach(started)
    one.stop()
    assert one.read().definitions[THREAD][1] == ["MainThread", str(started.pid), "0"]


def test_a_thread_filter_keeps_calls_out_but_tells_of_the_thread(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import threading\ndef work(): pass\n"
        "for name in ('worker-1', 'other'):\n"
        "    t = threading.Thread(target=work, name=name); t.start(); t.join()\n",
    )
    one = recording(mode="performance", never_run="off", exclude=["thread:worker-*"])
    assert one.launch(target, interpreter, program).wait(PATIENCE_S) == 0
    pool = one.read()
    kinds = {name: [event.kind for event in pool.events[pool.thread(name)]] for name in ("worker-1", "other")}
    assert kinds["worker-1"] == ["thread_begin", "thread_end"]
    assert kinds["other"] == ["thread_begin", "call", "return", "thread_end"]
