"""What recording will cost, by the version of the interpreter: said before anything is touched.

Units: how many times as long a loop takes in which nothing else happens, so these are the worst cases.
Source: calls of an empty function, bare and recorded, and the left-out loops of agent/_scope_costs.py as each agent
reports them (`cost` in its first message), on a shared two-core machine, 2026-11-26; `make bench` has whole programs
(`overhead`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from capture.target.pythons import Minor


@dataclass(frozen=True, slots=True)
class ExpectedCost:
    """Times of loops: calls of recorded functions, of left-out ones, exceptions in left-out code."""

    recorded_calls: float
    left_out_calls: float
    left_out_raises: float


BY_MINOR: Final[dict[Minor, ExpectedCost]] = {
    (3, 10): ExpectedCost(1.8, 1.1, 1.0),
    (3, 11): ExpectedCost(1.9, 1.4, 1.2),
    (3, 12): ExpectedCost(2.5, 1.0, 1.3),
    (3, 13): ExpectedCost(2.7, 1.0, 1.4),
    (3, 14): ExpectedCost(2.4, 1.0, 1.4),
    (3, 15): ExpectedCost(2.5, 1.0, 1.4),
}


def told_for(minor: Minor) -> str:
    """One sentence; empty for a version that is not known.

    >>> told_for((3, 14))
    'loops of recorded calls take up to 2.4 times as long; of left-out calls 1.0, of left-out exceptions 1.4'
    """
    cost = BY_MINOR.get(minor)
    if cost is None:
        return ""
    return (
        f"loops of recorded calls take up to {cost.recorded_calls} times as long; "
        f"of left-out calls {cost.left_out_calls}, of left-out exceptions {cost.left_out_raises}"
    )
