"""What a set page of the inspector is: words, bands behind them and spots to press, in their places; and its painting.

Everything is painted as plain text. What a change took away is struck through, what it brought is underlined: the
colours only repeat that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from views.drawing.heat import faded
from views.drawing.theme import Colours, number_font, text_font
from views.inspector.sections import Row, SourcePlace
from views.loop.events import Event

PAD = 8.0
CHART = "chart"
CHANGE_ALPHA = 0.08
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
SourceKey = tuple[str, str]
"""A section and a row of it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Words to press, or a bar: an event to send, or a source to show or hide.

    `says`: more about it, for a pointer that rests on it. Spots of one `group` lie side by side: Left and Right go
    through them, Up and Down past them. `fold`: what opens or closes it, with `is_open` as it is now and its `level`
    among the lines of a tree. `by_key`: the keyboard gets to it.
    """

    box: QRectF
    text: str
    event: Event | None = None
    source: tuple[SourceKey, SourcePlace] | None = None
    says: str = ""
    group: str = ""
    fold: Event | None = None
    is_open: bool = False
    level: int = 0
    by_key: bool = True

    @property
    def can_be_pressed(self) -> bool:
        """Whether pressing it does anything."""
        return self.event is not None or self.source is not None

    def folding(self, fold: Event, is_open: bool, level: int) -> Spot:
        """The same of a line that can be opened and closed."""
        return replace(self, fold=fold, is_open=is_open, level=level)


@dataclass(slots=True)
class Words:
    """A piece of text in its place. `only_in`: as in Piece."""

    box: QRectF
    text: str
    colour: str
    font: QFont
    align: Qt.AlignmentFlag = LEFT
    only_in: str = "both"
    elide: Qt.TextElideMode | None = Qt.TextElideMode.ElideRight

    def is_cut(self) -> bool:
        """Whether its place is too small for it."""
        return self.elide is not None and QFontMetricsF(self.font).horizontalAdvance(self.text) > self.box.width() + 1


@dataclass(slots=True)
class Page:
    """All that is to be painted, from the top down; `rows` are where each row is."""

    width: float
    height: float = 0.0
    line_px: float = 0.0
    words: list[Words] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    bands: list[tuple[QRectF, str]] = field(default_factory=list)
    rows: list[tuple[QRectF, Row]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fonts:
    """With what a page is set: colours, fonts, the height of a line and the width of a letter of fixed width."""

    shown: Colours
    text: QFont
    bold: QFont
    mono: QFont
    mono_bold: QFont
    line_px: float
    wide_px: float

    @classmethod
    def of(cls, shown: Colours) -> Fonts:
        """Those of a theme, measured once."""
        text, mono = text_font(), number_font()
        line_px = QFontMetricsF(text).height() + 4
        wide_px = QFontMetricsF(mono).horizontalAdvance("0")
        return cls(shown, text, text_font(bold=True), mono, number_font(bold=True), line_px, wide_px)


def paint_page(painter: QPainter, page: Page, shown: Colours, top: float, bottom: float) -> None:
    """Paints what lies between two heights of the page."""
    for box, colour in page.bands:
        if box.bottom() >= top and box.top() <= bottom:
            painter.fillRect(box, QColor(colour))
    for words in page.words:
        if words.box.bottom() < top or words.box.top() > bottom:
            continue
        font = words.font
        if words.only_in != "both":
            painter.fillRect(words.box, QColor(shown.panel))
            painter.fillRect(words.box, faded(words.colour, CHANGE_ALPHA))
            font = QFont(words.font)
            font.setStrikeOut(words.only_in == "old")
            font.setUnderline(words.only_in == "new")
        painter.setFont(font)
        painter.setPen(QColor(words.colour))
        text = words.text
        if words.elide is not None:
            text = QFontMetricsF(font).elidedText(text, words.elide, words.box.width() + 1)
        painter.drawText(words.box, int(words.align) | int(Qt.TextFlag.TextSingleLine), text)
