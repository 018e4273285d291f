"""Heat as views paint it: levels with a meaning, and how strongly a colour is laid on.

Colour is never the only sign: whoever paints with these also writes the figure or draws a height.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QColor

from views.drawing.theme import Colours, colours, is_dark
from views.loop.state import Theme


def level_colour(level: str, shown: Colours) -> QColor:
    """The colour of hot, warm, healthy, cold or unknown."""
    names = {"hot": shown.hot, "warm": shown.warning, "healthy": shown.healthy, "cold": shown.cold}
    return QColor(names.get(level, shown.muted))


@lru_cache(maxsize=4)
def step_colours(theme: Theme) -> tuple[QColor, ...]:
    """The colours of `views.words.heat_steps.STEPS`, for grounds and walls: nothing is written in these."""
    return tuple(QColor(name) for name in colours(theme).heat)


def faded(colour: QColor | str, opacity: float) -> QColor:
    """The colour, that much of it."""
    made = QColor(colour)
    made.setAlphaF(opacity)
    return made


def darker(colour: QColor, theme: Theme, share: float) -> QColor:
    """The colour in the shade: that much of it turned into the theme's window."""
    ground = QColor(colours(theme).window if is_dark(theme) else colours(theme).text)
    return QColor(
        round(colour.red() + (ground.red() - colour.red()) * share),
        round(colour.green() + (ground.green() - colour.green()) * share),
        round(colour.blue() + (ground.blue() - colour.blue()) * share),
    )
