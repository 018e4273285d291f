"""How far a long verb is, on stderr: nothing when it is quick, one line that counts up on a terminal, few in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from scope_gui.streams import command_terminal

START_OF_LINE = "\r\033[K"  # of an empty one
QUIET_S = 1.0
TERMINAL_S, LOG_S = 0.2, 2.0


class Progress:
    """Counts steps; says nothing in the first second."""

    def __init__(self, what: str, steps: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._steps, self._done = what, steps, 0
        self._clock = clock
        self._on_terminal = sys.stderr.isatty()
        self._due_s = clock() + QUIET_S
        self._told = False

    def step(self) -> None:
        """One more is done."""
        self._done += 1
        now_s = self._clock()
        if self._done == self._steps:
            if self._told and self._on_terminal:
                command_terminal(sys.stderr, START_OF_LINE)
                print(f"scope-gui: {self._what}: done", file=sys.stderr)
        elif now_s >= self._due_s:
            self._due_s = now_s + (TERMINAL_S if self._on_terminal else LOG_S)
            self._told = True
            line = f"scope-gui: {self._what}: {100 * self._done // self._steps} %"
            if self._on_terminal:
                command_terminal(sys.stderr, START_OF_LINE)
            print(line, end="" if self._on_terminal else "\n", file=sys.stderr)
            sys.stderr.flush()
