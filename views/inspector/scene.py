"""Lays the inspector's rows out for a width; says where the words to press are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF

from views.drawing.theme import Colours
from views.inspector.diff import Piece
from views.inspector.scene_lists import column_widths, set_chart, set_heads, set_table_row
from views.inspector.scene_page import PAD, RIGHT, Fonts, Page, SourceKey, Spot, Words
from views.inspector.sections import Row, Section, SourcePlace
from views.inspector.source_lines import SourceLines
from views.inspector.wrapping import broken, wrapped
from views.loop.events import Event

LABEL_PX = 76.0
LABEL_SHARE = 0.4
"""Of a line, at least, for the label that it begins with."""
APART_PX = 4.0  # between what went and what came: "12" and "19" are not 1219
MAX_VALUE_LINES = 4
FEWEST_LETTERS = 18
"""Of a fact in a line, where there are more; else what it leads to has a line of its own."""


class PageSetter:
    """Sets pages in one theme and width."""

    def __init__(self, shown: Colours, width: float) -> None:
        """Measures the fonts once."""
        self._shown, self._width = shown, width
        self._fonts, self._ink = Fonts.of(shown), shown.text
        self._text, self._mono, self._mono_bold = self._fonts.text, self._fonts.mono, self._fonts.mono_bold
        self._line, self._wide = self._fonts.line_px, self._fonts.wide_px

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
            widths = column_widths(section, self._fonts, self._width)
            heads_px = set_heads(page, section, band, widths, self._fonts)
            title = band.adjusted(PAD, 0, -PAD - heads_px, 0)
            page.words.append(Words(title, section.title, self._ink, self._fonts.bold))
            page.height = band.bottom() + 3
            if section.chart is not None:
                set_chart(page, section, section.chart, self._fonts)
            columns = self._columns(section) if section.form == "lines" else (0.0, 0.0)
            for row in section.rows:
                top = page.height
                if section.form == "facts" or (section.form == "table" and row.links):
                    self._fact(page, section, row)
                elif section.form == "lines":
                    self._one_line(page, row, columns)
                elif section.form == "table":
                    set_table_row(page, section, row, widths, self._fonts)
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

    def _fact(self, page: Page, section: Section, row: Row) -> None:
        """What it is, what it says, where it leads: in a line. What leads on has lines of its own where there is no
        room for it, and where not even the value has room beside its label it is set as an entry.
        """
        text, left = "".join(piece.text for piece in row.pieces), PAD + LABEL_PX
        whole = int((self._width - PAD - left) // self._wide)
        if text and whole < FEWEST_LETTERS:
            self._entry(page, section, row)
            return
        if not (text or row.links or row.source):
            self._sentence(page, row.label, self._shown.muted)
            return
        label = QRectF(PAD, page.height, LABEL_PX if text else self._width, self._line)
        page.words.append(Words(label, row.label, self._shown.muted, self._text))
        at_spot, at_word, top = len(page.spots), len(page.words), page.height
        right, lines = self._spots(page, section, row, top)
        spots, words = page.spots[at_spot:], page.words[at_word:]
        if not text:
            page.height += lines * self._line
            return
        is_crowded = lines > 1 or left + min(len(text), FEWEST_LETTERS) * self._wide > right
        self._pieces(page, row.pieces, left, whole if is_crowded else int((right - left) // self._wide))
        if is_crowded:
            _move_down(spots, words, page.height - top)
            page.height += lines * self._line

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
            page.words.append(Words(note, row.note, self._shown.muted, self._text, RIGHT))
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
        if not (row.pieces or row.links or row.note or row.source):
            self._sentence(page, row.label, self._ink)
            return
        font = self._mono_bold if row.pieces else self._text
        note_px = QFontMetricsF(self._text).horizontalAdvance(row.note) + 2 if row.note else 0.0
        below = QFontMetricsF(font).horizontalAdvance(row.label) + note_px + 3 * PAD > self._width and bool(row.note)
        head = QRectF(PAD, page.height, self._width - 2 * PAD - (0 if below else note_px), self._line)
        page.words.append(Words(head, row.label, self._ink, font, elide=Qt.TextElideMode.ElideMiddle))
        if row.note and not below:
            note = QRectF(self._width - PAD - note_px, page.height, note_px, self._line)
            page.words.append(Words(note, row.note, self._shown.muted, self._text, RIGHT))
        page.height += self._line
        if not row.pieces and not row.links and not below:
            return
        at_spot, at_word, top = len(page.spots), len(page.words), page.height
        right, lines = self._spots(page, section, row, top)
        beside = lines == 1 and sum(len(piece.text) for piece in row.pieces) <= (right - 2 * PAD) / self._wide
        spots, words = page.spots[at_spot:], page.words[at_word:]
        self._pieces(page, row.pieces, PAD * 2, int((self._width - 3 * PAD) // self._wide))
        if below or not beside:  # the value gets lines of its own, note and words to press those below
            is_alone = below and (lines > 1 or note_px > right - 2 * PAD)
            room = self._width - 3 * PAD if is_alone else max(right - PAD * 2, 0)
            note = QRectF(PAD * 2, page.height, room, self._line)
            page.words += [Words(note, row.note, self._shown.muted, self._text)] * below
            page.height += self._line * is_alone
            _move_down(spots, words, page.height - top)
            page.height += (lines if spots else int(below and not is_alone)) * self._line + 4
        else:
            page.height = max(page.height, top + self._line) + 4

    def _sentence(self, page: Page, text: str, colour: str) -> None:
        """Words that stand alone, in as many lines as they take; a single one that is too long is cut in its middle."""
        metrics, room = QFontMetricsF(self._text), self._width - 2 * PAD
        for line in broken(text, lambda part: metrics.horizontalAdvance(part) <= room):
            box = QRectF(PAD, page.height, room, self._line)
            page.words.append(Words(box, line, colour, self._text, elide=Qt.TextElideMode.ElideMiddle))
            page.height += self._line

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

    def _spots(self, page: Page, section: Section, row: Row, top: float) -> tuple[float, int]:
        """Puts the row's links at the right end of a line, or of as many as they need; gives where the last line of
        them begins, and how many there are.
        """
        metrics, right, lines = QFontMetricsF(self._text), self._width - PAD, 1
        links: list[tuple[str, Event | None, tuple[SourceKey, SourcePlace] | None]] = [
            (link.text, link.event, None) for link in row.links
        ]
        if row.source is not None:
            links.append(("source", None, ((section.key, row.key), row.source)))
        for text, event, source in reversed(links):
            width = metrics.horizontalAdvance(text) + 2
            if right - width < PAD and right < self._width - PAD:
                right, lines = self._width - PAD, lines + 1
            box = QRectF(right - width, top + (lines - 1) * self._line, width, self._line)
            page.words.append(Words(box, text, self._shown.accent, self._text))
            page.spots.append(Spot(box, text, event, source))
            right = box.left() - 12
        return right, lines

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


def _move_down(spots: Sequence[Spot], words: Sequence[Words], by: float) -> None:
    """Moves words to press, which are made in the same order, below what was set since."""
    for spot, word in zip(spots, words, strict=True):
        spot.box.translate(0, by)
        word.box = spot.box
