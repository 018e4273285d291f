"""The colours of functions: a hue for the module, a lightness for the function in it.

A hue has no meaning of its own; a file has the same one in every view and every session. Its functions differ in how
light they are, by the lines that they begin on; one that would be as light as the next one above or below is made
another (`Places`). All have nearly the same strength, so that none stands out for its colour, and can be written on.
"""

from __future__ import annotations

import functools
import hashlib
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from capture.events.definitions import SiteRow
from views.loop.state import Theme

CHROMA = 0.085
LIGHTNESS: dict[Theme, tuple[float, float]] = {
    "dark": (0.64, 0.79),
    "light": (0.70, 0.84),
    "contrast": (0.72, 0.88),
}
APART, TRIES = 0.2, 16
"""How far the places of neighbours in a file are apart: two leave room for a third, which sixteen golden steps find."""
_GOLDEN = (5**0.5 - 1) / 2
_REDS = (-12.0, 52.0)
_HUES = 40
"""So many that few files share one; closer ones cannot be told apart."""


class Places:
    """How light each function of a session is, 0 to 1. Known functions keep theirs while others come."""

    def __init__(self) -> None:
        self._of_site: dict[int, float] = {}
        self._of_module: dict[str, list[tuple[int, float]]] = defaultdict(list)  # (line, place), by line

    def add(self, sites: Iterable[SiteRow]) -> None:
        """Finds a place for those that have none yet."""
        for site in sites:
            if site.site_id not in self._of_site:
                self._of_site[site.site_id] = self._found(site)

    def of(self, site_id: int) -> float:
        """The place of a function that was added."""
        return self._of_site[site_id]

    def colour(self, theme: Theme, site: SiteRow) -> str:
        """The colour of a function that was added."""
        return _shade(theme, site.file or site.module, self._of_site[site.site_id])

    def _found(self, site: SiteRow) -> float:
        """The first of a few places that is not near those of the functions beside it; else the farthest."""
        known = self._of_module[site.file or site.module]
        at = bisect_left(known, (site.line, -1.0))
        beside = [place for _, place in known[max(at - 1, 0) : at + 1]]
        first = _place_of(site.line, site.function)
        tried = [(first + step * _GOLDEN) % 1.0 for step in range(TRIES)]
        apart = [min((abs(place - other) for other in beside), default=1.0) for place in tried]
        best = next((step for step, away in enumerate(apart) if away >= APART), apart.index(max(apart)))
        known.insert(at, (site.line, tried[best]))
        return tried[best]


@functools.lru_cache(maxsize=4_096)
def module_colour(theme: Theme, module: str) -> str:
    """The hue of a module, as light as its functions are on average."""
    return rgb_of(sum(LIGHTNESS[theme]) / 2, CHROMA, _hue_of(module))


def span_colour(theme: Theme, module: str, line: int, function: str) -> str:
    """The colour of a function of a module that stands for itself."""
    return _shade(theme, module, _place_of(line, function))


@functools.lru_cache(maxsize=65_536)
def _shade(theme: Theme, module: str, place: float) -> str:
    low, high = LIGHTNESS[theme]
    return rgb_of(low + (high - low) * place, CHROMA, _hue_of(module))


def _place_of(line: int, function: str) -> float:
    """How light a function is at first; where its line is not known its name stands for it."""
    return (line or _hashed(function)) * _GOLDEN % 1.0


def rgb_of(lightness: float, chroma: float, hue: float) -> str:
    """#rrggbb of an OKLCH colour: equal lightness looks equally light, whatever the hue. Units: hue in degrees.

    Source: Björn Ottosson, "A perceptual color space for image processing", 2020.

    >>> rgb_of(0.0, 0.0, 0.0), rgb_of(1.0, 0.0, 0.0)
    ('#000000', '#ffffff')
    """
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    return "#" + bytes(_encoded(min(max(part, 0.0), 1.0)) for part in linear).hex()


def _hue_of(module: str) -> float:
    """One of the hues beside the reds: those mean hot and failed, also where they are pale."""
    first, last = _REDS
    return (last + _hashed(module) % _HUES * (360 - last + first) / _HUES) % 360


def _encoded(linear: float) -> int:
    """A part of sRGB as a byte."""
    part = 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
    return round(part * 255)


def _hashed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest(), "little")
