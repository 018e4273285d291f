"""What a recording took of its program's CPU time: the figure that is stored and shown.

`scope_gui/recording/overhead.py` finds it while the program runs.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

Proportion = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]

WORTH_NAMING: Final = 0.01
"""What less of the CPU time goes to code that is left out is not told apart."""


class Overhead(msgspec.Struct, frozen=True):
    """Shares of the program's CPU time: of all that recording took, and of that, for code that is left out."""

    whole: Proportion
    left_out: Proportion = 0.0


def told_overhead(overhead: Overhead, of_what: str = "") -> str:
    """The figure in words.

    >>> told_overhead(Overhead(0.123, 0.04), " of the program's CPU time")
    "12.3% of the program's CPU time, 4.0% of it for code that is left out"
    """
    for_left_out = f", {overhead.left_out:.1%} of it for code that is left out"
    return f"{overhead.whole:.1%}{of_what}{for_left_out if overhead.left_out >= WORTH_NAMING else ''}"
