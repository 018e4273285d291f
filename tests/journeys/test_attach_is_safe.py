"""Attach and detach, again and again, into a program that allocates, imports, raises and sleeps on every thread: it
never freezes, never crashes, its own work goes on, and afterwards it is as before."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from capture.attach.attach import attach
from capture.clock import CLOCK_TSC
from capture.drain.drain import Drain
from capture.drain.journal import JournalWriter
from capture.drain.pool import Pool
from capture.drain.pool_folders import remove_pool_folder
from capture.settings import CaptureSettings
from tests.conftest import SOAK
from tests.faults.one_recording import record, traces
from tests.interpreters import Interpreter, found
from tests.leftovers import wait_for
from tests.scope_command import scope, scope_json
from tests.targets import Launcher
from tests.thirdparty import packages

pytestmark = pytest.mark.soak
CYCLES = 1000 if SOAK else 6

RESTLESS = """
import importlib, json, os, sys, threading, time

answer_path = sys.argv[1]
counters = {}
profiles = {}

def allocate():
    return [bytearray(700 + i) for i in range(60)] and [object() for _ in range(50)]

def reimport():
    for name in ("colorsys", "this_does_not_exist", "sndhdr_not_there"):
        sys.modules.pop(name, None)
        try:
            importlib.import_module(name)
        except (ImportError, KeyError):  # KeyError: two threads of this program re-import the same name at once
            pass

def fail(depth):
    if depth == 0:
        raise ValueError("planned")
    fail(depth - 1)

def raise_some():
    try:
        fail(5)
    except ValueError:
        pass

def burn():
    return sum(i * i for i in range(300))

def nap():
    time.sleep(0.001)

JOBS = [allocate, reimport, raise_some, nap, burn]

def work(name, jobs):
    while True:
        for job in jobs:
            job()
        counters[name] = counters.get(name, 0) + 1
        profiles[name] = sys.getprofile() is not None

def open_for_scope():
    # What a recorder could leave open; files of the program itself come and go with its imports.
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            link = os.readlink("/proc/self/fd/" + fd)
        except OSError:
            continue
        if link.startswith(("socket:", "anon_inode:", "pipe:", "/dev/shm/")) or link.endswith(("pool.bin", "defs.bin")):
            links.append(link)
    return sorted(links)

def status():
    tools = []
    if hasattr(sys, "monitoring"):
        names = [sys.monitoring.get_tool(i) for i in range(6)]
        tools = [[name, name and sys.monitoring.get_events(i)] for i, name in enumerate(names)]
    return {
        "counters": dict(counters), "profiles": dict(profiles), "tools": tools,
        "threads": threading.active_count(), "frames": len(sys._current_frames()),
        "os_threads": len(os.listdir("/proc/self/task")), "fds": open_for_scope(),
        "starters": [type(getattr(threading, n)).__name__ + getattr(threading, n).__name__ for n in
                     ("_start_new_thread", "_start_joinable_thread") if hasattr(threading, n)],
        "modules": sorted(m for m in sys.modules if "_scope" in m), "path": [p for p in sys.path if "scope" in p],
    }

for number, jobs in enumerate([[allocate], [reimport, allocate], [raise_some, nap], [burn, raise_some]]):
    threading.Thread(target=work, args=(f"worker-{number}", jobs), daemon=True).start()
print("READY", flush=True)
asked = 0
while True:
    for job in JOBS:
        job()
    counters["main"] = counters.get("main", 0) + 1
    profiles["main"] = sys.getprofile() is not None
    if os.path.exists(answer_path + ".ask"):
        os.unlink(answer_path + ".ask")
        with open(answer_path + ".new", "w") as file:
            json.dump(status(), file)
        os.rename(answer_path + ".new", answer_path)
"""


class Restless:
    """The restless program and its answers."""

    def __init__(self, process: subprocess.Popen[str], answer: Path) -> None:
        self.pid = process.pid
        self._process = process
        self._answer = answer

    def status(self) -> dict[str, Any]:
        """What the program says of itself now."""
        self._answer.unlink(missing_ok=True)
        Path(f"{self._answer}.ask").touch()
        deadline = time.monotonic() + 20
        while not self._answer.exists():
            assert self._process.poll() is None, f"the target died with {self._process.returncode}"
            assert time.monotonic() < deadline, "the target is frozen"
            time.sleep(0.005)
        return json.loads(self._answer.read_text())  # type: ignore[no-any-return]


@contextmanager
def restless(interpreter: Interpreter, folder: Path) -> Iterator[Restless]:
    (folder / "restless.py").write_text(RESTLESS)
    answer = folder / "answer.json"
    process = subprocess.Popen([interpreter.path, folder / "restless.py", answer], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "READY"
        yield Restless(process, answer)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def attach_and_detach(pid: int, folder: Path, number: int) -> int:
    """One cycle through the same code as the command line; bytes of records drained."""
    pool_folder = folder / f"pool-{number}" / "1"
    pool_folder.mkdir(parents=True, mode=0o700)
    settings = CaptureSettings(include=("*",))
    journal = JournalWriter(folder / f"journal-{number}")
    moved = 0
    channel = attach(pid, settings, pool_folder, 1)
    try:
        pool = Pool(pool_folder)
        assert pool.clock_kind in {CLOCK_TSC, 2}
        drain = Drain(pool, journal, 1)
        deadline = time.monotonic() + 10
        while moved == 0:
            moved += drain.drain_once()
            assert time.monotonic() < deadline, "attached, but nothing is recorded"
        channel.request("stop", timeout_s=10)
        moved += drain.drain_once()
        assert pool.stopped
        pool.close()
    finally:
        channel.close()
        journal.close()
    remove_pool_folder(pool_folder)
    return moved


@pytest.mark.sampled
def test_attach_cycles_leave_the_target_as_it_was(interpreter: Interpreter, tmp_path: Path) -> None:
    with restless(interpreter, tmp_path) as target:
        attach_and_detach(target.pid, tmp_path, 0)  # maps the recorder's library, which stays
        before = at_rest(target)
        for number in range(1, CYCLES + 1):
            assert attach_and_detach(target.pid, tmp_path, number) > 0
        middle = target.status()
        wait_for_two_rounds(target)
        after = at_rest(target)
        for name, count in middle["counters"].items():
            assert count > before["counters"][name], f"{name} did no work while being attached to"
            assert after["counters"][name] > count, f"{name} does no work any more"
        for key in ("profiles", "tools", "threads", "frames", "os_threads", "fds", "starters", "modules", "path"):
            assert after[key] == before[key], key


def at_rest(target: Restless, looks: int = 3) -> dict[str, Any]:
    """The status; a native thread that has ended leaves the kernel's list late, so the least of some looks counts."""
    seen = [target.status() for _ in range(looks)]
    return {**seen[-1], "os_threads": min(status["os_threads"] for status in seen)}


def wait_for_two_rounds(target: Restless) -> None:
    """Every thread of the program has done its work twice more."""
    first = target.status()["counters"]
    deadline = time.monotonic() + 40
    while slow := [name for name, count in target.status()["counters"].items() if count < first[name] + 2]:
        assert time.monotonic() < deadline, f"{slow} do no work any more"


class Tool(NamedTuple):
    """Another tool that watches the program while Scope comes and goes. `package`: '' for the standard library's."""

    name: str
    package: str = ""


TOOLS = (Tool("coverage", "coverage"), Tool("debugpy", "debugpy"), Tool("gevent", "gevent"), Tool("cProfile"))
BESIDE_TOOLS = [
    pytest.param(python, tool, id=f"{python.minor}-{tool.name}")
    for number, tool in enumerate(TOOLS)
    for turn, python in enumerate(found())
    if SOAK or (turn + number) % 3 == 2  # two interpreters a tool in `make test`
]
TOOL_CYCLES = int(os.environ.get("SCOPE_TOOL_CYCLES", "1000" if SOAK else "3"))
TOOL_AT_WORK = Path(__file__).parents[1] / "faults" / "programs" / "tool_at_work.py"


def at_rest_again(pid: int) -> tuple[int, list[str]]:
    """The traces of a program that an agent is just leaving: its thread and its connection go last."""
    seen, equal = traces(pid), 0
    while equal < 10:
        time.sleep(0.05)
        seen, before = traces(pid), seen
        equal = equal + 1 if seen == before else 0
    return seen


@pytest.mark.sampled
@pytest.mark.timeout(7200 if SOAK else 120)
@pytest.mark.parametrize(("python", "tool"), BESIDE_TOOLS)
def test_attach_cycles_beside_another_tool_harm_neither_the_program_nor_the_tool(
    python: Interpreter, tool: Tool, target: Launcher, tmp_path: Path
) -> None:
    environment = {"PYTHONPATH": str(packages(python, tool.package))} if tool.package else {}
    answer = tmp_path / "answer.json"
    program = target([python.path, TOOL_AT_WORK, tool.name, answer], ready="ready", env=environment)
    record(program.pid, tmp_path)  # maps the recorder's library, which stays
    before, said = at_rest_again(program.pid), program.output()
    for cycle in range(TOOL_CYCLES):
        assert record(program.pid, tmp_path) > 0, cycle
        assert program.alive, f"cycle {cycle}: {program.output()[-2000:]}"
    assert wait_for(lambda: traces(program.pid) == before, 5.0), f"{traces(program.pid)} was {before}"
    assert program.output() == said, "it has printed something that it did not print before"
    Path(f"{answer}.ask").touch()
    assert wait_for(answer.exists, 30.0), f"it does not answer: {program.output()[-2000:]}"
    told = json.loads(answer.read_text())
    assert told["verdict"] == ""
    assert told["modules"] == []
    assert min(told["counts"].values()) > TOOL_CYCLES, "both threads worked on"


IDLE = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print("READY", flush=True)
server.accept()
"""

BURNING = """
print("READY", flush=True)
def burn():
    x = 0
    while True:
        x = (x * 31 + 7) & 0xFFFF
burn()
"""


@pytest.mark.sampled
def test_attach_to_a_process_idle_in_accept(interpreter: Interpreter, tmp_path: Path) -> None:
    assert_attaches_at_once(interpreter, tmp_path, IDLE, "accept")


@pytest.mark.sampled
def test_attach_to_a_single_thread_that_burns_cpu(interpreter: Interpreter, tmp_path: Path) -> None:
    assert_attaches_at_once(interpreter, tmp_path, BURNING, "burn")


def assert_attaches_at_once(interpreter: Interpreter, folder: Path, program: str, function: str) -> None:
    (folder / "program.py").write_text(program)
    process = subprocess.Popen([interpreter.path, folder / "program.py"], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "READY"
        session = folder / "s.scope"
        scope("attach", process.pid, "--no-window", "--include", "*", "--duration", "0.3", "-o", session, timeout_s=30)
        assert process.poll() is None
        frame = scope_json("frame", session, "--at", "end", "--json")
        [main] = [track for track in frame["tracks"] if track["kind"] == "thread"]
        assert main["name"] == "MainThread"
        assert main["stack"][-1]["function"].endswith(function)
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
