"""Running a command and knowing what it took: wall time, peak memory of its process tree, what it printed."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import psutil

SCOPE = [sys.executable, "-m", "scope_gui"]


@dataclass(frozen=True, slots=True)
class Run:
    """One finished command. Units: seconds; bytes of RSS, summed over the processes that `counts` accepted."""

    seconds: float
    peak_bytes: int
    output: str

    def number(self, word: str) -> int:
        """The integer that the command printed after a word."""
        for line in self.output.splitlines():
            if line.startswith(word + " "):
                return int(line.split()[1])
        raise AssertionError(f"no {word} in: {self.output[-500:]}")


def run(argv: Sequence[object], *, counts: Callable[[psutil.Process], bool] | None = None) -> Run:
    """Runs a command to its end; fails when it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak = _PeakMemory(process.pid, counts)
    with peak:
        output, _ = process.communicate()
    if process.returncode != 0:
        raise AssertionError(f"{argv} failed with {process.returncode}: {output[-2000:]}")
    return Run(time.perf_counter() - began, peak.bytes, output)


class _PeakMemory:
    """Samples the tree's RSS every 20 ms; 0 when nobody asked."""

    def __init__(self, pid: int, counts: Callable[[psutil.Process], bool] | None) -> None:
        self.bytes = 0
        self._pid, self._counts = pid, counts
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> None:
        if self._counts:
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._counts:
            self._thread.join()

    def _watch(self) -> None:
        assert self._counts
        while not self._done.wait(0.02):
            total = 0
            try:
                root = psutil.Process(self._pid)
                for process in [root, *root.children(recursive=True)]:
                    if self._counts(process):
                        total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
            self.bytes = max(self.bytes, total)


def median(values: Iterable[float]) -> float:
    """The middle of the measured values."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the measured ones do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
