"""A target's ticks as session time: straight lines between the clock pairs that the recorder took.

Ticks of a TSC drift against CLOCK_MONOTONIC by parts per million; fresh pairs every few milliseconds keep the error
below the pair's own. The same ticks and pairs always give the same nanoseconds, whatever was asked before.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from capture.decode.record_bytes import session_ns
from capture.events.batch import Int64
from capture.session.format import Time

MAX_PAIRS = 2048
MAX_NS = 1 << 61  # further than any clock gets; keeps hostile ticks inside int64


class ClockPairs(msgspec.Struct):
    """Ticks and session ns read at the same instants, both strictly ascending; `complete_ns` as far as all is known."""

    ticks: list[Annotated[int, msgspec.Meta(ge=0)]] = []
    session_ns: list[Time] = []
    complete_ns: Time = -MAX_NS


class Timebase:
    """Maps the ticks of one process to the session clock, monotonically."""

    def __init__(self, pairs: ClockPairs | None = None) -> None:
        self.pairs = pairs or ClockPairs()

    @property
    def known(self) -> bool:
        return bool(self.pairs.ticks)

    def add(self, ticks: int, session_ns: int) -> None:
        """Takes one more pair; one that would turn time back is left out."""
        pairs = self.pairs
        if pairs.ticks and (ticks <= pairs.ticks[-1] or session_ns <= pairs.session_ns[-1]):
            return
        pairs.ticks.append(ticks)
        pairs.session_ns.append(session_ns)

    def prune(self, oldest_ticks: int | None) -> None:
        """Forgets pairs that lie before everything still waiting to be mapped."""
        pairs = self.pairs
        keep = 16 if oldest_ticks is None else len(pairs.ticks) - bisect_right(pairs.ticks, oldest_ticks) + 16
        if len(pairs.ticks) > (excess := min(keep, MAX_PAIRS)):
            del pairs.ticks[:-excess], pairs.session_ns[:-excess]

    def ns_of(self, ticks: npt.NDArray[np.uint64]) -> Int64:
        """Session ns of each tick; before the first and after the last pair the nearest line goes on.

        With no pair yet, ticks count as nanoseconds from the first one; with one pair, as nanoseconds around it.
        """
        known = self.pairs
        if not len(ticks):
            return np.empty(0, np.int64)
        if not known.ticks:
            return _clipped(ticks, int(ticks[0]), 0, 1.0)
        if len(known.ticks) == 1:
            return _clipped(ticks, known.ticks[0], known.session_ns[0], 1.0)
        if int(ticks[0]) >= known.ticks[-2] and int(ticks.min()) >= known.ticks[-2]:
            return _clipped(ticks, known.ticks[-2], known.session_ns[-2], self._slope(len(known.ticks) - 2))
        base, base_ns = np.array(known.ticks, np.uint64), np.array(known.session_ns, np.int64)
        return session_ns(ticks, base, base_ns, np.diff(base_ns) / np.diff(base).astype(np.float64))

    def ns_of_one(self, tick: int) -> int:
        """The same for one tick, without arrays: 1 us."""
        known = self.pairs
        if len(known.ticks) < 2:
            return int(self.ns_of(np.array([tick], np.uint64))[0])
        line = min(max(bisect_right(known.ticks, tick) - 1, 0), len(known.ticks) - 2)
        offset = (tick - known.ticks[line] + (1 << 63)) % (1 << 64) - (1 << 63)  # wraps as the arrays do
        return known.session_ns[line] + int(min(max(round(offset * self._slope(line)), -MAX_NS), MAX_NS))

    def _slope(self, line: int) -> float:
        known = self.pairs
        return (known.session_ns[line + 1] - known.session_ns[line]) / (known.ticks[line + 1] - known.ticks[line])


def _clipped(ticks: npt.NDArray[np.uint64], base: int, base_ns: int, slope: float) -> Int64:
    offset = (ticks - np.uint64(base)).view(np.int64)
    span = np.clip(np.rint(offset * slope), -float(MAX_NS), float(MAX_NS))
    result: Int64 = span.astype(np.int64) + base_ns
    return result
