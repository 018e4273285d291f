"""A detached target is as it was: hooks, modules, threads, descriptors, reference counts."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from capture.errors import TargetProblem
from tests.capture.agent.recordings import DOOR, PATIENCE_S, Recording, open_files, script
from tests.interpreters import Interpreter
from tests.leftovers import wait_for
from tests.targets import Launcher, Target

Make = Callable[..., Recording]

CENSUS = (
    DOOR
    + """
import _thread, builtins, json, threading, time
class Watched:
    def __init__(self): self.value = 0
def work(n=0):
    thing = Watched(); thing.value = n
    return thing
def worker():
    while not over: time.sleep(0.002); work()
over = False
thread = threading.Thread(target=worker, name="worker"); thread.start()
def census():
    tools = [sys.monitoring.get_tool(i) for i in range(6)] if sys.version_info >= (3, 12) else None
    events = [sys.monitoring.get_events(i) for i in range(6) if tools[i]] if tools else None
    functions = [getattr(m, n) for m in (_thread, threading) for n in ("start_new_thread", "_start_new_thread",
                 "start_joinable_thread", "_start_joinable_thread", "start_new") if hasattr(m, n)]
    return json.dumps([tools, events, sys.getprofile() is None, list(map(id, functions)),
                       id(builtins.__build_class__), sorted(vars(Watched)), Watched.__setattr__ is object.__setattr__,
                       threading.active_count(), _thread._count(), sorted(sys.modules)])
print("census", census(), flush=True)
tell = [False]
signal.signal(signal.SIGUSR2, lambda *_: tell.append(True))
while True:
    work(1)
    time.sleep(0.005)
    if tell.pop() if len(tell) > 1 else False:
        print("census", census(), flush=True)
"""
)


def censuses(started: Target) -> list[list[object]]:
    return [json.loads(line[7:]) for line in started.output().splitlines() if line.startswith("census ")]


def wait_for_censuses(started: Target, count: int) -> None:
    assert wait_for(lambda: len(censuses(started)) == count, PATIENCE_S), started.output()


@pytest.mark.sampled
def test_nothing_is_left_after_a_detach(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording(state=["Watched"])
    started = target([interpreter.path, script(tmp_path, CENSUS)], ready="census", env=one.environment())
    files = open_files(started.pid)
    for cycle in range(1, 6):
        one.attach(started)
        started.send(signal.SIGUSR2)
        wait_for_censuses(started, 2 * cycle)
        stopped = one.stop()
        assert stopped["recording"] is False
        assert one.read().state == 2
        assert wait_for(lambda: open_files(started.pid) == files, PATIENCE_S), open_files(started.pid)
        started.send(signal.SIGUSR2)
        wait_for_censuses(started, 2 * cycle + 1)
        one.renew()
    all_of_them = censuses(started)
    for census in all_of_them[2::2]:
        assert census == all_of_them[0], "something was left behind"
    assert all(census != all_of_them[0] for census in all_of_them[1::2]), "the census cannot see a recording"


def test_a_recorder_that_dies_is_a_detach(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording()
    started = target([interpreter.path, script(tmp_path, CENSUS)], ready="census", env=one.environment())
    one.attach(started)
    one.channel.close()
    assert wait_for(lambda: one.read().state == 2, PATIENCE_S)
    assert wait_for(lambda: not any("socket" in name for name in open_files(started.pid)), PATIENCE_S)
    started.send(signal.SIGUSR2)
    assert wait_for(lambda: len(censuses(started)) == 2, PATIENCE_S)
    assert censuses(started)[0] == censuses(started)[1]


def test_the_recording_goes_on_after_many_events_without_touching_the_count_of_none(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        "import sys\n"
        "def f(): pass\n"
        "def burn(n):\n    for _ in range(n): f()\n"
        "before = sys.getrefcount(None)\n"
        "burn(300_000)\n"
        "print('drift', sys.getrefcount(None) - before, flush=True)\n",
    )
    one = recording(mode="performance", chunk_count=4)
    started = one.launch(target, interpreter, program)
    assert started.wait(PATIENCE_S) == 0
    drift = int(started.output().split("drift ")[1].split()[0])
    assert abs(drift) < 50
    pool = one.read()
    assert sum(pool.produced.values()) > 600_000


def test_another_tools_hooks_are_respected(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    program = script(
        tmp_path,
        DOOR
        + """
import time
seen = [0]
def tool(*_): seen[0] += 1
if sys.version_info >= (3, 12):
    for i in (3, 4): sys.monitoring.use_tool_id(i, "taken")
else:
    sys.setprofile(tool)
def f(): pass
print("ready", flush=True)
while True:
    f(); time.sleep(0.002)
    if sys.version_info >= (3, 12):
        assert sys.monitoring.get_tool(3) == sys.monitoring.get_tool(4) == "taken"
    else:
        assert sys.getprofile() is tool
""",
    )
    one = recording(mode="performance")
    started = target([interpreter.path, program], ready="ready", env=one.environment())
    event = one.attach(started)
    if interpreter.version >= (3, 12):
        assert event["tool_id"] == 5
    else:
        assert event["foreign_profilers"] == 1
    one.stop()
    assert started.alive, started.output()


def test_verbs_are_answered_and_nothing_else_is_done(
    interpreter: Interpreter, target: Launcher, recording: Make, tmp_path: Path
) -> None:
    one = recording()
    started = target([interpreter.path, script(tmp_path, CENSUS)], ready="census", env=one.environment())
    one.attach(started)
    assert one.channel.request("ping") == {"pong": True}
    status = one.channel.request("status")
    assert status["recording"] is True
    assert status["memory_bytes"] >= 65536
    os.write(one.channel.fileno(), b'{"do": "eval", "code": "1/0"}\n')
    with pytest.raises(TargetProblem, match="unknown verb"):
        one.channel.wait_event("never", timeout_s=PATIENCE_S)
    assert one.channel.request("status")["recording"] is True
    one.stop()
