"""What a view looks like as a picture: the widget's own pixels under a title, over the legend of its signs.

    ┌ orders.scope · Timeline ───────────── 00:01.250 000 000 · recorded ┐   TITLE_PX, twice that where it is narrow
    │ the widget, pixel by pixel as it is on the screen                  │
    └ ▨ lost events   ▬ left by an exception   ...                       ┘   as high as the signs need

Nothing here knows of files or sizes of paper; who wants a picture sizes the widget with `body_size` first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import msgspec
from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QImage, QPainter
from PySide6.QtWidgets import QWidget

from views.drawing.legend import Sign, legend_height, paint_signs
from views.drawing.theme import colours, number_font, qcolor, text_font
from views.loop.state import Theme
from views.words.figures import clock_text
from views.words.plain_text import plain

TITLE_PX = 28
NARROW_PX = 520
PAD_PX = 10.0
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)


@runtime_checkable
class HasPose(Protocol):
    """A view that keeps for itself how it is looked at: where it is scrolled to, from which side it is seen."""

    def pose(self) -> Any:
        """How it is looked at, for another view of its kind."""

    def take_pose(self, pose: Any) -> None:
        """Is looked at in that way, as far as its size allows."""


class Caption(msgspec.Struct, frozen=True, kw_only=True):
    """What the title says."""

    session: str
    view: str
    time_ns: int
    live: bool = False


def body_size(size: QSize, signs: Sequence[Sign]) -> QSize:
    """How large the widget has to be for the whole picture to have that size."""
    return size - QSize(0, title_height(size.width()) + legend_height(signs, size.width()))


def title_height(width: int) -> int:
    """One line, or two where time and name would not fit side by side."""
    return TITLE_PX if width >= NARROW_PX else 2 * TITLE_PX - 8


def pixels_of(widget: QWidget, ratio: float = 1.0) -> QImage:
    """The widget as it looks; `ratio` device pixels to one of its own."""
    image = QImage(widget.size() * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(widget.palette().window().color())
    widget.render(image, QPoint())
    return image


def with_title(body: QImage, caption: Caption, signs: Sequence[Sign], theme: Theme) -> QImage:
    """The picture of a view, with its title above and the legend below."""
    ratio = body.devicePixelRatio()
    size = QSize(round(body.width() / ratio), round(body.height() / ratio))
    image = QImage(size_with_title(size, signs) * ratio, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    painter = QPainter(image)
    painter.drawImage(QPoint(0, title_height(size.width())), body)
    paint_around(painter, size, caption, signs, theme)
    painter.end()
    return image


def size_with_title(body: QSize, signs: Sequence[Sign]) -> QSize:
    """How large the picture is of a view of that size."""
    return body + QSize(0, title_height(body.width()) + legend_height(signs, body.width()))


def paint_around(painter: QPainter, body: QSize, caption: Caption, signs: Sequence[Sign], theme: Theme) -> None:
    """Paints the title above a view of that size, and the legend below it."""
    wide, above = body.width(), title_height(body.width())
    paint_title(painter, caption, QRectF(0, 0, wide, above), theme)
    paint_signs(painter, signs, QRectF(0, above + body.height(), wide, legend_height(signs, wide)), theme)


def paint_title(painter: QPainter, caption: Caption, area: QRectF, theme: Theme) -> None:
    """Session and view to the left, time and status to the right; the session's name gives way first."""
    shown = colours(theme)
    painter.fillRect(area, qcolor(shown.window))
    painter.setPen(qcolor(shown.line))
    painter.drawLine(area.bottomLeft() - QPoint(0, 1), area.bottomRight() - QPoint(0, 1))
    inside = area.adjusted(PAD_PX, 0, -PAD_PX, 0)
    narrow = area.height() > TITLE_PX
    upper = QRectF(inside.left(), inside.top() + (2 if narrow else 0), inside.width(), TITLE_PX - (5 if narrow else 1))
    lower = upper.translated(0, TITLE_PX - 8) if narrow else upper
    status = "● live" if caption.live else "recorded"
    bold, words, digits = text_font(bold=True), text_font(), number_font()
    right = _paint_word(painter, lower, (status, words, shown.healthy), to_right=True) + 14
    clock = (clock_text(caption.time_ns), digits, shown.text)
    right += _paint_word(painter, lower.adjusted(0, 0, -right, 0), clock, to_right=True)
    view = f"·  {caption.view}"
    free = upper.width() - QFontMetricsF(words).horizontalAdvance(view) - 8 - (0 if narrow else right + 14)
    elided = QFontMetricsF(bold).elidedText(plain(caption.session, 300), Qt.TextElideMode.ElideMiddle, free)
    left = _paint_word(painter, upper, (elided, bold, shown.text)) + 8
    _paint_word(painter, upper.adjusted(left, 0, 0, 0), (view, words, shown.muted))


def _paint_word(painter: QPainter, area: QRectF, word: tuple[str, QFont, str], *, to_right: bool = False) -> int:
    """Paints (text, font, colour) and says how wide it is."""
    text, font, colour = word
    wide = math.ceil(QFontMetricsF(font).horizontalAdvance(text))
    painter.setFont(font)
    painter.setPen(qcolor(colour))
    box = QRectF(round(area.right() - wide) if to_right else area.left(), area.top(), wide + 1, area.height())
    painter.drawText(box, _LEFT, text)
    return wide
