"""Verbs of the command line, each in a fork of a process that has everything imported: `python -m tests.forked_verbs`.

Most of a verb's time on a small session is imports, so a kill at a random instant nearly always met those. In a fork
the first instruction is the verb's own, and a kill lands in its work.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple, Self

from scope_gui.cli import main
from scope_gui.verbs.registry import VERBS
from tests.interpreters import ROOT

IMPORTED = (*(verb.module for verb in VERBS), "duckdb", "pyarrow.compute", "pyarrow.parquet")


class Ended(NamedTuple):
    """How a verb ended: its status (negative: the signal), what it said, and how much CPU time it took."""

    status: int
    said: str
    cpu_s: float


class ForkedVerbs:
    """Starts one verb at a time, with `begin` and `end` around whatever happens meanwhile."""

    def __init__(self, said: Path) -> None:
        """What the verbs say goes to that file."""
        self._said = said
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.forked_verbs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._answer()

    def begin(self, *words: object) -> int:
        """Starts a verb; its process."""
        assert self._server.stdin is not None
        json.dump([str(self._said), *map(str, words)], self._server.stdin)
        print(file=self._server.stdin, flush=True)
        return int(self._answer())

    def end(self) -> Ended:
        """Waits for it."""
        status, cpu_us = self._answer().split()
        return Ended(int(status), self._said.read_text(), int(cpu_us) / 1e6)

    def run(self, *words: object) -> Ended:
        """A verb from start to end."""
        self.begin(*words)
        return self.end()

    def run_killed(self, cpu_s: float, *words: object) -> Ended:
        """Kills it when it has taken that much CPU time, whatever else the machine does, or it has ended by itself."""
        pid = self.begin(*words)
        clock = (~pid << 3) | 2  # clock_getcpuclockid(3)
        with contextlib.suppress(ProcessLookupError, OSError):
            while time.clock_gettime(clock) < cpu_s:
                time.sleep(0.0002)
            os.kill(pid, signal.SIGKILL)
        return self.end()

    def close(self) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait(30)
        self._server.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline()


def serve() -> None:
    """Reads [where to say it, verb, words...], forks, prints the process and then its status."""
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()
    print(0, flush=True)
    for line in sys.stdin:
        said, *words = json.loads(line)
        pid = os.fork()
        if not pid:
            _be_the_verb(said, words)
        print(pid, flush=True)
        _, status, used = os.wait4(pid, 0)
        print(os.waitstatus_to_exitcode(status), round((used.ru_utime + used.ru_stime) * 1e6), flush=True)


def _be_the_verb(said: str, words: list[str]) -> None:
    to = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(to, 1)
    os.dup2(to, 2)
    status = 70
    try:
        status = main(words)
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
