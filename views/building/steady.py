"""What has a place in the building keeps it: slots of functions, floors of threads, for a minute of a session. No Qt.

A wing is a module, a slot a function of it. What holds something for the first time takes a free slot of its module's
wing, or a new one at the wing's end; wings grow in steps, so that a few more functions move nothing. What has held
nothing for KEPT_NS of the session, before or after, gives its slot up.

     audit       service                  inventory
    [ a _ ]     [ b c d e f g _ _ ]      [ h i j _ ]
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from capture.events.definitions import SiteRow

KEPT_NS = 60_000_000_000
CORRIDOR = 0.5
_Key = TypeVar("_Key", bound=Hashable)


class Lately(Generic[_Key]):
    """Which keys were seen within KEPT_NS of an instant."""

    def __init__(self) -> None:
        self._last_ns: dict[_Key, int] = {}

    def see(self, keys: Iterable[_Key], now_ns: int) -> None:
        """Remembers that they are there now, and forgets what is too far away."""
        self._last_ns = {key: at_ns for key, at_ns in self._last_ns.items() if abs(now_ns - at_ns) <= KEPT_NS}
        self._last_ns.update(dict.fromkeys(keys, now_ns))

    def __contains__(self, key: _Key) -> bool:
        return key in self._last_ns


@dataclass(frozen=True, slots=True)
class Wing:
    """One module's part of every floor; `file`: where its functions are. Units: slots, from the left end."""

    module: str
    file: str
    x: float
    width: float


class Wings:
    """The slots of a building over time."""

    def __init__(self) -> None:
        self._lately: Lately[int] = Lately()
        self._slots: dict[str, list[int | None]] = {}

    def place(
        self, held: Sequence[int], sites: Mapping[int, SiteRow], now_ns: int
    ) -> tuple[dict[int, float], tuple[Wing, ...], float]:
        """Where each function's slot begins that holds something now, the wings from left to right, the whole width.

        `held`: site ids.
        """
        self._lately.see(held, now_ns)
        for module, slots in list(self._slots.items()):
            _give_up(slots, self._lately)
            if not slots:
                del self._slots[module]
        there = {site for slots in self._slots.values() for site in slots}
        for site in sorted(set(held) - there):
            slots = self._slots.setdefault(_module_of(site, sites), [])
            at = next((at for at, one in enumerate(slots) if one is None), len(slots))
            slots[at : at + 1] = [site]
        return self._laid_out(sites)

    def _laid_out(self, sites: Mapping[int, SiteRow]) -> tuple[dict[int, float], tuple[Wing, ...], float]:
        place: dict[int, float] = {}
        wings, x = [], 0.0
        for module, slots in self._slots.items():
            width = float(rounded_up(len(slots)))
            known = next((sites[site] for site in slots if site is not None and site in sites), None)
            wings.append(Wing(module, known.file if known is not None else "", x, width))
            place.update({site: x + at for at, site in enumerate(slots) if site is not None})
            x += width + CORRIDOR
        return place, tuple(wings), max(x - CORRIDOR, 1.0)


class Memory:
    """What one view of one session remembers of where things stood."""

    def __init__(self) -> None:
        self.wings = Wings()
        self.floors: Lately[int] = Lately()


def _give_up(slots: list[int | None], lately: Lately[int]) -> None:
    """Empties the slots of what has gone; closes the gaps as soon as the wing becomes smaller by that."""
    slots[:] = [site if site is not None and site in lately else None for site in slots]
    full = [site for site in slots if site is not None]
    if rounded_up(len(full)) < rounded_up(len(slots)):
        slots[:] = full


def _module_of(site: int, sites: Mapping[int, SiteRow]) -> str:
    row = sites.get(site)
    return "" if row is None else row.module or row.file


def rounded_up(count: int) -> int:
    """The next of 0, 1, 2, 3, 4, 6, 8, 12, 16, 24, ...: a few more must not move what is there.

    >>> [rounded_up(count) for count in (0, 1, 5, 9, 48, 49, 1000)]
    [0, 1, 6, 12, 48, 64, 1024]
    """
    size = 0
    while size < count:
        size = (size * 3 // 2 if size & (size - 1) == 0 and size > 1 else 1 << size.bit_length()) if size else 1
    return size
