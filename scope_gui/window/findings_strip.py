"""What is worth a look, under the menus: a few chips, each a finding with its key.

Its row is there as long as a session is: were it hidden where nothing was found, all panels would move once that is
known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import Any

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPixmap, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from dags.detectors.finding import Finding
from scope_gui.commands import FINDINGS_WITH_KEYS, key_of
from views.drawing.spoken import explain
from views.drawing.theme import Colours, colours, mixed, widget_px
from views.loop.events import Event, GoToFinding
from views.loop.state import Assigns
from views.loop.thing import Thing
from views.words.plain_text import plain

HEIGHT_PX, SQUARE_PX, LEAST_PX = 28, 8, 320
ALL_FINDINGS = "Findings: what is worth a look"
_LOOKING, _HEADING = "Looking for what is worth a look …", "Worth a look"
_NOTHING, _LATER = f"{_HEADING}  —", "What is worth a look is said when the recording has ended"
_THROUGH = ("Next event of the finding", "Previous event of the finding")
_SERIOUS, _NOTABLE = 0.8, 0.5
_SPACE_PX = 6


class FindingsStrip(QWidget):
    """One row; a chip leads to the first event that proves its finding."""

    reads: frozenset[str] = frozenset({"findings", "finding_at", "session", "theme", "scale", "settings"})

    def __init__(self, send: Callable[[Event], None], do: Callable[[str], None], parent: QWidget | None = None) -> None:
        """`do` does the command with that title."""
        super().__init__(parent)
        self._found: tuple[Finding, ...] = ()
        self.setAccessibleName("Worth a look")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 0, 8, 0)
        row.setSpacing(_SPACE_PX)
        self.heading = QLabel(self)
        row.addWidget(self.heading)
        self.chips = [_Chip(self, number, send) for number in range(FINDINGS_WITH_KEYS)]
        for chip in self.chips:
            row.addWidget(chip)
        self.more = QToolButton(self)
        self.more.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.more.clicked.connect(lambda: do(ALL_FINDINGS))
        row.addWidget(self.more)
        row.addStretch(1)
        self.hide()

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows the findings, that they are being looked for, or nothing."""
        self.setFixedHeight(widget_px(HEIGHT_PX))
        is_looking, c = assigns.looks_for_findings, colours(assigns.theme)
        self._found = () if assigns.session is None else assigns.findings or ()
        is_growing = assigns.session is not None and assigns.session.is_growing
        without = _LOOKING if is_looking else _LATER if is_growing else _NOTHING
        self.heading.setText(_HEADING if self._found else without)
        explain(self.heading, "" if self._found or is_looking or is_growing else "Nothing stands out in this recording")
        self.heading.setStyleSheet(f"color: {c.muted}")
        for number, chip in enumerate(self.chips):
            chip.setVisible(number < len(self._found))
            if number < len(self._found):
                chip.show_finding(self._found[number], c, assigns.settings, is_gone_to=number == assigns.finding_at)
        beyond = len(self._found) - FINDINGS_WITH_KEYS
        self.more.setVisible(beyond > 0)
        self.more.setText(f"{beyond} more")
        explain(self.more, ALL_FINDINGS)
        self.setVisible(assigns.session is not None)
        self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As narrow as wanted: sentences are cut to the room there is."""
        return QSize(LEAST_PX, widget_px(HEIGHT_PX))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """As much of each sentence as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Chips that need less room than their share leave it to the others."""
        shown = [chip for chip in self.chips if not chip.isHidden()]
        taken = self.heading.sizeHint().width() + (0 if self.more.isHidden() else self.more.sizeHint().width())
        room = self.width() - taken - 20 - _SPACE_PX * (len(shown) + 2)
        for left, chip in zip(range(len(shown), 0, -1), sorted(shown, key=lambda one: one.wanted_px()), strict=True):
            room -= chip.fit(room // left)


class _Chip(QToolButton):
    """A square in the colour of how bad it is, the sentence, the key."""

    def __init__(self, strip: FindingsStrip, number: int, send: Callable[[Event], None]) -> None:
        super().__init__(strip)
        self._number, self._sentence = number, ""
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.clicked.connect(lambda: send(GoToFinding(at=number)))

    def show_finding(self, finding: Finding, c: Colours, settings: Mapping[str, Any], *, is_gone_to: bool) -> None:
        """Takes its sentence and colour."""
        self._sentence = plain(finding.sentence, 400)
        colour = c.hot if finding.score >= _SERIOUS else c.warning if finding.score >= _NOTABLE else c.cold
        ground = c.selected if is_gone_to else mixed(c.window, colour, 0.14)
        self.setStyleSheet(
            f"QToolButton {{ background: {ground}; border: 1px solid {mixed(c.window, colour, 0.5)};"
            f" color: {c.text}; padding: 1px 6px; }}"
        )
        side = widget_px(SQUARE_PX)
        square = QPixmap(side, side)
        square.fill(QColor(colour))
        self.setIconSize(square.size())
        self.setIcon(QIcon(square))
        key = key_of(f"Finding {self._number + 1}", settings)
        place = f"{finding.function} {finding.file}:{finding.line}" if finding.file else finding.function
        there, back = (key_of(title, settings) for title in _THROUGH)
        others = f"{len(finding.event_ids)} events, {there} and {back} lead through them"
        told = [self._sentence, plain(place, 300), others if len(finding.event_ids) > 1 else "", key]
        explain(self, *told)
        self.setAccessibleName(f"{self._sentence} ({key})")

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """Its finding."""
        number = self._number
        return (Thing(kind="finding", name=self._sentence, id=number, click=(GoToFinding(at=number),)),)

    def keys_at(self) -> QPointF | None:
        """Nowhere: it takes no keys."""
        return None

    def wanted_px(self) -> int:
        """How wide it is with all of its sentence."""
        return self.fontMetrics().horizontalAdvance(self._text(self._sentence)) + self._beside_px()

    def _beside_px(self) -> int:
        """What the square and the edges take."""
        return 26 + widget_px(SQUARE_PX)

    def fit(self, room_px: int) -> int:
        """Cuts the sentence to the room; how much it takes of it."""
        width = max(40, min(self.wanted_px(), room_px))
        key_px = self.fontMetrics().horizontalAdvance(self._text("")) + self._beside_px()
        cut = self.fontMetrics().elidedText(self._sentence, Qt.TextElideMode.ElideRight, width - key_px)
        self.setText(self._text(cut))
        self.setFixedSize(QSize(width, widget_px(HEIGHT_PX - 6)))
        return width

    def _text(self, sentence: str) -> str:
        return f" {sentence}   {self._number + 1}".replace("&", "&&")
