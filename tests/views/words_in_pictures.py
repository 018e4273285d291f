"""Reads words in a picture, pixel by pixel: the words are painted once more, and looked for.

A word that is cut off or covered is not found. Same fonts, same machine, same pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter
from PySide6.QtWidgets import QApplication

from tests.views.pictures import pixels
from views.drawing.theme import colours, number_font, text_font
from views.loop.state import Theme

Packed = np.ndarray[Any, np.dtype[np.uint32]]
POINTS = (8.5, 9.5, 12.0)


class Page:
    """A picture to be read."""

    def __init__(self, image: QImage, theme: Theme = "dark") -> None:
        assert QApplication.instance() is not None, "fonts need an application: use the fixture qapp"
        self._pixels = _packed(image)
        values, counts = np.unique(self._pixels, return_counts=True)
        self._counts = dict(zip(values.tolist(), counts.tolist(), strict=True))
        self._theme = theme

    def missing(self, *texts: str) -> list[str]:
        """Those of the texts that cannot be read in one of our fonts and colours."""
        return [text for text in texts if not any(self._has(stamp) for stamp in _stamps(text, self._theme))]

    def _has(self, stamp: Packed) -> bool:
        """Whether the stamp is somewhere in it: candidates are sieved pixel by pixel, the rarest ones first."""
        high, wide = stamp.shape
        tall, broad = self._pixels.shape
        if high > tall or wide > broad:
            return False
        ys, xs = np.divmod(np.arange(high * wide), wide)
        rarity = [self._counts.get(int(value), 0) for value in stamp.ravel()]
        order = np.argsort(rarity, kind="stable")
        if rarity[order[0]] == 0:
            return False
        y, x = ys[order[0]], xs[order[0]]
        at_ys, at_xs = np.nonzero(self._pixels[y : tall - high + y + 1, x : broad - wide + x + 1] == stamp[y, x])
        for y, x in zip(ys[order[1:]], xs[order[1:]], strict=True):
            if not len(at_ys):
                return False
            fits = self._pixels[at_ys + y, at_xs + x] == stamp[y, x]
            at_ys, at_xs = at_ys[fits], at_xs[fits]
        return bool(len(at_ys))


def _stamps(text: str, theme: Theme) -> Iterator[Packed]:
    """The text as it may have been painted, the usual ways first."""
    shown = colours(theme)
    for font in _fonts():
        for ground in (shown.panel, shown.window, shown.raised, shown.selected):
            for ink in (shown.text, shown.muted, shown.healthy):
                yield _stamp(text, font, ink, ground)


def _fonts() -> Iterable[QFont]:
    kinds = (text_font, number_font)
    return [QApplication.font(), *(k(points, bold=bold) for k in kinds for points in POINTS for bold in (False, True))]


def _stamp(text: str, font: QFont, ink: str, ground: str) -> Packed:
    """The text on a ground, cut to the pixels that it colours."""
    metrics = QFontMetrics(font)
    image = QImage(metrics.horizontalAdvance(text) + 20, metrics.height() + 20, QImage.Format.Format_RGB32)
    image.fill(QColor(ground))
    painter = QPainter(image)
    painter.setFont(font)
    painter.setPen(QColor(ink))
    painter.drawText(QPointF(10, 10 + metrics.ascent()), text)
    painter.end()
    drawn = _packed(image)
    ys, xs = np.nonzero(drawn != drawn[0, 0])
    top, left = int(ys.min()), int(xs.min())
    return drawn[top : int(ys.max()) + 1, left : int(xs.max()) + 1]


def _packed(image: QImage) -> Packed:
    parts = pixels(image.convertToFormat(QImage.Format.Format_RGB32)).astype(np.uint32)
    packed: Packed = (parts << np.array([16, 8, 0], np.uint32)).sum(axis=2, dtype=np.uint32)
    return packed
