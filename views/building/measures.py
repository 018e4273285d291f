"""What a room's height can mean: a row for each. Buttons, commands, words, the filter's sizes derive. No Qt.

To add one: a row here. What a session does not record gives None: then there is no such row for it. That is where bytes
will come in, from allocations, as soon as they are recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dags.analyses.recent_calls import Int64, RecentCalls
from views.words.figures import THIN, duration_text, short_count

Float64 = npt.NDArray[np.float64]
_MS = 1_000_000


class Measure(NamedTuple):
    """A quantity that a room is as high as.

    `of`: the values by row of the recent calls, None where they are not recorded. `says`: what it is, in a clause that
    goes on with "in the last second"; `note`: more about that. `text`: a value with its unit. `sizes`: what the filter
    offers as least values.
    """

    name: str
    title: str
    says: str
    of: Callable[[RecentCalls], Int64 | None]
    text: Callable[[int], str]
    sizes: tuple[int, ...]
    note: str = ""

    def figure(self, value: int) -> str:
        """A value without the words of its unit, for a column that says it at its head.

        >>> [MEASURES[0].figure(count) for count in (1, 2_000)]
        ['1', '2k']
        """
        return self.text(value).removesuffix(" calls").removesuffix(" call")


MEASURES: tuple[Measure, ...] = (
    Measure(
        "calls",
        "Calls",
        "calls begun",
        lambda calls: calls.calls,
        lambda count: f"{short_count(count)} calls" if count != 1 else "1 call",
        (10, 100, 1_000, 10_000),
    ),
    Measure(
        "time",
        "Own time",
        "own time",
        lambda calls: calls.own_ns,
        duration_text,
        (_MS, 10 * _MS, 100 * _MS),
        "waiting included",
    ),
    Measure(
        "cpu",
        "CPU",
        "CPU at most",
        lambda calls: calls.cpu_ns,
        lambda ns: f"≤{THIN}{duration_text(ns)}",
        (_MS, 10 * _MS, 100 * _MS),
        "own time without the waits that were seen, and no more than the process has used",
    ),
)


def measure_named(name: str) -> Measure:
    """The row of that name, the first for one that is not here any more."""
    return next((row for row in MEASURES if row.name == name), MEASURES[0])


def full_height(peak: int) -> int:
    """The value at full height for a largest value: three times a round number, so that its thirds are round.

    >>> [full_height(peak) for peak in (0, 1, 125, 134, 997_000_000)]
    [3, 3, 150, 150, 1200000000]
    """
    power = 1
    while True:
        for third in (1, 2, 3, 4, 5, 6, 8):
            if 3 * third * power >= peak:
                return 3 * third * power
        power *= 10
