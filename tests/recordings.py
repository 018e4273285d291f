"""Recordings of a program that counts its steps in a file, to be killed: how far it came is known without Scope."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.leftovers import wait_for
from tests.scope_command import COMMAND

STEPS = """
import os, sys, time

def step(i):
    return i + 1

out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
i = 0
print("READY", os.getpid(), flush=True)
while True:
    i = step(i)
    os.pwrite(out, b"%020d" % i, 0)
    if i % 200 == 0:
        time.sleep(0.001)
"""


class Killed:
    """A recording whose recorder, and then its program, were killed; `steps` is how far the program came before."""

    def __init__(self, folder: Path) -> None:
        self.session = folder / "killed.scope"
        (folder / "steps.py").write_text(STEPS)
        self.counter = folder / "steps"
        command: list[str | Path] = [*COMMAND, "run", "--no-window", "-o", self.session, "--"]
        command += [sys.executable, folder / "steps.py"]
        self._said = folder / "said"
        with self._said.open("w") as said:
            self.recorder = subprocess.Popen([*command, self.counter], stdout=subprocess.PIPE, stderr=said, text=True)
        assert self.recorder.stdout is not None
        self.pid = int(self.recorder.stdout.readline().split()[1])

    @property
    def steps(self) -> int:
        return int(self.counter.read_text() or 0)

    def said(self) -> str:
        """What the recorder has said so far."""
        return self._said.read_text()

    def sealer(self) -> psutil.Process:
        children = psutil.Process(self.recorder.pid).children()
        [sealer] = [one for one in children if "scope_gui.recording.sealer" in one.cmdline()]
        return sealer

    def kill(self) -> int:
        """How many steps had been made when the recorder died."""
        before = self.steps
        self.recorder.kill()
        self.recorder.wait()
        wait_for(lambda: not psutil.pid_exists(self.pid) or "pool.bin" not in maps_of(self.pid), 10)
        self.end_program()
        return before

    def end_program(self) -> None:
        if psutil.pid_exists(self.pid):
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self.recorder.kill()
        self.end_program()
        self.recorder.wait()
        assert self.recorder.stdout is not None
        self.recorder.stdout.close()


def maps_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return ""
