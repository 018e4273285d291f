"""How the building's quantities go through the visible stretch: how high rooms become, how fast floors grow. No Qt.

Moments spread over the stretch are looked at, each with the calls of the stretch before it, as a frame would. What they
cost is bounded, whatever is visible: MOMENTS of them, fewer where a program makes very many calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dags.analyses.recent_calls import Int64, RecentCalls, recent_calls
from views.building.measures import MEASURES
from views.reading.recent_calls import window_ns
from views.reading.source import Source

MOMENTS = 24
LEAST_FOR_SLOPE = 5
MINUTE_NS = 60_000_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment: by measure, the value of its highest room, and the total of each thread."""

    time_ns: int
    highest: Mapping[str, int]
    totals: Mapping[str, Mapping[int, int]]


@dataclass(frozen=True, slots=True)
class Trend:
    """What the moments say, in time order."""

    moments: Sequence[Moment] = field(default=())

    def peak(self, measure: str) -> int:
        """The value of the highest room at any of the moments; 0 when nothing is known."""
        return max((moment.highest.get(measure, 0) for moment in self.moments), default=0)

    def per_minute(self, measure: str, tracks: Iterable[int]) -> float | None:
        """How fast the total of these threads changes, per minute: the slope of a line through all moments.

        None with fewer than LEAST_FOR_SLOPE of them.
        """
        if len(self.moments) < LEAST_FOR_SLOPE:
            return None
        times = np.array([moment.time_ns for moment in self.moments], np.float64)
        totals = np.array(
            [sum(moment.totals[measure].get(track, 0) for track in tracks) for moment in self.moments], np.float64
        )
        away = times - times.mean()
        spread = float((away * away).sum())
        return float((away * (totals - totals.mean())).sum() / spread * MINUTE_NS) if spread else None


NO_TREND = Trend()


def moments_of(visible_ns: tuple[int, int], begin_ns: int, window: int) -> tuple[int, ...]:
    """The instants to look at: the ends of equal parts of the stretch, none before a whole window has passed.

    >>> moments_of((0, 48_000), 0, 1_000)[:3], moments_of((0, 100), 0, 1_000)
    ((2000, 4000, 6000), ())
    """
    start_ns, end_ns = visible_ns
    count = min(MOMENTS, max((end_ns - start_ns) // max(window, 1), 0))
    return tuple(
        at_ns
        for part in range(1, count + 1)
        if (at_ns := start_ns + (end_ns - start_ns) * part // count) - window >= begin_ns
    )


def moment_at(source: Source, time_ns: int) -> Moment:
    """What a moment says; a call that is still open then and ends later is not in it."""
    session = source.session
    window = 0 if session is None else window_ns(session, time_ns)
    start_ns = time_ns - window
    calls = recent_calls(
        source.calls_between(start_ns, time_ns),
        None,
        start_ns,
        time_ns,
        waits=source.waits_between(start_ns, time_ns),
        cpu_shares=source.cpu_shares_between(start_ns, time_ns),
    )
    return summed_up(calls)


def summed_up(calls: RecentCalls) -> Moment:
    """The highest room and the totals of each measure that is recorded."""
    values = {row.name: found for row in MEASURES if (found := row.of(calls)) is not None}
    at = calls.track_at
    return Moment(
        time_ns=calls.end_ns,
        highest={name: int(value.max(initial=0)) for name, value in values.items()},
        totals={name: _by_track(calls, at, value) for name, value in values.items()},
    )


def _by_track(calls: RecentCalls, at: Int64, value: Int64) -> dict[int, int]:
    sums = np.bincount(at, value, len(calls.tracks)).astype(np.int64)
    return dict(zip(calls.tracks.tolist(), sums.tolist(), strict=True))
