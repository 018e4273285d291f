"""Samples as lines: what all processes together had at each instant, and that line in pixel columns. Pure, no Qt.

Which metrics there are, what they are called and how processes add up is in `capture.events.metrics`.

A process counts from its first sample until it ends; between two samples it keeps the value of the earlier one. While
none runs there is no value, which is not the same as 0: a scale that reached down to it would flatten all that was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from capture.events import metrics
from capture.events.metrics import Metric, metric_named
from dags.analyses.lod import Array
from views.drawing.time_scale import columns_of
from views.loop.events import SeekTo
from views.loop.thing import Thing
from views.words.figures import THIN, duration_text, figure_text

GUTTER, VALUE_PX = 190, 84
ROW = 22
MIN_SAMPLES = 4
MINUTE_NS = 60_000_000_000


_TOGETHER = {"sum": "all recorded processes together", "max": "the most that a recorded process had"}


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One metric over the session: from `times_ns[i]` on, all processes together have `values[i]`, NaN: none runs."""

    name: str
    times_ns: Array
    values: Array

    @property
    def metric(self) -> Metric:
        """Its row of METRICS."""
        return metric_named(self.name)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.metric.title

    def text(self, value: float | None) -> str:
        """A value with its unit."""
        return "not sampled" if value is None else figure_text(value, self.metric.unit)

    def told(self, time_ns: int, visible_ns: tuple[int, int] | None = None) -> str:
        """What the metric is and what it was at an instant, for a pointer that rests on it; with `visible_ns` its peak
        in there too.
        """
        lines = [f"{self.title}: {self.text_at(time_ns)} at {duration_text(time_ns)}"]
        peak = None if visible_ns is None else self.peak(visible_ns)
        lines += [f"peak of what is visible: {self.text(peak[1])} at {duration_text(peak[0])}"] if peak else []
        lines += [self.metric.says] if self.metric.says else []
        return "\n".join([*lines, f"Sampled from outside, {_TOGETHER[self.metric.together]}"])

    def at(self, time_ns: int) -> float | None:
        """The value at an instant, None before the first sample and while no process runs."""
        row = int(np.searchsorted(self.times_ns, time_ns, "right")) - 1
        return float(self.values[row]) if row >= 0 and np.isfinite(self.values[row]) else None

    def text_at(self, time_ns: int) -> str:
        """The value at an instant with its unit, or why there is none."""
        value = self.at(time_ns)
        return "ended" if value is None and time_ns >= self.times_ns[0] else self.text(value)

    def peak(self, visible_ns: tuple[int, int]) -> tuple[int, float] | None:
        """(when it is at its highest in that stretch, for the first time, and how high); None where it has no sample.

        The value that it begins with counts from the stretch's begin.
        """
        times_ns, values = self._between(visible_ns)
        if not len(values):
            return None
        row = int(np.argmax(values))
        return int(times_ns[row]), float(values[row])

    def bounds(self, visible_ns: tuple[int, int]) -> tuple[float, float] | None:
        """(least, most) of what is visible, the value that it begins with included; None before the first sample.

        A line that is level has some air around it.
        """
        values = self._between(visible_ns)[1]
        if not len(values):
            return None
        low, high = float(values.min()), float(values.max())
        air = max((self.metric.least_top - (high - low)) / 2, 0.0)
        return (max(low - air, 0.0), high + air) if self.metric.unit != "percent" else (0.0, max(high, 100.0))

    def between_text(self, bounds: tuple[float, float]) -> str:
        """Both ends of a scale: `98.3 … 98.5 MiB`."""
        low, high = (self.text(bound) for bound in bounds)
        number, _, unit = low.partition(THIN)
        return high if low == high else f"{number if high.endswith(unit) else low} … {high}"

    def slope_text(self, visible_ns: tuple[int, int]) -> tuple[str, bool]:
        """(how fast it grows or shrinks, whether it grows steadily): `+29 MiB/min ▲`. In what is visible, in the minute
        before its end where that is longer.

        The slope is that of the straight line which fits best; where it explains less than two thirds of what moves, or
        moves less than a hundredth of the value, nothing is said: the figure goes up and down.
        """
        times_ns, values = self._between((min(visible_ns[0], visible_ns[1] - MINUTE_NS), visible_ns[1]))
        if len(values) < MIN_SAMPLES or self.metric.unit == "percent":
            return "", False
        minutes = (times_ns - times_ns[0]) / MINUTE_NS
        spread_x, spread_y = float(np.var(minutes)), float(np.var(values))
        if not spread_x or not spread_y:
            return "", False
        shared = float(np.mean((minutes - minutes.mean()) * (values - values.mean())))
        slope = shared / spread_x
        moved = abs(slope) * float(minutes[-1])
        if shared * shared < spread_x * spread_y * 2 / 3 or moved < float(values.max()) / 100:
            return "", False
        sign, arrow = ("+", " ▲") if slope > 0 else ("\N{MINUS SIGN}", " ▼")
        return f"{sign}{figure_text(abs(slope), self.metric.unit)}/min{arrow}", slope > 0

    def _between(self, visible_ns: tuple[int, int]) -> tuple[Array, Array]:
        """The values of a stretch, and the one before it as if it were at its beginning."""
        first = int(np.searchsorted(self.times_ns, visible_ns[0], "right"))
        past = int(np.searchsorted(self.times_ns, visible_ns[1], "right"))
        times_ns, values = self.times_ns[first:past], self.values[first:past]
        if first:
            times_ns = np.concatenate([[visible_ns[0]], times_ns])
            values = np.concatenate([self.values[first - 1 : first], values])
        known = np.isfinite(values)
        return times_ns[known], values[known]

    def top(self) -> float:
        """The scale's upper end: a round value above the largest, no less than makes sense for the metric."""
        return round_above(float(np.nanmax(self.values)), self.metric.least_top, self.metric.unit == "bytes")


def round_above(most: float, least: float, is_size: bool = False) -> float:
    """The next of 1, 2, 5, 10, 20, ... that leaves some air above `most`; sizes count in KiB, MiB and so on.

    >>> round_above(31, 10), round_above(0, 10), round_above(70 << 20, 1 << 20, is_size=True) / (1 << 20)
    (50.0, 10, 100.0)
    """
    wanted, unit = max(most * 1.1, 1e-9), 1.0
    while is_size and wanted / unit >= 1000:
        unit *= 1024
    power = float(10.0 ** math.floor(math.log10(wanted / unit)))
    step = next(factor for factor in (1, 2, 5, 10) if factor * power >= wanted / unit * 0.9999)
    return max(step * power * unit, least)


def metric_lines(samples: Mapping[str, tuple[Array, Array, Array]], ends_ns: Mapping[int, int]) -> list[MetricLine]:
    """A line per metric that processes have together, those of METRICS first.

    `samples` are (times, process ids, values) by name, `ends_ns` when processes ended. Of processes 1 and 2 with values
    5 and 7 at instant 10 and 6 for process 1 at 20, when process 2 ends at 15: 12 from 10, 5 from 15, 6 from 20; where
    the most counts: 7 from 10, 5 from 15, 6 from 20. When process 1 ends too there is no value from then on.
    """
    known = [metric.name for metric in metrics.METRICS]
    shown = [name for name in [*known, *sorted(set(samples) - {*known})] if name in samples]
    lines = (
        MetricLine(name, *_together(*samples[name], ends_ns, adds_up=metric_named(name).together == "sum"))
        for name in shown
        if metric_named(name).together != "none"
    )
    return [line for line in lines if np.isfinite(line.values).any()]


def _together(
    times_ns: Array, processes: Array, values: Array, ends_ns: Mapping[int, int], *, adds_up: bool
) -> tuple[Array, Array]:
    ended = [(end_ns, process) for process, end_ns in ends_ns.items() if (processes == process).any()]
    late = np.ones(len(times_ns), np.bool_)
    for end_ns, process in ended:
        late &= (processes != process) | (times_ns < end_ns)
    times_ns = np.concatenate([times_ns[late], [end_ns for end_ns, _ in ended]]).astype(np.int64)
    processes = np.concatenate([processes[late], [process for _, process in ended]]).astype(np.int64)
    values = np.concatenate([values[late], np.full(len(ended), -np.inf)])
    order = np.lexsort((times_ns, processes))
    times_ns, processes, values = times_ns[order], processes[order], values[order]
    if not adds_up:
        return _most(times_ns, processes, values)
    same = np.concatenate([[False], processes[1:] == processes[:-1]])[: len(values)]
    has_ended = np.isneginf(values)
    values = np.where(has_ended, 0.0, values)
    steps = values - np.where(same, np.roll(values, 1), 0.0)
    by_time = np.argsort(times_ns, kind="stable")
    times_ns, totals = times_ns[by_time], np.cumsum(steps[by_time])
    running = np.cumsum((~same).astype(np.int64)[by_time] - has_ended[by_time])
    last_of_time = np.concatenate([times_ns[1:] != times_ns[:-1], [True]])[: len(times_ns)]
    return times_ns[last_of_time], np.where(running, totals, np.nan)[last_of_time]


def _most(times_ns: Array, processes: Array, values: Array) -> tuple[Array, Array]:
    """The largest value at each instant that has one. Each value holds until its process's next; -inf is no value.

    A stretch of instants is covered by two overlapping ones whose lengths are the same power of two; what those say is
    handed down by halves. So n values take n log n steps, all in numpy, however many processes there are.
    """
    instants, first = np.unique(times_ns, return_inverse=True)
    follows = np.concatenate([processes[1:] == processes[:-1], [False]])[: len(values)]
    past = np.where(follows, np.roll(first, -1), len(instants))
    held = past > first  # of two at one instant the later holds
    first, past, values = first[held], past[held], values[held]
    level = np.frexp((past - first).astype(np.float64))[1] - 1
    most = np.full(len(instants), -np.inf)
    for at in range(int(level.max(initial=0)), -1, -1):
        half, chosen = 1 << at, level == at
        most[half:] = np.maximum(most[half:], most[: len(most) - half])  # what covered twice as much covers both
        np.maximum.at(most, first[chosen], values[chosen])
        np.maximum.at(most, past[chosen] - half, values[chosen])
    return instants, np.where(np.isneginf(most), np.nan, most)


def columns(line: MetricLine, visible_ns: tuple[int, int], width: int) -> tuple[Array, Array]:
    """(least, most) in each pixel column, NaN where there is no value; a column without a sample keeps the value."""
    first = int(np.searchsorted(line.times_ns, visible_ns[0], "right")) - 1
    last = int(np.searchsorted(line.times_ns, visible_ns[1], "right"))
    carried = float(line.values[first]) if first >= 0 else np.nan
    values = line.values[first + 1 : last]
    at = np.clip(columns_of(line.times_ns[first + 1 : last], visible_ns, width), 0, width - 1)
    before = np.concatenate([[carried], values[:-1]])[: len(values)]  # in its column a line still comes from there
    latest = np.zeros(width, np.int64)
    np.maximum.at(latest, at, np.arange(1, len(values) + 1))
    steady = np.concatenate([[carried], values])[np.maximum.accumulate(latest)]
    low, high = steady.copy(), steady.copy()
    np.fmin.at(low, at, np.fmin(values, before))
    np.fmax.at(high, at, np.fmax(values, before))
    return low, high


def row_tops(lines: Sequence[MetricLine], height: int) -> list[tuple[int, int]]:
    """(top, height) of each line's row; they share the room. With 2 lines, 100 px: (0, 50), (50, 50)"""
    if not lines:
        return []
    tall = max(ROW, height // len(lines))
    return [(at * tall, tall) for at in range(len(lines))]


def metric_thing(metric: MetricLine, time_ns: int) -> Thing:
    """A metric at an instant."""
    return Thing(
        kind="metric",
        name=metric.title,
        text=metric.text_at(time_ns),
        time_ns=time_ns,
        click=(SeekTo(time_ns=time_ns, visit=True),),
    )
