"""What recording costs the target: a measured price per event times the events, as a share of its CPU time.

The price is measured inside the target when the recording begins: a thousand calls of an empty function with the hooks
and without, on the agent's thread, in CPU time, the median of seven rounds (capture/native/recorder/calibration.c).
The agent's own CPU time, the sweeps four times a second, is added as the kernel counts it.

What is not in it: looking at a function for the first time, writing values as text (an attribute write that is
recorded counts as one event), calls that the filter leaves out on Python 3.10 and 3.11 (their hook is called all the
same), and what the hooks push out of the processor's caches. So it is a lower estimate, and a close one for calls.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WINDOW_S = 5.0
LEAST_CPU_S = 0.1
"""The kernel counts CPU time in steps of 10 ms."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One look: events produced since the recording began, CPU time of the whole process and of the agent's thread."""

    at_s: float
    events: int
    cpu_s: float
    agent_s: float = 0.0


def price_s(cost: Mapping[str, Any] | None) -> float | None:
    """Seconds of CPU time that one recorded event takes, from what the agent has measured; None without calls.

    >>> price_s({"calls": 1000, "bare_ns": 30_000, "recorded_ns": 80_000})
    2.5e-08
    """
    match cost:
        case {"calls": int(calls), "bare_ns": int(bare_ns), "recorded_ns": int(recorded_ns)} if calls > 0:
            return max(0, recorded_ns - bare_ns) / (2 * calls) / 1e9
        case _:
            return None


class OverheadMeter:
    """Looks at regular times; answers for the last seconds."""

    def __init__(self, event_s: float | None) -> None:
        """`event_s`: what `price_s` gives; None: only the agent's own time is known."""
        self._event_s = event_s
        self._first: Spent | None = None
        self._looks: deque[Spent] = deque()

    def look(self, spent: Spent) -> None:
        """Takes note of how things stand."""
        self._first = self._first or spent
        self._looks.append(spent)
        while self._looks[0].at_s < spent.at_s - WINDOW_S:
            self._looks.popleft()

    @property
    def events_per_s(self) -> float:
        """Events a second in the last seconds."""
        if len(self._looks) < 2:
            return 0.0
        first, last = self._looks[0], self._looks[-1]
        return (last.events - first.events) / max(last.at_s - first.at_s, 1e-3)

    @property
    def share(self) -> float | None:
        """The share of the target's CPU time in the last seconds, or of all of it when that was hardly any."""
        if self._first is None:
            return None
        last = self._looks[-1]
        for first in (self._looks[0], self._first):
            if last.cpu_s - first.cpu_s >= LEAST_CPU_S:
                return self._between(first, last)
        return None

    @property
    def whole_share(self) -> float | None:
        """The share of the CPU time since the recording began."""
        if self._first is None or self._looks[-1].cpu_s - self._first.cpu_s < LEAST_CPU_S:
            return None
        return self._between(self._first, self._looks[-1])

    def _between(self, first: Spent, last: Spent) -> float | None:
        if self._event_s is None:
            return None
        taken_s = (last.events - first.events) * self._event_s + last.agent_s - first.agent_s
        return min(max(taken_s / (last.cpu_s - first.cpu_s), 0.0), 1.0)
