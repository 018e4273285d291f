"""What is hot: figures of threads and functions in the stretch before the cursor, a row for each. No Qt.

The gutter's bars, the rows of the supervision map, floors and rooms of the building and its legend all ask here, and
`views.words.heat_steps` says what is much: one function over one stretch (`views.reading.recent_calls`), so that a
thread has one colour wherever it is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from dags.analyses.recent_calls import RecentCalls
from views.words.heat_steps import CALL_RATE, CPU_SHARE, HeatScale

FigureName = Literal["activity", "cpu"]
Float64 = npt.NDArray[np.float64]


class HeatFigure(NamedTuple):
    """One figure. `of`: its values by row of the recent calls, in the scale's unit; those of a thread add up.

    `bound`: what stands before a value that is the most it can be.
    """

    name: FigureName
    title: str
    scale: HeatScale
    of: Callable[[RecentCalls], Float64]
    bound: str = ""

    def text(self, value: float) -> str:
        """A value with its unit."""
        return f"{self.bound}{self.scale.text(value)}"

    def of_threads(self, calls: RecentCalls) -> dict[int, float]:
        """The value of each thread that ran in the stretch, by track id."""
        sums = np.bincount(calls.track_at, self.of(calls), len(calls.tracks))
        return dict(zip(calls.tracks.tolist(), sums.tolist(), strict=True))


HEAT_FIGURES: tuple[HeatFigure, ...] = (
    HeatFigure("activity", "by rate", CALL_RATE, lambda calls: calls.calls / max(calls.seconds, 1e-9)),
    HeatFigure("cpu", "by CPU", CPU_SHARE, lambda calls: calls.cpu_ns / max(calls.end_ns - calls.start_ns, 1), "≤ "),
)


def figure_named(name: str) -> HeatFigure:
    """The row of that name; the first where heat is something that calls do not have."""
    return next((row for row in HEAT_FIGURES if row.name == name), HEAT_FIGURES[0])
