"""Which slot of a floor belongs to which function, so that a room stays where it is. No Qt.

A module takes plots of four slots as its functions appear; when a plot is full it takes another one at the end. What
has a slot keeps it, however the session grows, and a session seen live looks as it will when it is opened again.

       orders.fraud      orders.model      orders.fraud
    [ check looks _ _ ][ total add pay _ ][ ...

With more than MAX_STEADY_SLOTS functions in a session only those that run have one, in a table twice as large as they
are many, at a place that depends on their id alone: a room moves only when another one wants the same slot.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from capture.events.definitions import SiteRow
from dags.analyses.recent_calls import Int64

PLOT = 4
MAX_STEADY_SLOTS = 4_096
_SPREAD = 2_654_435_761  # Knuth, The Art of Computer Programming 3, 6.4: the golden ratio of 2**32


class Places:
    """The slots of the functions that a session has so far."""

    def __init__(self, sites: Mapping[int, SiteRow]) -> None:
        """Lays the plots out, in the order in which the functions appeared."""
        self.sites = sites
        self._slot_of: dict[int, int] = {}
        self._end = 0
        plots: dict[tuple[str, str], tuple[int, int]] = {}  # module: the next free slot, the plot's end
        for site_id in sorted(sites) if len(sites) <= MAX_STEADY_SLOTS else ():
            row = sites[site_id]
            slot, end = plots.get((row.module, row.file), (0, 0))
            if slot == end:
                slot, end = self._end, self._end + PLOT
                self._end = end
            self._slot_of[site_id] = slot
            plots[row.module, row.file] = slot + 1, end

    def slots(self, site_ids: Int64) -> tuple[Int64, int]:
        """Each function's slot, and how many slots there are.

        Shape: one slot per entry of site_ids; the same function has the same slot.
        """
        used, at = np.unique(site_ids, return_inverse=True)
        slot_of, end = (self._slot_of, self._end) if self._slot_of else ({}, 0)
        if len(self.sites) > MAX_STEADY_SLOTS:
            slot_of, end = _spread(used.tolist())
        unknown = [site for site in used.tolist() if site not in slot_of]
        slots = np.array([slot_of.get(site, 0) for site in used.tolist()], np.int64)
        if unknown:  # named by no definition: behind all others
            slots[np.isin(used, unknown)] = end + np.arange(len(unknown))
        return slots[at], rounded_up(end + len(unknown))


def rounded_up(count: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, 24, ...: a few more slots or floors must not lay everything out anew.

    >>> [rounded_up(count) for count in (0, 5, 9, 48, 49, 1000)]
    [1, 6, 12, 48, 64, 1024]
    """
    size = 1
    while size < count:
        size = size * 3 // 2 if size & (size - 1) == 0 and size > 1 else 1 << size.bit_length()
    return size


def _spread(used: list[int]) -> tuple[dict[int, int], int]:
    """Slots by open addressing."""
    size = 1 << max(10, (2 * len(used)).bit_length())
    taken: set[int] = set()
    slot_of = {}
    for site_id in used:
        slot = (site_id * _SPREAD >> 7) % size
        while slot in taken:
            slot = (slot + 1) % size
        taken.add(slot)
        slot_of[site_id] = slot
    return slot_of, size
