"""The figures that are taken of processes: one row says everything about a metric, and whoever asks derives from it.

What a look at a process takes, what the table `metrics` holds, what a frame sums up, what the strip draws. A new metric
is one row in METRICS, and one function where the operating system has to be asked for something new.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

Unit = Literal["bytes", "percent", "count"]
Together = Literal["sum", "max", "none"]

OS_STATE = "os_state"
OS_STATES: tuple[Literal["waiting", "running", "stopped"], ...] = ("waiting", "running", "stopped")
"""What a process that is only watched did at a look: the metric `os_state` is the place in here."""


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One metric.

    `name` is that in the table `metrics`, `title` what a person calls it, `says` what it is, in a clause. `together`:
    how the figures of several processes become one; `none`: they do not, and each stands for itself. `source` is
    "module:function", which takes the figure of a `capture.drain.probe.Look`, or None where that look has none; "": no
    look takes it. `least_top` is the least upper end of a scale. `places`: the figure is the place in these words, a
    state and nothing to draw or to add up.
    """

    name: str
    title: str
    unit: Unit
    says: str = ""
    together: Together = "sum"
    source: str = ""
    least_top: float = 1.0
    places: tuple[str, ...] = ()


METRICS: tuple[Metric, ...] = (
    Metric(
        name="cpu_percent",
        title="CPU",
        unit="percent",
        says="time on a core since the last sample; 100 % is one core",
        source="capture.drain.probe:cpu_percent",
        least_top=10,
    ),
    Metric(
        name="rss_bytes",
        title="Memory",
        unit="bytes",
        says="resident memory: what lies in RAM, shared pages included",
        source="capture.drain.probe:rss_bytes",
        least_top=1 << 20,
    ),
    Metric(
        name="threads",
        title="Threads",
        unit="count",
        says="threads as the operating system counts them",
        source="capture.drain.probe:thread_count",
        least_top=2,
    ),
    Metric(
        name="children",
        title="Child processes",
        unit="count",
        says="processes that the program has started and that still run",
        source="capture.drain.probe:child_count",
        least_top=2,
    ),
    Metric(
        name=OS_STATE,
        title="State",
        unit="count",
        says="what a process did that is only watched",
        together="none",
        source="capture.drain.probe:state_place",
        places=OS_STATES,
    ),
)

_UNITS: tuple[Unit, ...] = ("bytes", "percent")


def title_in_words(title: str) -> str:
    """A metric's title inside a sentence: `memory`, and `CPU` as it is."""
    return title if title.isupper() else title.lower()


def metric_named(name: str) -> Metric:
    """The row of that name; for a metric that only a newer Scope knows, one made of the name, which ends with the unit.

    >>> metric_named("threads").title, metric_named("heap_free_bytes").title, metric_named("heap_free_bytes").unit
    ('Threads', 'heap free bytes', 'bytes')
    """
    for metric in METRICS:
        if metric.name == name:
            return metric
    unit: Unit = next((unit for unit in _UNITS if name.endswith(f"_{unit}")), "count")
    return Metric(name=name, title=name.replace("_", " "), unit=unit)


def figures_sampled(sampled: dict[str, float]) -> Iterator[tuple[Metric, float]]:
    """What of a process's samples is a figure, and not the place of a word."""
    for name, value in sampled.items():
        metric = metric_named(name)
        if not metric.places:
            yield metric, value


def together(sampled: dict[int, dict[str, float]]) -> dict[str, float]:
    """Of each metric what all processes have, by name, and what each has, as `name.process_id`.

    >>> together({1: {"threads": 2.0, "os_state": 1.0}, 7: {"threads": 3.0}})
    {'threads': 5.0, 'threads.1': 2.0, 'threads.7': 3.0}
    """
    total: dict[str, float] = {}
    own: dict[str, float] = {}
    for process_id, values in sampled.items():
        for metric, value in figures_sampled(values):
            own[f"{metric.name}.{process_id}"] = value
            if metric.together == "sum":
                total[metric.name] = total.get(metric.name, 0.0) + value
            elif metric.together == "max":
                total[metric.name] = max(total.get(metric.name, value), value)
    return total | own


def places_told() -> str:
    """Of the metrics whose figure is the place of a word, which number is which: a name that is stored means it.

    >>> places_told()
    '`os_state`: 0 waiting, 1 running, 2 stopped'
    """
    told = ((metric.name, enumerate(metric.places)) for metric in METRICS if metric.places)
    return "; ".join(f"`{name}`: {', '.join(f'{n} {word}' for n, word in places)}" for name, places in told)
