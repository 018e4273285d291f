"""The supervision map as a widget: it scrolls, folds, selects, and switches what its colour means."""

from __future__ import annotations

from collections.abc import Callable, Set
from html import escape
from typing import ClassVar, get_args

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFocusEvent, QHelpEvent, QKeyEvent, QMouseEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from views.drawing.keyboard import CHOOSING, PRESSING, claimed, paint_focus_frame
from views.drawing.legend import Sign
from views.drawing.scaled import ScaledScrollArea
from views.drawing.spoken import explain, tell
from views.drawing.theme import colours, give_font, text_font
from views.loop.events import Event, Select, ToggleFold
from views.loop.state import Assigns, Selection, Theme
from views.loop.thing import Thing, ThingKind
from views.reading.recent_calls import recent
from views.reading.source import Source
from views.supervision.layout import MEANINGS, SupervisionRow, supervision_rows
from views.supervision.scene import ROW_PX, detail_of, fold_box, paint_rows, signs
from views.supervision.state import Heat, SetHeat, SupervisionState
from views.words.figures import duration_text

_TITLES: dict[Heat, str] = {"activity": "Activity", "cpu": "CPU", "memory": "Memory"}


class SupervisionView(QWidget):
    """Processes and threads at the cursor's moment, by how hot they are."""

    reads: ClassVar[frozenset[str]] = frozenset(
        {"session", "frame", "supervision", "folded", "selection", "theme", "scale", "revision"}
    )

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget | None = None) -> None:
        """Shows nothing until it is patched."""
        super().__init__(parent)
        self._send, self._source = send, source
        self.setAccessibleName("Supervision")
        self._meaning = QLabel(self)
        self._meaning.setTextFormat(Qt.TextFormat.PlainText)
        self._meaning.setWordWrap(True)
        self._buttons: dict[Heat, QToolButton] = {}
        choices = QHBoxLayout()
        choices.setSpacing(0)
        group = QButtonGroup(self)
        for heat_by in get_args(Heat):
            button = QToolButton(self)
            button.setText(_TITLES[heat_by])
            button.setCheckable(True)
            button.setAccessibleName(f"Heat: {_TITLES[heat_by]}")
            explain(button, MEANINGS[heat_by])
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            group.addButton(button)
            choices.addWidget(button)
            self._buttons[heat_by] = button
        choices.addStretch(1)
        group.buttonClicked.connect(self._choose)
        self.rows = RowList(send, self)
        self.setFocusProxy(self.rows)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        choices.setContentsMargins(6, 4, 6, 2)
        self._meaning.setContentsMargins(8, 0, 8, 4)
        give_font(self._meaning, text_font(8.5))
        box.addLayout(choices)
        box.addWidget(self._meaning)
        box.addWidget(self.rows, 1)

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows these assigns."""
        frame = assigns.frame
        self._buttons[assigns.of(SupervisionState).heat_by].setChecked(True)
        meaning = MEANINGS[assigns.of(SupervisionState).heat_by]
        if frame is None:
            self.rows.show_rows((), assigns, assigns.without_a_frame)
        else:
            calls = recent(self._source, frame)
            rows = supervision_rows(
                frame, calls, assigns.of(SupervisionState).heat_by, assigns.folded, self._source.names.titles
            )
            nothing = "Nothing was running at this moment" if frame.complete else "What ran at this moment is lost"
            self.rows.show_rows(rows, assigns, nothing)
            span_ns = calls.end_ns - calls.start_ns
            meaning += f". Line: calls in the last {duration_text(span_ns)}" if span_ns else ""
        self._meaning.setText(meaning)
        if "theme" in changed:
            self._meaning.setStyleSheet(f"color: {colours(assigns.theme).muted}")

    def pose(self) -> int:
        """How far the rows are scrolled."""
        return self.rows.verticalScrollBar().value()

    def take_pose(self, pose: int) -> None:
        """Scrolls them as far."""
        self.rows.verticalScrollBar().setValue(pose)

    def legend(self) -> tuple[Sign, ...]:
        """What its signs mean."""
        return signs(self.rows.theme)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Wide enough for a name, a line and a figure."""
        return QSize(320, 240)

    def _choose(self, button: QAbstractButton) -> None:
        heat_by = next(heat_by for heat_by, known in self._buttons.items() if known is button)
        self._send(SetHeat(heat_by=heat_by))


class RowList(ScaledScrollArea):
    """The rows themselves; only those in sight are painted."""

    def __init__(self, send: Callable[[Event], None], parent: QWidget) -> None:
        """An empty list."""
        super().__init__(parent)
        self._send = send
        self._theme: Theme = "dark"
        self._rows: tuple[SupervisionRow, ...] = ()
        self._selected: int | None = None
        self._instead = ""
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Processes and threads")

    def show_rows(self, rows: tuple[SupervisionRow, ...], assigns: Assigns, instead: str) -> None:
        """Shows these rows, or the sentence when there are none."""
        self.take_scale(assigns.scale)
        selected = _selected_track(assigns.selection, rows)
        words = (
            ""
            if selected is None
            else next((f"{r.name}, {r.figure}, {detail_of(r)}" for r in rows if r.track_id == selected), "")
        )
        tell(self, words or (f"{len(rows)} rows" if rows else instead))
        shown = (self._rows, self._selected, self._instead, self._theme)
        self._rows, self._selected, self._instead, self._theme = rows, selected, instead, assigns.theme
        if shown != (rows, selected, instead, assigns.theme):
            self._fit()
            if selected != shown[1]:
                self._show_selected()
            self.viewport().update()

    @property
    def theme(self) -> Theme:
        """The theme of what is shown."""
        return self._theme

    def row_at(self, y: float) -> SupervisionRow | None:
        """The row at that height of what is in sight."""
        at = int((y + self.verticalScrollBar().value()) // ROW_PX)
        return self._rows[at] if 0 <= at < len(self._rows) else None

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """The thread or the process of a row."""
        row = self.row_at(at.y())
        if row is None:
            return ()
        track_id = max(row.track_id, 0)
        kind: ThingKind = "process" if row.is_process else "thread"
        return (Thing(kind=kind, name=row.name, id=track_id, track_id=track_id, click=(_picking(row),)),)

    def keys_at(self) -> QPointF | None:
        """The selected row."""
        at = next((at for at, row in enumerate(self._rows) if row.track_id == self._selected), None)
        top = 0 if at is None else at * ROW_PX - self.verticalScrollBar().value()
        return None if at is None else QPointF(self.viewport().width() / 2, top + ROW_PX / 2)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paints the rows in sight."""
        area, shown = self.viewport(), colours(self._theme)
        painter = area.painter()
        painter.setFont(text_font())
        painter.fillRect(area.rect(), QColor(shown.panel))
        if not self._rows:
            painter.setPen(QColor(shown.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(area.rect()).adjusted(12, 12, -12, -12), int(flags), self._instead)
        offset = self.verticalScrollBar().value()
        first = int(offset // ROW_PX)
        last = first + int(area.height() // ROW_PX) + 2
        painter.save()
        painter.translate(0, first * ROW_PX - offset)
        rows = self._rows[first:last]
        paint_rows(painter, rows, shown, area.width(), first=first, selected=self._selected)
        painter.restore()
        if self.hasFocus():
            paint_focus_frame(painter, QRectF(area.rect()), self._theme)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keeps the scroll bar right, and what is selected in sight."""
        self._fit()
        self._show_selected()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Selects a row, or folds it when its sign is pressed."""
        row = self.row_at(event.position().y())
        if row is None or event.button() != Qt.MouseButton.LeftButton:
            return
        sign = fold_box(row)
        if row.children and sign.contains(QPointF(event.position().x(), sign.center().y())):
            self._send(ToggleFold(track_id=row.track_id))
        else:
            self._select(row)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Ends a press that has been dealt with."""
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Folds a process."""
        row = self.row_at(event.position().y())
        if row is not None and row.children:
            self._send(ToggleFold(track_id=row.track_id))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Up and Down select, Return and Enter fold the selected process; all other keys are the window's."""
        at = next((at for at, row in enumerate(self._rows) if row.track_id == self._selected), None)
        if event.key() in PRESSING:
            if at is not None and self._rows[at].children:
                self._send(ToggleFold(track_id=self._rows[at].track_id))
        elif event.key() in CHOOSING and self._rows:
            by = 1 if event.key() == Qt.Key.Key_Down else -1
            self._select(self._rows[0 if at is None else min(max(at + by, 0), len(self._rows) - 1)])
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Shows that the keys go here."""
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """And that they no longer do."""
        self.viewport().update()

    def _select(self, row: SupervisionRow) -> None:
        self._send(_picking(row))

    def event(self, event: QEvent) -> bool:
        """Keeps its own keys from the window; says the whole of a name that had to be cut."""
        if claimed(event, CHOOSING):
            return True
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = self.row_at(self.viewport().in_units(event.pos()).y())
            told = [row.name, detail_of(row), row.figure] if row is not None else []
            QToolTip.showText(event.globalPos(), "<br>".join(escape(line) for line in told if line), self)
            return True
        return super().event(event)

    def _show_selected(self) -> None:
        """Scrolls no farther than it must."""
        at = next((at for at, row in enumerate(self._rows) if row.track_id == self._selected), None)
        if at is not None:
            bar, room = self.verticalScrollBar(), self.viewport().height()
            bar.setValue(min(max(bar.value(), int((at + 1) * ROW_PX) - room), int(at * ROW_PX)))

    def _fit(self) -> None:
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, int(len(self._rows) * ROW_PX) - self.viewport().height()))
        bar.setPageStep(self.viewport().height())
        bar.setSingleStep(int(ROW_PX))


def _picking(row: SupervisionRow) -> Event:
    """What a click on a row means."""
    if row.is_process:
        return Select(selection=Selection("process", row.process_id, max(row.track_id, 0)))
    return Select(selection=Selection("track", row.track_id, row.track_id))


def _selected_track(selection: Selection | None, rows: tuple[SupervisionRow, ...]) -> int | None:
    """The track of the row that stands for the selection."""
    if selection is None:
        return None
    if selection.kind == "process":
        return next((row.track_id for row in rows if row.is_process and row.process_id == selection.id), None)
    return selection.id if selection.kind == "track" else selection.track_id or None
