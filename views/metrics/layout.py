"""Samples as lines: what all processes together had at each instant, and that line in pixel columns. Pure, no Qt.

A process counts from its first sample until it ends; between two samples it keeps the value of the earlier one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from capture.events.definitions import OS_STATE
from dags.analyses.lod import Array
from views.timeline.layout import columns_of
from views.words.figures import THIN, duration_text, short_count, size_text

GUTTER = 168
ROW = 22


@dataclass(frozen=True, slots=True)
class Known:
    """How a metric is called and written."""

    title: str
    text: Callable[[float], str]
    least_top: float
    meaning: str


KNOWN: dict[str, Known] = {
    "cpu_percent": Known(
        "CPU",
        lambda value: f"{max(0.0, value):.0f}{THIN}%",
        10.0,
        "time on a core since the last sample; 100 % is one core",
    ),
    "rss_bytes": Known(
        "Memory",
        lambda value: size_text(round(value)),
        1 << 20,
        "resident memory: what lies in RAM, shared pages included",
    ),
    "threads": Known("Threads", short_count, 2.0, "threads as the operating system counts them"),
    "children": Known("Child processes", short_count, 2.0, "processes that the program has started and that still run"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One metric over the session: from `times_ns[i]` on, all processes together have `values[i]`."""

    name: str
    times_ns: Array
    values: Array

    @property
    def title(self) -> str:
        """What a person calls it."""
        known = KNOWN.get(self.name)
        return known.title if known else self.name.replace("_", " ")

    def text(self, value: float | None) -> str:
        """A value with its unit."""
        if value is None:
            return "not sampled"
        known = KNOWN.get(self.name)
        return known.text(value) if known else short_count(value)

    def told(self, time_ns: int) -> str:
        """What the metric is and what it was at an instant, for a pointer that rests on it."""
        known = KNOWN.get(self.name)
        lines = [f"{self.title}: {self.text(self.at(time_ns))} at {duration_text(time_ns)}"]
        lines += [known.meaning] if known else []
        return "\n".join([*lines, "Sampled from outside, all recorded processes together"])

    def at(self, time_ns: int) -> float | None:
        """The value at an instant, None before the first sample."""
        row = int(np.searchsorted(self.times_ns, time_ns, "right")) - 1
        return float(self.values[row]) if row >= 0 else None

    def top(self) -> float:
        """The scale's upper end: a round value above the largest, no less than makes sense for the metric."""
        known = KNOWN.get(self.name)
        return round_above(float(self.values.max()), known.least_top if known else 1.0, self.name.endswith("_bytes"))


def round_above(most: float, least: float, is_size: bool = False) -> float:
    """The next of 1, 2, 5, 10, 20, ... that leaves some air above `most`; sizes count in KiB, MiB and so on.

    >>> round_above(31, 10), round_above(0, 10), round_above(70 << 20, 1 << 20, is_size=True) / (1 << 20)
    (50, 10, 100.0)
    """
    wanted, unit = max(most * 1.1, 1e-9), 1.0
    while is_size and wanted / unit >= 1000:
        unit *= 1024
    power = float(10.0 ** math.floor(math.log10(wanted / unit)))
    step = next(factor for factor in (1, 2, 5, 10) if factor * power >= wanted / unit * 0.9999)
    return max(step * power * unit, least)


def lines_of(samples: Mapping[str, tuple[Array, Array, Array]], ends_ns: Mapping[int, int]) -> list[Line]:
    """A line per metric, the known ones first.

    `samples` are (times, process ids, values) by name, `ends_ns` when processes ended. Of processes 1 and 2 with values
    5 and 7 at instant 10 and 6 for process 1 at 20, when process 2 ends at 15: 12 from 10, 5 from 15, 6 from 20.
    """
    order = [*KNOWN, *sorted(set(samples) - {*KNOWN, OS_STATE})]
    return [Line(name, *_together(*samples[name], ends_ns)) for name in order if name in samples]


def _together(times_ns: Array, processes: Array, values: Array, ends_ns: Mapping[int, int]) -> tuple[Array, Array]:
    ended = [(end_ns, process) for process, end_ns in ends_ns.items() if (processes == process).any()]
    late = np.ones(len(times_ns), np.bool_)
    for end_ns, process in ended:
        late &= (processes != process) | (times_ns < end_ns)
    times_ns = np.concatenate([times_ns[late], [end_ns for end_ns, _ in ended]]).astype(np.int64)
    processes = np.concatenate([processes[late], [process for _, process in ended]]).astype(np.int64)
    values = np.concatenate([values[late], np.zeros(len(ended))])
    order = np.lexsort((times_ns, processes))
    times_ns, processes, values = times_ns[order], processes[order], values[order]
    same = np.concatenate([[False], processes[1:] == processes[:-1]])[: len(values)]
    steps = values - np.where(same, np.roll(values, 1), 0.0)
    by_time = np.argsort(times_ns, kind="stable")
    times_ns, totals = times_ns[by_time], np.cumsum(steps[by_time])
    last_of_time = np.concatenate([times_ns[1:] != times_ns[:-1], [True]])[: len(times_ns)]
    return times_ns[last_of_time], totals[last_of_time]


def columns(line: Line, visible_ns: tuple[int, int], width: int) -> tuple[Array, Array]:
    """(least, most) in each pixel column, NaN before the first sample; a column without a sample keeps the value."""
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


def row_tops(lines: Sequence[Line], height: int) -> list[tuple[int, int]]:
    """(top, height) of each line's row; they share the room. With 2 lines, 100 px: (0, 50), (50, 50)"""
    if not lines:
        return []
    tall = max(ROW, height // len(lines))
    return [(at * tall, tall) for at in range(len(lines))]
