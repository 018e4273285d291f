"""What is hot: four named steps of a figure with an absolute meaning, the same in every view. No Qt.

A thread that makes 80 calls a second is as green in the gutter as a room of the building, in this session and in the
next one. Nothing is red because it is at its own busiest. `views.drawing.heat` has the colours.

To colour by another figure: a row here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from views.words.figures import THIN, short_count, size_text

Step = Literal["cold", "healthy", "warm", "hot"]
STEPS: tuple[Step, ...] = ("cold", "healthy", "warm", "hot")


class HeatScale(NamedTuple):
    """One figure. `bounds`: where healthy, warm and hot begin. `text`: one of its values with the unit."""

    name: str
    title: str
    bounds: tuple[float, float, float]
    text: Callable[[float], str]

    def words(self) -> tuple[str, ...]:
        """The steps in words, from cold to hot.

        >>> [word.replace(THIN, " ") for word in CALL_RATE.words()]
        ['< 10 /s', '10 /s to 10k /s', '10k /s to 100k /s', '> 100k /s']
        """
        low, middle, high = (self.text(bound) for bound in self.bounds)
        return f"< {low}", f"{low} to {middle}", f"{middle} to {high}", f"> {high}"


CALL_RATE = HeatScale("calls", "calls per second", (10, 10_000, 100_000), lambda rate: f"{short_count(rate)}{THIN}/s")
CPU_SHARE = HeatScale("cpu", "share of one core", (0.05, 0.5, 0.9), lambda share: f"{share * 100:.0f}{THIN}%")
BYTE_RATE = HeatScale(
    "bytes", "bytes per second", (1 << 10, 64 << 10, 512 << 10), lambda rate: f"{size_text(round(rate))}/s"
)
RESIDENT = HeatScale("memory", "resident memory", (32 << 20, 1 << 30, 6 << 30), lambda size: size_text(round(size)))
HEAT_SCALES = (CALL_RATE, CPU_SHARE, BYTE_RATE, RESIDENT)


def steps_of(scale: HeatScale, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The place in STEPS of each value.

    >>> steps_of(CPU_SHARE, [0.0, 0.05, 0.6, 1.0]).tolist()
    [0, 1, 2, 3]
    """
    return np.searchsorted(np.array(scale.bounds), np.asarray(values, np.float64), side="right").astype(np.int64)


def step_of(scale: HeatScale, value: float) -> Step:
    """The step of one value.

    >>> step_of(CALL_RATE, 80), step_of(BYTE_RATE, 1_000_000)
    ('healthy', 'hot')
    """
    return STEPS[int(steps_of(scale, value))]
