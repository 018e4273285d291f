"""What recording costs the target: how often each thing was done times its measured price, as a share of its CPU time.

The prices are measured inside the target when the recording begins, each by a small loop with the hooks and without, on
the agent's thread, in CPU time, the median of seven rounds (capture/agent/_scope_costs.py). The counts are events, and
what the hooks were called for that no event stands for (`enum scope_cost` of scope_pool.h): code that is left out costs
too, on Python 3.10 and 3.11 at every call and later where an exception passes. The agent's own CPU time, the sweeps
four times a second, is added as the kernel counts it.

What is not in it: writing values as text (an attribute write that is recorded counts as one event), what the hooks push
out of the processor's caches, and on 3.10 and 3.11 the recorded functions' own instructions, which the interpreter
looks at one by one while it has a profile function. So the figure told is too low by more than a factor of 1.5 for
recorded code on 3.11, for left-out code on 3.10 and 3.11 and for exceptions on 3.14; README.md has the figures.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WINDOW_S = 5.0
LEAST_CPU_S = 0.1
"""The kernel counts CPU time in steps of 10 ms."""

EVENTS_OF_A_RAISE = 3
HOOKS_OF_A_RAISE = 3
HOOKS_OF_A_BUILTIN = 2
"""call, raise, unwind; raise, unwind, raise in the caller; call, return: per turn of the agent's loops."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One look: events produced since the recording began, CPU time of the whole process and of the agent's thread.

    `counts`: `capture.pool.Pool.cost_counts`.
    """

    at_s: float
    events: int
    cpu_s: float
    agent_s: float = 0.0
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Prices:
    """Seconds of CPU time that one event takes, and one of each of `Spent.counts`."""

    event_s: float
    counts_s: tuple[float, ...] = ()

    def of(self, first: Spent, last: Spent) -> float:
        """Seconds that recording took between two looks."""
        taken_s = (last.events - first.events) * self.event_s + last.agent_s - first.agent_s
        before = first.counts or (0,) * len(last.counts)
        for price_s, count, earlier in zip(self.counts_s, last.counts, before, strict=False):
            taken_s += price_s * (count - earlier)
        return taken_s


def prices(cost: Mapping[str, Any] | None) -> Prices | None:
    """The prices that the agent has measured; None where calls are not recorded.

    >>> loops = {"recorded_calls": [1000, 30_000, 80_000], "new_functions": [20, 100_000, 300_000]}
    >>> prices({"loops": loops})
    Prices(event_s=2.5e-08, counts_s=(0.0, 0.0, 0.0, 0.0, 1e-05))
    """
    loops = (cost or {}).get("loops")
    if not isinstance(loops, Mapping) or "recorded_calls" not in loops:
        return None

    def added_s(name: str) -> float:
        match loops.get(name):
            case [int(count), int(bare_ns), int(hooked_ns)] if count > 0:
                return max(0, hooked_ns - bare_ns) / count / 1e9
            case _:
                return 0.0

    event_s = added_s("recorded_calls") / 2
    left_out_call_s = added_s("left_out_calls")
    return Prices(
        event_s,
        (
            left_out_call_s,
            added_s("builtins") / HOOKS_OF_A_BUILTIN,
            added_s("left_out_raises") / HOOKS_OF_A_RAISE,
            max(0.0, added_s("recorded_raises") - EVENTS_OF_A_RAISE * event_s) / HOOKS_OF_A_RAISE,
            added_s("new_functions"),
        ),
    )


class OverheadMeter:
    """Looks at regular times; answers for the last seconds."""

    def __init__(self, prices: Prices | None) -> None:
        """None: only the agent's own time is known."""
        self._prices = prices
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
        if self._prices is None:
            return None
        return min(max(self._prices.of(first, last) / (last.cpu_s - first.cpu_s), 0.0), 1.0)
