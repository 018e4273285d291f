"""A figure of a process that grows evenly until the end: a leak has that form.

The first quarter is the program's start, the last twentieth may be its end: they do not count. What is right and looks
alike: a program that fills its caches and then stays (a third of the rest is flat), one that goes up and down (the line
explains little), one that grows by little.
"""

from __future__ import annotations

from itertools import pairwise

from capture.events.metrics import Metric, metric_named
from capture.session.session import Session
from dags.analyses.growth import Growth, Kind, growth
from dags.detectors.finding import Finding

METRICS_ONLY: tuple[Kind, ...] = ("metric",)
START, END = 0.25, 0.95
"""The parts of the time between which a program is at work; a look at one that ends finds half of it gone."""
LEAST_SECONDS = 5.0
LEAST_SAMPLES = 20
LEAST_STEADINESS = 0.8
LEAST_SHARE = 0.1
LEAST_OF_LINE = 0.4
"""What each third must grow by, in parts of what the line through all says."""
LEAST_GROWN = {"bytes": 4 << 20, "count": 16.0}
"""By unit; what has another unit, such as percent, does not leak."""


def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
    """One finding for each figure that grows. The looks that prove it are no events, so it names none.

    Raises: SessionProblem.
    """
    processes = {row.process_id: row.name for row in session.processes()}
    found = []
    lasts_ns = range_ns[1] - range_ns[0]
    at_work_ns = range_ns[0] + int(lasts_ns * START), range_ns[0] + int(lasts_ns * END)
    for one in growth(session, at_work_ns, kinds=METRICS_ONLY):
        metric = metric_named(one.name)
        if _may_leak(one, metric) and _keeps_growing(session, one):
            who = f" of {processes[one.id]}" if len(processes) > 1 and one.id in processes else ""
            found.append(
                Finding(
                    kind="grows",
                    sentence=_sentence(f"{metric.title}{who}", one, metric),
                    score=round((1 + one.share) / 2 * one.steadiness, 3),
                    function="",
                    file="",
                    line=0,
                    event_ids=[],
                )
            )
    return found


def _may_leak(one: Growth, metric: Metric) -> bool:
    """Whether it grew by enough, evenly enough and long enough."""
    least = LEAST_GROWN.get(metric.unit)
    seconds = (one.last_ns - one.first_ns) / 1e9
    return (
        least is not None
        and seconds >= LEAST_SECONDS
        and one.samples >= LEAST_SAMPLES
        and one.steadiness >= LEAST_STEADINESS
        and one.share >= LEAST_SHARE
        and one.per_minute * seconds / 60 >= least
    )


def _keeps_growing(session: Session, whole: Growth) -> bool:
    """Whether each third of the time has a fair part of the growth."""
    edges = [whole.first_ns + (whole.last_ns - whole.first_ns) * part // 3 for part in range(4)]
    thirds = [
        one
        for ends in pairwise(edges)
        for one in growth(session, ends, kinds=METRICS_ONLY)
        if (one.name, one.id) == (whole.name, whole.id)
    ]
    return len(thirds) == 3 and all(third.per_minute >= LEAST_OF_LINE * whole.per_minute for third in thirds)


def _sentence(what: str, one: Growth, metric: Metric) -> str:
    """What happened.

    >>> told = {"kind": "metric", "name": "rss_bytes", "id": 1, "samples": 99, "steadiness": 1.0}
    >>> told |= {"lowest": 0.0, "highest": 0.0, "first_ns": 0, "last_ns": 90 * 10**9}
    >>> leak = Growth(**told, first=2.0**26, last=2.0**26 + 2.0**25, per_minute=2.0**24)
    >>> _sentence("Memory", leak, metric_named("rss_bytes"))
    'Memory grew evenly by +16.0 MiB/min for 90 s, from 64.0 MiB to 96.0 MiB.'
    """
    seconds = (one.last_ns - one.first_ns) / 1e9
    slope, first, last = (_figure(value, metric) for value in (one.per_minute, one.first, one.last))
    return f"{what} grew evenly by +{slope}/min for {seconds:.0f} s, from {first} to {last}."


def _figure(value: float, metric: Metric) -> str:
    return f"{value / (1 << 20):.1f} MiB" if metric.unit == "bytes" else f"{value:.3g}"
