"""Getting into a program by each of the ways that Scope has, without a recorder process: the line to the agent, and the
pool in the test's own folder.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from capture.attach.attach import attach
from capture.attach.bootstrap import Bootstrap, recorder_library
from capture.attach.channel import AgentChannel
from capture.attach.inject import inject
from capture.drain.pool import Pool
from capture.settings import CaptureSettings
from capture.target.host_facts import AGENT_DIR
from tests.interpreters import Interpreter
from tests.targets import Launcher, Target

PATIENCE_S = 20.0
PROGRAMS = Path(__file__).parent / "programs"
WAYS = ("run", "attach", "inject")
"""`attach` asks the interpreter itself on 3.14 and later, and enters a thread before; `inject` always does that."""


class Recorded:
    """A program, the agent in it, and the pool that it writes; `let_go` lets the program begin."""

    def __init__(self, target: Target, channel: AgentChannel, pool_dir: Path, folder: Path) -> None:
        self.target = target
        self.channel = channel
        self.pool_dir = pool_dir
        self._go = folder / "go"

    def let_go(self) -> None:
        self._go.touch()

    def output(self, expect: int = 0) -> str:
        """What the program has printed, once it has ended."""
        status = self.target.wait(PATIENCE_S)
        assert status == expect, f"status {status}\n{self.target.output()}"
        return self.target.output()

    def definitions(self) -> bytes:
        pool = Pool(self.pool_dir)
        try:
            return pool.new_definitions()
        finally:
            pool.close()

    def is_over(self) -> bool:
        """Whether the target has taken its hooks out."""
        pool = Pool(self.pool_dir)
        try:
            return pool.stopped
        finally:
            pool.close()


@contextlib.contextmanager
def recorded(
    way: str, interpreter: Interpreter, target: Launcher, folder: Path, program: str, *words: object, **options: str
) -> Iterator[Recorded]:
    """`programs/PROGRAM FOLDER WORDS`, being recorded; it prints "ready" and waits for the file FOLDER/go.

    `options`: variables of its environment.
    """
    pool_dir = folder / "pool" / "1"
    settings = CaptureSettings()
    command: list[str | Path] = [interpreter.path, PROGRAMS / program]
    arguments = [str(folder), *map(str, words)]
    uid, gid = folder.stat().st_uid, folder.stat().st_gid
    if way == "attach":
        started = target([*command, *arguments], ready="ready", env=options)
        channel = attach(started.pid, settings, pool_dir, 1)
    elif way == "inject":
        started = target([*command, *arguments], ready="ready", env=options)
        with Bootstrap(uid, gid, started.pid) as bootstrap:
            orders = bootstrap.write_config(settings, pool_dir, 1)
            inject(started.pid, recorder_library(), str(orders))
            channel = bootstrap.channel
            assert channel.accept(PATIENCE_S, pid=started.pid)
            channel.wait_until_recording(timeout_s=PATIENCE_S)
    else:
        with Bootstrap(uid, gid) as bootstrap:
            orders = bootstrap.write_config(settings, pool_dir, 1)
            launcher: list[str | Path] = [command[0], AGENT_DIR / "_scope_launch.py", orders, "--", command[1]]
            started = target([*launcher, *arguments], env=options)
            channel = bootstrap.channel
            assert channel.accept(PATIENCE_S, pid=started.pid), started.output()
            channel.wait_until_recording(timeout_s=PATIENCE_S)
            started.wait_for_line("ready")
    try:
        yield Recorded(started, channel, pool_dir, folder)
    finally:
        channel.close()


def bare(interpreter: Interpreter, target: Launcher, folder: Path, program: str, *words: object, **options: str) -> str:
    """What the same program prints on its own."""
    (folder / "go").touch()
    started = target([interpreter.path, PROGRAMS / program, folder, *map(str, words)], env=options)
    status = started.wait(PATIENCE_S)
    assert status == 0, started.output()
    return started.output()


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Looks until something holds.

    Raises: AssertionError naming `what` when it does not in time.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
