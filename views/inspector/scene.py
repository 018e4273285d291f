"""Lays the inspector's rows out for a width and paints them; says where the words to press are.

Everything is painted as plain text. What a change took away is struck through, what it brought is underlined: the
colours only repeat that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from views.drawing.heat import faded
from views.drawing.theme import Colours, number_font, text_font
from views.inspector.diff import Piece
from views.inspector.sections import Row, Section, SourcePlace
from views.inspector.source_lines import SourceLines
from views.inspector.wrapping import wrapped
from views.loop.events import Event

PAD = 8.0
LABEL_PX = 76.0
LABEL_SHARE = 0.4
"""Of a line, at least, for the label that it begins with."""
CHANGE_ALPHA = 0.08
APART_PX = 4.0  # between what went and what came: "12" and "19" are not 1219
MAX_VALUE_LINES = 4

_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
SourceKey = tuple[str, str]
"""A section and a row of it."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Words to press: an event to send, or a source to show or hide."""

    box: QRectF
    text: str
    event: Event | None = None
    source: tuple[SourceKey, SourcePlace] | None = None


@dataclass(slots=True)
class Words:
    """A piece of text in its place. `only_in`: as in Piece."""

    box: QRectF
    text: str
    colour: str
    font: QFont
    align: Qt.AlignmentFlag = _LEFT
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


class PageSetter:
    """Sets pages in one theme and width."""

    def __init__(self, shown: Colours, width: float) -> None:
        """Measures the fonts once."""
        self._shown, self._width = shown, width
        self._text, self._bold, self._mono = text_font(), text_font(bold=True), number_font()
        self._mono_bold = number_font(bold=True)
        self._ink = shown.text
        self._line = QFontMetricsF(self._text).height() + 4
        self._wide = QFontMetricsF(self._mono).horizontalAdvance("0")

    def page(
        self,
        sections: Sequence[Section],
        sources: Mapping[SourceKey, SourceLines],
        stack_lines: Mapping[SourceKey, str] | None = None,
    ) -> Page:
        """The page of these sections; `sources` are those that are shown, by section and row.

        `stack_lines`: one source line for each of the rows that have one shown.
        """
        page = Page(self._width, line_px=self._line)
        for section in sections:
            if page.height:
                page.height += 6
            band = QRectF(0, page.height, self._width, self._line + 4)
            page.bands.append((band, self._shown.raised))
            self._ink = self._shown.muted if section.is_old else self._shown.text
            page.words.append(Words(band.adjusted(PAD, 0, -PAD, 0), section.title, self._ink, self._bold))
            page.height = band.bottom() + 3
            columns = self._columns(section) if section.form == "lines" else (0.0, 0.0)
            for row in section.rows:
                top = page.height
                if section.form == "facts":
                    self._fact(page, section, row, sources)
                elif section.form == "lines":
                    self._one_line(page, row, columns)
                else:
                    self._entry(page, section, row)
                if stack_lines and (line := stack_lines.get((section.key, row.key))):
                    self._stack_line(page, line)
                self._source(page, sources.get((section.key, row.key)))
                box = QRectF(0, top, self._width, page.height - top)
                page.rows.append((box, row))
                if row.picked:
                    page.bands.append((box, self._shown.selected))
        return page

    def _fact(self, page: Page, section: Section, row: Row, sources: Mapping[SourceKey, SourceLines]) -> None:
        """One line: what it is, what it says, where it leads."""
        right = self._spots(page, section, row, page.height)
        text = "".join(piece.text for piece in row.pieces)
        label = QRectF(PAD, page.height, LABEL_PX if text else self._width, self._line)
        page.words.append(Words(label, row.label, self._shown.muted, self._text))
        if text:
            columns = int(max(right - LABEL_PX - PAD, 40) // self._wide)
            self._pieces(page, row.pieces, PAD + LABEL_PX, columns)
        else:
            page.height += self._line

    def _columns(self, section: Section) -> tuple[float, float]:
        """How wide the labels and the notes of a section are: as the widest; where not all find room, values give way
        to notes, and labels to both.
        """
        metrics, rows = QFontMetricsF(self._text), [row for row in section.rows if row.note or row.pieces]
        label = max((metrics.horizontalAdvance(row.label) for row in rows), default=0.0) + 2
        note = max((metrics.horizontalAdvance(row.note) for row in rows), default=0.0) + 2
        value = max((sum(len(piece.text) for piece in row.pieces) for row in rows), default=0) * self._wide + APART_PX
        room = self._width - 4 * PAD
        label = min(label, max(room * LABEL_SHARE, room - value - note))
        return label, min(note, max((room - label) / 2, room - label - value))

    def _one_line(self, page: Page, row: Row, columns: tuple[float, float]) -> None:
        """Label, value, note; the label is what is pressed."""
        label_px, note_px = columns if row.pieces or row.note else (self._width - 2 * PAD, 0.0)
        leads = bool(row.links)
        box = QRectF(PAD, page.height, label_px, self._line)
        colour = self._shown.accent if leads else self._ink if row.pieces or row.note else self._shown.muted
        page.words.append(Words(box, row.label, colour, self._text, elide=Qt.TextElideMode.ElideMiddle))
        if leads:
            page.spots.append(Spot(box, row.label, row.links[0].event))
        if row.note:
            note = QRectF(self._width - PAD - note_px, page.height, note_px, self._line)
            page.words.append(Words(note, row.note, self._shown.muted, self._text, _RIGHT))
        left = box.right() + PAD
        room = self._width - PAD - note_px - PAD - left
        if len(row.pieces) == 1:
            colour = self._ink if row.pieces[0].only_in == "both" else self._colour_of(row.pieces[0])
            value = QRectF(left, page.height, max(room, 0), self._line)
            page.words.append(Words(value, row.pieces[0].text, colour, self._mono, only_in=row.pieces[0].only_in))
        elif row.pieces:
            self._run(page, wrapped(row.pieces, int(room // self._wide), 1)[0], left)
        page.height += self._line

    def _entry(self, page: Page, section: Section, row: Row) -> None:
        """Two lines or more: name and note, then the value or the place, and where it leads.

        A note for which there is no room beside the name stands below the value, before the words to press: the name
        says which value it is, so it is the last to be cut.
        """
        font = self._mono_bold if row.pieces else self._text
        note_px = QFontMetricsF(self._text).horizontalAdvance(row.note) + 2 if row.note else 0.0
        below = QFontMetricsF(font).horizontalAdvance(row.label) + note_px + 3 * PAD > self._width and bool(row.note)
        head = QRectF(PAD, page.height, self._width - 2 * PAD - (0 if below else note_px), self._line)
        page.words.append(Words(head, row.label, self._ink, font, elide=Qt.TextElideMode.ElideMiddle))
        if row.note and not below:
            note = QRectF(self._width - PAD - note_px, page.height, note_px, self._line)
            page.words.append(Words(note, row.note, self._shown.muted, self._text, _RIGHT))
        page.height += self._line
        if not row.pieces and not row.links and not below:
            return
        at_spot, at_word, top = len(page.spots), len(page.words), page.height
        right = self._spots(page, section, row, top)
        beside = sum(len(piece.text) for piece in row.pieces) <= (right - 2 * PAD) / self._wide
        moved = page.words[at_word:]
        self._pieces(page, row.pieces, PAD * 2, int((self._width - 3 * PAD) // self._wide))
        if below or not beside:  # the value gets lines of its own, note and words to press the one below
            for spot, word in zip(page.spots[at_spot:], moved, strict=True):
                spot.box.moveTop(page.height)
                word.box = spot.box
            note = QRectF(PAD * 2, page.height, max(right - PAD * 2, 0), self._line)
            page.words += [Words(note, row.note, self._shown.muted, self._text)] * below
            page.height += self._line + 4
        else:
            page.height = max(page.height, top + self._line) + 4

    def _pieces(self, page: Page, pieces: tuple[Piece, ...], left: float, columns: int) -> None:
        for line in wrapped(pieces, columns, MAX_VALUE_LINES) or ((Piece(" "),),):
            self._run(page, line, left)
            page.height += self._line

    def _run(self, page: Page, pieces: tuple[Piece, ...], left: float) -> None:
        """Pieces beside each other."""
        for at, piece in enumerate(pieces):
            if piece.only_in == "new" and at and pieces[at - 1].only_in == "old":
                left += APART_PX
            width = QFontMetricsF(self._mono).horizontalAdvance(piece.text)
            box = QRectF(left, page.height, width + 1, self._line)
            colour = self._colour_of(piece)
            page.words.append(Words(box, piece.text, colour, self._mono, only_in=piece.only_in, elide=None))
            left += width

    def _colour_of(self, piece: Piece) -> str:
        return {"both": self._ink, "old": self._shown.hot, "new": self._shown.healthy}[piece.only_in]

    def _spots(self, page: Page, section: Section, row: Row, top: float) -> float:
        """Puts the row's links at the right end of a line; gives where they begin."""
        metrics, right = QFontMetricsF(self._text), self._width - PAD
        spots: list[tuple[str, Event | None, tuple[SourceKey, SourcePlace] | None]] = [
            (link.text, link.event, None) for link in row.links
        ]
        if row.source is not None:
            spots.append(("source", None, ((section.key, row.key), row.source)))
        for text, event, source in reversed(spots):
            width = metrics.horizontalAdvance(text) + 2
            box = QRectF(right - width, top, width, self._line)
            page.words.append(Words(box, text, self._shown.accent, self._text))
            page.spots.append(Spot(box, text, event, source))
            right = box.left() - 12
        return right

    def _stack_line(self, page: Page, line: str) -> None:
        """The line that runs, below the place that names it."""
        page.height -= 4
        box = QRectF(PAD * 2, page.height, self._width - 3 * PAD, self._line)
        page.bands.append((box.adjusted(-4, 0, 0, 0), self._shown.window))
        page.words.append(Words(box, line, self._shown.text, self._mono))
        page.height += self._line + 6

    def _source(self, page: Page, source: SourceLines | None) -> None:
        if source is None:
            return
        digits = len(str(source.first + len(source.lines)))
        top = page.height
        lines = [f"{source.first + at:{digits}d}  {line}" for at, line in enumerate(source.lines)]
        for line, font in [*((line, self._mono) for line in lines), *([(source.note, self._text)] * bool(source.note))]:
            box = QRectF(PAD * 2, page.height, self._width - 3 * PAD, self._line)
            page.words.append(Words(box, line, self._shown.text if font is self._mono else self._shown.warning, font))
            page.height += self._line
        page.bands.append((QRectF(PAD, top, self._width - 2 * PAD, page.height - top), self._shown.window))


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
