"""Which words of a page a key leads to. Spots are in reading order. No Qt is needed for it.

Up and Down go from line to line, past the other bars of a chart and past what only the mouse presses; Left and Right
go from bar to bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Reachable(Protocol):
    """What of a spot matters here."""

    @property
    def by_key(self) -> bool: ...
    @property
    def group(self) -> str: ...
    @property
    def level(self) -> int: ...


def next_spot(spots: Sequence[Reachable], at: int | None, by: int) -> int:
    """The next spot in that direction that lies in no chart that one is in; where there is none, that one stays."""
    here = -1 if at is None and by > 0 else at or 0
    group = "" if at is None or not 0 <= at < len(spots) else spots[at].group
    there = here + by
    while 0 <= there < len(spots):
        if spots[there].by_key and not (group and spots[there].group == group):
            return there
        there += by
    return max(0, min(here, len(spots) - 1))


def next_in_group(spots: Sequence[Reachable], at: int, by: int) -> int:
    """The next one of the same group, else this one."""
    there = at + by
    while 0 <= there < len(spots) and spots[there].group == spots[at].group:
        if spots[there].by_key:
            return there
        there += by
    return at


def caller_of(spots: Sequence[Reachable], at: int) -> int:
    """The line of a tree that this one is below of, else this one."""
    for there in range(at - 1, -1, -1):
        if spots[there].by_key and spots[there].level < spots[at].level:
            return there
    return at
