"""Targets in odd states: each is recorded and left as it was, or refused by a rule before it is touched."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from capture.attach.doctor import examine
from capture.errors import TargetProblem
from capture.target.host_facts import Host, host_facts
from capture.target.targets import Target as Described
from tests.conftest import SOAK
from tests.faults.one_recording import record, traces
from tests.interpreters import Interpreter, everybody_can_reach, found
from tests.leftovers import wait_for
from tests.scope_command import query, scope
from tests.targets import Launcher, Target

PROGRAM = Path(__file__).parent / "programs" / "odd_state.py"
MECHANISMS = ("3.11", "3.12", "3.14")
RECORDED = ""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: to change roots, namespaces and users")


class State(NamedTuple):
    """`refused_by`: the rule that says no. `asked_for`: in the issue, so tried on each mechanism in `make test`."""

    name: str
    refused_by: str = RECORDED
    asked_for: bool = False
    root_only: bool = False


STATES = (
    State("normal", asked_for=True),
    State("closed-stdio", asked_for=True),
    State("deleted-cwd", asked_for=True),
    State("no-fds", "room", asked_for=True),
    State("fsize", "room", asked_for=True),
    State("as", "room", asked_for=True),
    State("memlock", asked_for=True),
    State("many-threads", asked_for=True),
    State("segv-ignored", "entry", asked_for=True),
    State("segv-handled", asked_for=True),
    State("all-signals-blocked", asked_for=True),
    State("undumpable", asked_for=True, root_only=True),
    State("seccomp", "system calls", asked_for=True),
    State("seccomp-kill", "system calls", asked_for=True),
    State("setuid-later", asked_for=True, root_only=True),
    State("gc-off-and-frozen", asked_for=True),
    State("no-builtins-open", asked_for=True),
    State("seccomp-kill-ftruncate", "system calls"),
    State("seccomp-harmless", root_only=True),
    State("no-new-privileges"),
    State("as-with-room"),
    State("data", "room"),
    State("chroot", "files", root_only=True),
    State("user-namespace", root_only=True),
    State("mount-and-net-namespace", root_only=True),
    State("memory-locked", root_only=True),
    State("no-write-and-execute"),
    State("alarms"),
    State("low-recursion-limit"),
    State("never-switches"),
    State("main-thread-ended", "exists"),
)


def cases() -> list[object]:
    """(interpreter, state): all in a soak; in `make test` what was asked for by mechanism, the rest by turns."""
    here = [each for each in found() if SOAK or each.minor in MECHANISMS]
    return [
        pytest.param(interpreter, state, id=f"{interpreter.minor}-{state.name}", marks=[needs_root] * state.root_only)
        for number, state in enumerate(STATES)
        for turn, interpreter in enumerate(here)
        if SOAK or state.asked_for or turn == number % len(here)
    ]


class Counting:
    """A program in an odd state, and its count, which must go on."""

    def __init__(self, target: Launcher, command: list[str | Path], state: str, folder: Path) -> None:
        self.counter = folder / "count"
        self.program: Target = target([*command, PROGRAM, state, self.counter], ready="ready", cwd=folder)
        assert wait_for(lambda: self.count() > 0, 20.0), self.program.output()

    def count(self) -> int:
        text = self.counter.read_text() if self.counter.exists() else ""
        return int(text) if text.strip() else 0

    def goes_on(self) -> bool:
        before = self.count()
        return wait_for(lambda: self.count() > before, 20.0)


def may_make_user_namespaces() -> bool:
    code = "import ctypes; raise SystemExit(ctypes.CDLL(None).unshare(0x10000000) != 0)"
    return subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("python", "state"), cases())
def test_an_odd_state_ends_in_a_recording_or_in_a_rule_and_never_in_harm(
    python: Interpreter, state: State, target: Launcher, tmp_path: Path
) -> None:
    if state.name == "setuid-later" and not everybody_can_reach(PROGRAM):
        pytest.skip("needs Scope in a folder that everybody can read")
    if state.name == "user-namespace" and not may_make_user_namespaces():
        pytest.skip("this system lets nobody make a user namespace here (in a chroot it is forbidden)")
    counting = Counting(target, [python.path], state.name, tmp_path)
    pid = counting.program.pid
    before, said = traces(pid), counting.program.output()
    diagnosis = examine(pid)
    if state.refused_by:
        assert diagnosis.blocking is not None and diagnosis.blocking.name == state.refused_by, diagnosis.text()
        assert diagnosis.blocking.remedy
        with pytest.raises(TargetProblem) as problem:
            record(pid, tmp_path)
        assert problem.value.message == diagnosis.blocking.message or "ended" in problem.value.message
    else:
        assert diagnosis.ok, diagnosis.text()
        assert record(pid, tmp_path) > 0
    assert counting.goes_on(), f"unharmed, but it no longer counts: {counting.program.output()}"
    assert wait_for(lambda: traces(pid) == before, 5.0), f"{traces(pid)} was {before}"
    assert counting.program.output() == said, "it has printed something that it did not print before"


def test_a_child_that_still_runs_in_its_parents_memory_is_not_entered(target: Launcher, tmp_path: Path) -> None:
    counting = Counting(target, [sys.executable], "memory-of-the-parent", tmp_path)
    child = int(counting.program.output().split()[1])
    try:
        blocking = examine(child).blocking
        assert blocking is not None and blocking.name == "own memory", blocking
        assert examine(counting.program.pid).ok, "its parent may be entered"
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("minor", MECHANISMS)
def test_an_interpreter_of_another_name_whose_file_is_gone_is_recorded(
    minor: str, target: Launcher, tmp_path: Path
) -> None:
    here = [each for each in found() if each.minor == minor]
    if not here:
        pytest.skip(f"no CPython {minor} here")
    [interpreter] = here
    ask = "import sys; print(sys.base_prefix)"
    prefix = subprocess.run([interpreter.path, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    renamed = tmp_path / "orders-service"
    shutil.copy(interpreter.path.resolve(), renamed)
    environment = f"PYTHONHOME={prefix}", f"LD_LIBRARY_PATH={prefix}/lib"
    counting = Counting(target, ["/usr/bin/env", *environment, renamed], "normal", tmp_path)
    renamed.unlink()
    diagnosis = examine(counting.program.pid)
    assert diagnosis.ok, diagnosis.text()
    assert diagnosis.python is not None and diagnosis.python.startswith(minor)
    assert record(counting.program.pid, tmp_path) > 0
    assert counting.goes_on()


@pytest.fixture
def group_of_40_mib() -> Iterator[Path]:
    """A control group below that of the tests, in which a process may have so much memory."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        group = Path("/sys/fs/cgroup", controllers, path.lstrip("/"), f"scope-test-{os.getpid()}")
        limit = group / ("memory.limit_in_bytes" if controllers else "memory.max")
        if controllers not in ("", "memory") or not limit.parent.parent.joinpath("cgroup.procs").exists():
            continue
        with contextlib.suppress(OSError):
            group.mkdir()
            if limit.exists():  # else without this controller
                limit.write_text(str(40 << 20))
                break
            group.rmdir()
    else:
        pytest.skip("this system lets us make no control group for memory")
    yield group
    group.rmdir()


def test_a_program_whose_control_group_has_hardly_memory_left_is_not_entered(
    group_of_40_mib: Path, target: Launcher, tmp_path: Path
) -> None:
    """The pool counts as memory of whoever writes it first, and the kernel kills who has none left."""
    counting = Counting(target, [sys.executable], "normal", tmp_path)
    pid = counting.program.pid
    assert examine(pid).ok
    (group_of_40_mib / "cgroup.procs").write_text(str(pid))
    blocking = examine(pid).blocking
    assert blocking is not None and blocking.name == "room", blocking
    assert "memory left in its control group" in blocking.message
    assert examine(pid, pool_bytes=1 << 20).ok, "a smaller pool fits"
    assert counting.goes_on()


def test_a_program_that_has_ended_and_was_not_waited_for_is_said_to_have_ended(tmp_path: Path) -> None:
    child = subprocess.Popen(["/bin/true"])
    try:
        assert wait_for(lambda: Path(f"/proc/{child.pid}/stat").read_text().split()[2] == "Z", 10.0)
        diagnosis = examine(child.pid)
        assert diagnosis.tier is None
        assert "has ended already" in diagnosis.refusal()
    finally:
        child.wait()


def test_a_program_that_ends_while_it_is_looked_at_is_said_to_have_ended(
    target: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = target(["/bin/sleep", "60"])

    def facts_of_one_that_ends(described: Described, pool_bytes: int) -> Host:
        os.kill(program.pid, signal.SIGKILL)
        stat = Path(f"/proc/{program.pid}/stat")
        assert wait_for(lambda: stat.read_text().split()[2] == "Z", 10.0)
        return host_facts(described, pool_bytes)

    monkeypatch.setattr("capture.attach.doctor.host_facts", facts_of_one_that_ends)
    assert "has ended already" in examine(program.pid).refusal()


def test_a_stopped_program_is_refused_and_stays_stopped(target: Launcher, tmp_path: Path) -> None:
    counting = Counting(target, [sys.executable], "normal", tmp_path)
    counting.program.send(signal.SIGSTOP)
    stat = Path(f"/proc/{counting.program.pid}/stat")
    assert wait_for(lambda: stat.read_text().split()[2] == "T", 10.0)
    with pytest.raises(TargetProblem, match="is stopped"):
        record(counting.program.pid, tmp_path)
    assert stat.read_text().split()[2] == "T"
    counting.program.send(signal.SIGCONT)
    assert counting.goes_on()


def test_a_program_whose_audit_hook_forbids_the_agent_is_told_so_and_goes_on(
    target: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the mechanism that enters a thread. CPython 3.14 itself prints what an audit hook says of its own script."""
    monkeypatch.setattr("capture.attach.attach.AGENT_PATIENCE_S", 1.0)
    counting = Counting(target, [sys.executable], "audit-hook", tmp_path)
    before, said = traces(counting.program.pid), counting.program.output()
    with pytest.raises(TargetProblem, match="audit hook"):
        record(counting.program.pid, tmp_path)
    assert counting.goes_on()
    assert wait_for(lambda: traces(counting.program.pid) == before, 5.0)
    assert counting.program.output() == said


JITS = [python for python in found() if python.version >= (3, 14)]
HOT = """
def work(n):
    return n + 1
n = 0
for _ in range(200_000):
    n = work(n)
"""


@pytest.mark.parametrize("python", JITS, ids=[python.minor for python in JITS])
def test_calls_that_the_jit_has_compiled_are_recorded_each(
    python: Interpreter, target: Launcher, tmp_path: Path
) -> None:
    ask = "import sys; print(getattr(sys, '_jit', None) is not None and sys._jit.is_enabled())"
    environment = {**os.environ, "PYTHON_JIT": "1"}
    answer = subprocess.run([python.path, "-c", ask], env=environment, capture_output=True, text=True, check=True)
    if answer.stdout.strip() != "True":
        pytest.skip(f"CPython {python.minor} was built without its JIT")
    program = target([python.path, PROGRAM, "normal", tmp_path / "count"], ready="ready", env=environment)
    assert record(program.pid, tmp_path) > 0
    assert program.alive
    session = tmp_path / "s.scope"
    scope("run", "--no-window", "-o", session, "--", python.path, "-c", HOT, env=environment)
    sql = "SELECT count(*) AS n FROM calls JOIN sites USING (site_id) WHERE function = 'work'"
    assert query(session, sql) == [{"n": 200_000}]
