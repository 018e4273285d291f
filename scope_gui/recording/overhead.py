"""What recording costs the target: how often each thing was done times its measured price, as a share of its CPU time.

The prices are measured inside the target when the recording begins, each by a small loop with the hooks and without, on
the agent's thread, in CPU time, medians of 11 or 25 rounds (capture/agent/_scope_costs.py). Amid a program's own work
the caches hold other things, and an event takes longer: one hook in a thousand is timed there, some are in the loops,
and the price of an event goes with that (capture/native/recorder/samples.h).

The counts are events, and what the hooks were called for that no event stands for (`enum scope_cost` of scope_pool.h):
code that is left out costs too, on Python 3.10 and 3.11 at every call and later where an exception passes. The agent's
own CPU time, its start and the sweeps four times a second, is added as the kernel counts it.

On 3.10 and 3.11 a part is no count. Generators, frames that ran before an attach, and everything where another tool
has its own evaluation function, run under a profile function: the interpreter then looks at every instruction, and 3.11
also runs none in its specialized form (plain loops took 2.7 times as long). These instructions have a factor, measured
by a loop that makes no call, and the time that it applies to is found by looking: the target says in its pool whether
such instructions run now (capture/native/recorder/hooks/evaluation.c), and the recorder, which comes by a hundred times
a second, counts how often that is so while the target is at work.

Arguments and results have no price: a number takes some ns, a dict that was not told yet microseconds. The hooks that
are timed amid the program say what it is; their loops tell no values.

A processor that others use too is not always equally fast, and the prices follow it: the agent does the work that they
were measured against once a sweep, and says how long that took. The price of an event follows its root only, because
the timed hooks say the rest: with all of it the same program was told 35 to 89 %, where 60 were true.

What is not in it: writing values as text (an attribute write that is recorded counts as one event).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from capture.drain.pool import Cost
from capture.measured_cost import Overhead

WINDOW_S = 5.0
LEAST_CPU_S = 0.1
"""Of less CPU time nothing is said: the agent's own start would be most of it."""

EVENTS_OF_A_CALL = 2
EVENTS_OF_A_RAISE = 3
EVENTS_OF_A_FRAME_LEFT = 2
HOOKS_OF_A_RAISE = 3
FRAMES_OF_A_RAISE = 1
HOOKS_OF_A_BUILTIN = 2
"""call, return; call, raise, unwind, or (3.10, 3.11) call, unwind; raise, unwind, raise in the caller, or (3.10, 3.11)
the frame that it leaves; call, return: per turn of the agent's loops."""

SURELY_SLOWED = 1.25
"""Of a loop's time: what is less may be the processor, or the first touch of memory. A profile function makes it 1.4 on
3.10 and more than twice on 3.11."""

COLD = 1.8
"""Times as much as the timed part of a hook an event gets dearer amid other work: the way to it gets cold too.

Fitted to programs of tests/bench/overhead_rows.py on 3.11 and 3.14; 1.2 to 2.5 fit the one or the other best."""

ENOUGH_SAMPLES = 50
MOST_COLD = 4.0

LEFT_OUT = (Cost.LEFT_OUT_CALL, Cost.LEFT_OUT_RAISE)
"""What is told apart as for code that is left out."""

MOST_SPEED_CHANGE = 4.0
MOST_NS = 1 << 62  # what a program sends instead of a time may be any number
LEAST_WORK = 0.3
"""A target that uses that much of its time is at work also when we find it waiting: for the processor that we have."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One look: events produced since the recording began, CPU time of the whole process and of the agent's thread.

    `counts`: as `Pool.cost_counts` has them. `slowed_s`: CPU time of instructions that a profile function slows down.
    `tick_s`: of the target's clock.
    """

    at_s: float
    events: int
    cpu_s: float
    agent_s: float = 0.0
    counts: tuple[int, ...] = ()
    slowed_s: float = 0.0
    tick_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Prices:
    """Seconds of CPU time that one event takes, and one of each `Cost`, where the yardstick takes `yard_s`.

    `slowdown`: how many times as long plain instructions take that a profile function looks at.
    """

    event_s: float
    counts_s: Mapping[Cost, float] = field(default_factory=dict)
    slowdown: float = 1.0
    yard_s: float = 0.0

    def of(self, first: Spent, last: Spent) -> tuple[float, float]:
        """Seconds that recording took between two looks, and those of them for code that is left out."""
        counts = {cost: _count(last, cost) - _count(first, cost) for cost in Cost}
        speed = self._speed(counts)
        dearer = _dearer(counts, last, speed)
        events_s = (last.events - first.events) * (self.event_s * dearer + _values_s(counts, last))
        slowed_s = max(0.0, last.slowed_s - first.slowed_s)
        slowed_s -= events_s * min(1.0, slowed_s / max(last.cpu_s - first.cpu_s, 1e-9))
        slowed_s = max(0.0, slowed_s) * (1 - 1 / self.slowdown)
        others_s = {cost: price_s * counts[cost] * speed for cost, price_s in self.counts_s.items()}
        if Cost.RESUME in others_s:
            others_s[Cost.RESUME] *= dearer / speed  # it takes a part of the price of an event back
        left_out_s = sum(others_s.get(cost, 0.0) for cost in LEFT_OUT)
        return events_s + sum(others_s.values()) + slowed_s + last.agent_s - first.agent_s, left_out_s

    def _speed(self, counts: Mapping[Cost, int]) -> float:
        """How many times as long everything takes as it did when the prices were measured."""
        if not self.yard_s or not counts[Cost.YARDS]:
            return 1.0
        times = counts[Cost.YARD_NS] / 1e9 / counts[Cost.YARDS] / self.yard_s
        return min(max(times, 1 / MOST_SPEED_CHANGE), MOST_SPEED_CHANGE)


def _count(spent: Spent, cost: Cost) -> int:
    """How often until this look."""
    return spent.counts[cost] if spent.counts else 0


def _dearer(counts: Mapping[Cost, int], last: Spent, speed: float) -> float:
    """How many times as long an event takes amid the program's work as in a loop of nothing else."""
    if counts[Cost.SAMPLES] < ENOUGH_SAMPLES or not (
        _count(last, Cost.USUAL_TICKS) and _count(last, Cost.USUAL_SAMPLES)
    ):
        return math.sqrt(speed) if counts[Cost.LONG_SAMPLES] >= ENOUGH_SAMPLES else speed
    usual_ticks = _count(last, Cost.USUAL_TICKS) / _count(last, Cost.USUAL_SAMPLES)
    longer = counts[Cost.SAMPLED_TICKS] / counts[Cost.SAMPLES] / usual_ticks - 1
    return math.sqrt(speed) * min(max(1 + COLD * longer, 1 / MOST_COLD), MOST_COLD)


def _values_s(counts: Mapping[Cost, int], last: Spent) -> float:
    """What an event takes for its values, of all events the mean."""
    told, others = counts[Cost.LONG_SAMPLES], counts[Cost.SAMPLES]
    return counts[Cost.LONG_TICKS] / (told + others) * last.tick_s if told >= ENOUGH_SAMPLES else 0.0


def prices(cost: Mapping[str, Any] | None) -> Prices | None:
    """The prices that the agent has measured; None where calls are not recorded.

    >>> loops = {"recorded_calls": [1000, 30_000, 80_000], "new_functions": [20, 100_000, 300_000]}
    >>> prices({"loops": loops})
    Prices(event_s=2.5e-08, counts_s={<Cost.FIRST_SIGHT: 4>: 1e-05}, slowdown=1.0, yard_s=0.0)
    """
    loops = (cost or {}).get("loops")
    if not isinstance(loops, Mapping) or "recorded_calls" not in loops:
        return None

    def measured(name: str) -> tuple[int, int, int]:
        match loops.get(name):
            case [int(count), int(bare_ns), int(hooked_ns)] if (
                count > 0 and 0 < bare_ns < MOST_NS and 0 <= hooked_ns < MOST_NS
            ):
                return count, bare_ns, hooked_ns
            case _:
                return 1, 0, 0

    def times(name: str) -> float:
        _, plain_ns, hooked_ns = measured(name)
        return hooked_ns / plain_ns if plain_ns and hooked_ns > plain_ns * SURELY_SLOWED else 1.0

    slowed, slowdown = times("recorded_instructions"), times("instructions")

    def added_s(name: str, slowdown: float = 1.0) -> float:
        """Of one turn, besides what its instructions take longer."""
        count, bare_ns, hooked_ns = measured(name)
        return max(0.0, hooked_ns - bare_ns * slowdown) / count / 1e9

    event_s = added_s("recorded_calls", slowed) / EVENTS_OF_A_CALL
    left_out_call_s = added_s("left_out_calls")
    by_frames = "instructions" in loops
    raises = FRAMES_OF_A_RAISE if by_frames else HOOKS_OF_A_RAISE
    raised_events = EVENTS_OF_A_FRAME_LEFT if by_frames else EVENTS_OF_A_RAISE
    counts_s = {
        Cost.LEFT_OUT_CALL: left_out_call_s,
        Cost.LEFT_OUT_HOOK: added_s("builtins", slowdown) / HOOKS_OF_A_BUILTIN,
        Cost.LEFT_OUT_RAISE: max(0.0, added_s("left_out_raises") - left_out_call_s) / raises,
        Cost.RAISE: max(0.0, added_s("recorded_raises", slowed) - raised_events * event_s) / raises,
        Cost.FIRST_SIGHT: added_s("new_functions"),
        Cost.RESUME: added_s("resumes", slowed) - EVENTS_OF_A_CALL * event_s if "resumes" in loops else 0.0,
    }
    return Prices(
        event_s, {cost: price_s for cost, price_s in counts_s.items() if price_s}, slowdown, measured("yard")[1] / 1e9
    )


class SlowedTime:
    """CPU time of instructions that a profile function slows down, found by looking often: at 10 000 looks a second it
    would be a share of a core, at a hundred it is nothing.

    Only looks at a target that is at work count: one that waits always waits in the same place.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._cpu_s: float | None = None
        self._counted_to_s = 0.0
        self._looks = self._slowed = 0
        self._share = 0.0
        self._at_s = 0.0

    def look(self, at_s: float, before_s: float, slowed: bool, after_s: float) -> None:
        """`before_s` and `after_s`: the target's CPU time, read one after the other; `slowed`: read in between."""
        if self._cpu_s is not None:
            busy = before_s - self._cpu_s >= LEAST_WORK * (at_s - self._at_s)
            if after_s > before_s or busy:
                self._looks += 1
                self._slowed += slowed
        else:
            self._counted_to_s = before_s
        self._cpu_s, self._at_s = after_s, at_s

    def settle(self, cpu_s: float) -> float:
        """Seconds up to this CPU time of the target."""
        if self._looks:
            self._share = self._slowed / self._looks
            self._looks = self._slowed = 0
        self.seconds += self._share * max(0.0, cpu_s - self._counted_to_s)
        self._counted_to_s = cpu_s
        return self.seconds


class Taken(NamedTuple):
    """Seconds of a target's CPU time: those that recording took, those of them for code that is left out, and all."""

    recording_s: float
    left_out_s: float
    cpu_s: float


class OverheadMeter:
    """Looks at regular times; answers for the last seconds."""

    def __init__(self, prices: Prices | None) -> None:
        """None: only the agent's own time is known."""
        self._prices = prices
        self._first: Spent | None = None
        self._looks: deque[Spent] = deque()

    def look(self, spent: Spent) -> None:
        """Takes note of how things stand. What the agent has used when we look first, it used for its own start."""
        if self._first is None:
            spent = self._first = replace(spent, cpu_s=spent.cpu_s - spent.agent_s, agent_s=0.0)
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
    def taken(self) -> Taken | None:
        """What recording took in the last seconds, or of all the time when the target hardly worked in these."""
        if self._first is None:
            return None
        last = self._looks[-1]
        for first in (self._looks[0], self._first):
            if last.cpu_s - first.cpu_s >= LEAST_CPU_S:
                return self._between(first, last)
        return None

    @property
    def taken_in_all(self) -> Taken | None:
        """What it took since the recording began."""
        if self._first is None or self._looks[-1].cpu_s - self._first.cpu_s < LEAST_CPU_S:
            return None
        return self._between(self._first, self._looks[-1])

    def _between(self, first: Spent, last: Spent) -> Taken | None:
        if self._prices is None:
            return None
        return Taken(*self._prices.of(first, last), last.cpu_s - first.cpu_s)


def overhead_of(taken: Iterable[Taken | None]) -> Overhead | None:
    """What recording took of all these processes' CPU time, of those of which it is known.

    >>> overhead_of([Taken(1.0, 0.5, 10.0), None, Taken(0.0, 0.0, 10.0)])
    Overhead(whole=0.05, left_out=0.025)
    """
    known = [one for one in taken if one is not None]
    if not known:
        return None
    cpu_s = sum(one.cpu_s for one in known)
    whole = min(max(sum(one.recording_s for one in known) / cpu_s, 0.0), 1.0)
    return Overhead(whole, min(sum(one.left_out_s for one in known) / cpu_s, whole))
