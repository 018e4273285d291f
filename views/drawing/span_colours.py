"""The colours of functions: a hue for the module, a lightness for the function in it.

A hue has no meaning of its own; a file has the same one in every view and every session, and two functions of a file
differ in lightness by the lines that they begin on. All have nearly the same strength, so that none stands out for
its colour, and can be written on in the colour of `on_span`.
"""

from __future__ import annotations

import functools
import hashlib
import math

from capture.events.definitions import SiteRow
from views.loop.state import Theme

CHROMA = 0.085
LIGHTNESS: dict[Theme, tuple[float, float]] = {
    "dark": (0.64, 0.79),
    "light": (0.70, 0.84),
    "contrast": (0.72, 0.88),
}
_GOLDEN = (5**0.5 - 1) / 2
_REDS = (-12.0, 52.0)
_HUES = 40
"""So many that few files share one; closer ones cannot be told apart."""


def site_colour(theme: Theme, site: SiteRow) -> str:
    """The colour of a function."""
    return span_colour(theme, site.file or site.module, site.line, site.function)


@functools.lru_cache(maxsize=4_096)
def module_colour(theme: Theme, module: str) -> str:
    """The hue of a module, as light as its functions are on average."""
    return rgb_of(sum(LIGHTNESS[theme]) / 2, CHROMA, _hue_of(module))


@functools.lru_cache(maxsize=65_536)
def span_colour(theme: Theme, module: str, line: int, function: str) -> str:
    """The colour of a function of a module; where its line is not known its name stands for it."""
    place = (line or _hashed(function)) * _GOLDEN % 1.0
    low, high = LIGHTNESS[theme]
    return rgb_of(low + (high - low) * place, CHROMA, _hue_of(module))


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
