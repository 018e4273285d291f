"""Real programs to observe: started for one test, known by a line they print, ended by their pid."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tests.leftovers import wait_for

START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 10.0


class Target:
    """A running program whose output goes to a file, so that a full pipe can never block it."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.output_path = output

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def output(self) -> str:
        """What it has printed so far, stdout and stderr together."""
        return self.output_path.read_text(errors="replace")

    def wait_for_line(self, text: str, timeout_s: float = START_TIMEOUT_S) -> str:
        """The first complete line that contains `text`.

        Raises: AssertionError with the whole output when the program ends or the time is up before that.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            ended = not self.alive  # before reading: what it printed last must not be missed
            for line in self.output().splitlines(keepends=True):
                if text in line and line.endswith("\n"):
                    return line.rstrip("\n")
            reason = "it ended" if ended else "time is up" if time.monotonic() > deadline else None
            assert reason is None, f"{reason} before a line with {text!r}; output:\n{self.output()}"
            time.sleep(0.01)

    def send(self, sign: signal.Signals) -> None:
        self.process.send_signal(sign)

    def wait(self, timeout_s: float = END_TIMEOUT_S) -> int:
        """Its exit status (negative: the signal that ended it)."""
        return self.process.wait(timeout_s)

    def end(self, sign: signal.Signals = signal.SIGTERM) -> int:
        """Ends it by its pid, by force if it does not listen; its exit status. Harmless when it has ended."""
        if self.alive:
            self.send(sign)
            if not wait_for(lambda: not self.alive, END_TIMEOUT_S):
                self.process.kill()
        return self.wait()


class Launcher(Protocol):
    """The fixture `target`: starts a program and returns once it printed a line containing `ready`."""

    def __call__(
        self,
        argv: Sequence[str | Path],
        *,
        ready: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout_s: float = START_TIMEOUT_S,
    ) -> Target: ...


class Targets:
    """Starts targets and ends all of them; one per test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: list[Target] = []

    def launch(
        self,
        argv: Sequence[str | Path],
        *,
        ready: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout_s: float = START_TIMEOUT_S,
    ) -> Target:
        output = self._folder / f"target-{len(self._started) + 1}.out"
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        with output.open("wb") as stream:
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=cwd,
            )
        target = Target(process, output)
        self._started.append(target)
        if ready is not None:
            target.wait_for_line(ready, timeout_s)
        return target

    def end_all(self) -> None:
        for target in reversed(self._started):
            target.end(signal.SIGKILL)
