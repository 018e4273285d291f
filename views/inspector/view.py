"""The inspector as a widget: what is selected, its stack and the state, with words to press that lead on."""

from __future__ import annotations

from collections.abc import Callable, Set
from html import escape
from typing import ClassVar

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QToolTip, QWidget

from views.drawing.keyboard import CHOOSING, PRESSING, SIDEWAYS, claimed, paint_focus_frame
from views.drawing.legend import Sign
from views.drawing.scaled import ScaledScrollArea
from views.drawing.spoken import tell
from views.drawing.theme import colours, text_font
from views.inspector.earlier import earlier_values
from views.inspector.layout import MAX_COMPARED, Site, inspector_sections, shown_states
from views.inspector.note_editor import NoteEditor
from views.inspector.pages.registry import page_at
from views.inspector.scene import PageSetter
from views.inspector.scene_page import CHART, PAD, Page, SourceKey, Spot, paint_page
from views.inspector.sections import Section, SourcePlace, row_thing
from views.inspector.source_lines import SourceFiles, SourceLines, source_lines
from views.inspector.state import InspectorState, WriteNote
from views.inspector.walking import caller_of, next_in_group, next_spot
from views.loop.events import EditBookmark, Event
from views.loop.state import Assigns, Selection, Theme
from views.loop.thing import Thing
from views.reading.recent_calls import recent
from views.reading.source import Source
from views.words.figures import duration_text

SCROLL_PX = 24
Pose = tuple[dict[SourceKey, tuple[SourcePlace, SourceLines]], int]


class InspectorView(ScaledScrollArea):
    """Everything known about the selection at the cursor's moment; about the whole program when there is none.

    Which sources are shown is the one thing it keeps for itself: they were asked for here, and go with the session.
    """

    reads: ClassVar[frozenset[str]] = frozenset(
        {
            "session",
            "frame",
            "marked_frame",
            "inspector",
            "selection",
            "stretch_ns",
            "theme",
            "scale",
            "revision",
            "bookmarks",
        }
    )

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget | None = None) -> None:
        """Shows nothing until it is patched."""
        super().__init__(parent)
        self._send, self._source = send, source
        self._earlier = earlier_values(source)
        self._sections: tuple[Section, ...] = ()
        self._theme: Theme = "dark"
        self._instead = ""
        self._files = SourceFiles()
        self._source_shown = False
        self._sources: dict[SourceKey, tuple[SourcePlace, SourceLines]] = {}
        self._page = Page(0.0)
        self._chosen: int | None = None
        self._editor: NoteEditor | None = None
        self._note_ns: int | None = None
        self.setFrameShape(QAbstractScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(SCROLL_PX)
        self.verticalScrollBar().valueChanged.connect(self._place_editor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName("Inspector")

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows these assigns."""
        self.take_scale(assigns.scale)
        if "session" in changed:
            self._sources.clear()
            self._files.forget()
            self._chosen = None
        names = self._source.names
        frame, marked = (None if one is None else names.in_frame(one) for one in (assigns.frame, assigns.marked_frame))
        self._instead = (
            assigns.without_a_frame or "Nothing is known of it here: pick something else, or go to another moment"
        )
        sections: tuple[Section, ...] = ()
        if frame is not None:
            old = self._earlier.of(self._source.session, shown_states(frame, assigns.selection)[:MAX_COMPARED])
            sections = inspector_sections(
                frame,
                assigns.selection,
                old,
                self._site(assigns),
                marked,
                page=page_at(frame, assigns.of(InspectorState), assigns.selection, assigns.stretch_ns),
                bookmarks=assigns.bookmarks,
                own=assigns.of(InspectorState),
                stretch_ns=assigns.stretch_ns,
            )
            tell(
                self,
                f"at {duration_text(frame.time_ns - assigns.range_ns[0])}",
                *(section.title for section in sections),
            )
        what = (sections, assigns.theme, assigns.of(InspectorState).source_shown)
        if what == (self._sections, self._theme, self._source_shown) and self._page.width:
            self.viewport().update()
        else:
            self._sections, self._theme, self._source_shown = what
            self._set_page()
        self._edit_note(assigns)

    def pose(self) -> Pose:
        """Which sources are shown, and how far the page is scrolled."""
        return dict(self._sources), self.verticalScrollBar().value()

    def take_pose(self, pose: Pose) -> None:
        """Shows the same sources, scrolled as far."""
        self._sources = dict(pose[0])
        self._set_page()
        self.verticalScrollBar().setValue(pose[1])

    def legend(self) -> tuple[Sign, ...]:
        """What its signs mean."""
        shown = colours(self._theme)
        return (
            Sign("before the last change", "struck", shown.hot),
            Sign("since the last change", "underlined", shown.healthy),
            Sign("what is picked", "block", shown.selected),
        )

    def sections(self) -> tuple[Section, ...]:
        """What is shown, from the top down."""
        return self._sections

    def as_text(self) -> str:
        """What is shown, as text for the clipboard."""
        lines = []
        for section in self._sections:
            lines.append(section.title)
            for row in section.rows:
                value = "".join(piece.text for piece in row.pieces if piece.only_in != "old")
                lines.append("  " + "  ".join(part for part in (row.label, value, *row.figures, row.note) if part))
        return "\n".join(lines)

    def spot_at(self, point: QPointF) -> Spot | None:
        """The words to press at a point of what is in sight."""
        place = QPointF(point.x(), point.y() + self.verticalScrollBar().value())
        return next((spot for spot in self._page.spots if spot.box.contains(place)), None)

    def told_at(self, point: QPointF) -> str:
        """What is to be said of a point: what a bar stands for, or the whole of a text that had to be cut."""
        spot = self.spot_at(point)
        return spot.says if spot is not None and spot.says else self.cut_words_at(point)

    def cut_words_at(self, point: QPointF) -> str:
        """The whole of a text at a point that had to be cut, '' where there is none."""
        place = QPointF(point.x(), point.y() + self.verticalScrollBar().value())
        at = next((words for words in self._page.words if words.box.contains(place)), None)
        return at.text if at is not None and at.is_cut() else ""

    def things_at(self, at: QPointF) -> tuple[Thing, ...]:
        """The row at a point of what is in sight, and the page."""
        y = at.y() + self.verticalScrollBar().value()
        rows = [row for box, row in self._page.rows if box.top() <= y < box.bottom()]
        page = Thing(kind="inspector", name="", text=self.as_text())
        return (*(row_thing(row) for row in rows[:1]), page)

    def keys_at(self) -> QPointF | None:
        """The words that Return presses."""
        spot = self.chosen()
        return None if spot is None else spot.box.center() - QPointF(0, self.verticalScrollBar().value())

    def spots(self) -> tuple[Spot, ...]:
        """All words to press, from the top down."""
        return tuple(self._page.spots)

    def press(self, spot: Spot) -> None:
        """Does what these words say."""
        if spot.event is not None:
            self._send(spot.event)
        elif spot.source is not None:
            key, place = spot.source
            if self._sources.pop(key, (None, None))[0] != place:
                self._sources[key] = (place, source_lines(place.file, place.line, self._recorded_ns()))
            self._set_page()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Wide enough for a line of a stack."""
        return QSize(360, 240)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Paints what is in sight."""
        area, shown = self.viewport(), colours(self._theme)
        painter = area.painter()
        painter.fillRect(area.rect(), QColor(shown.panel))
        if not self._sections:
            painter.setPen(QColor(shown.muted))
            painter.setFont(text_font())
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(area.rect()).adjusted(12, 12, -12, -12), int(flags), self._instead)
        offset = float(self.verticalScrollBar().value())
        painter.save()
        painter.translate(0, -offset)
        paint_page(painter, self._page, shown, offset, offset + area.height())
        if self.hasFocus():
            spot = self.chosen()
            if spot is not None:
                paint_focus_frame(painter, spot.box.adjusted(-3, -1, 3, 1), self._theme)
        painter.restore()
        if self.hasFocus():
            paint_focus_frame(painter, QRectF(area.rect()), self._theme)
        painter.end()

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Says the whole of a text that had to be cut, and what a bar stands for."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), escape(self.told_at(self.viewport().in_units(event.pos()))), self)
            return True
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Sets the page for the new width."""
        self._set_page()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Shows which words can be pressed."""
        spot = self.spot_at(event.position())
        over = spot is not None and spot.can_be_pressed
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Follows the words under the mouse."""
        spot = self.spot_at(event.position())
        if spot is not None and event.button() == Qt.MouseButton.LeftButton:
            self.press(spot)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Ends a press that has been dealt with."""
        event.accept()

    def event(self, event: QEvent) -> bool:
        """Keeps its own keys from the window."""
        is_own = event.type() == QEvent.Type.ShortcutOverride and claimed(event, self._own_keys())
        return is_own or super().event(event)

    def _own_keys(self) -> frozenset[int]:
        """Left and Right are the window's, but in a chart and on a line of a tree that can be opened."""
        spot = self.chosen()
        goes_sideways = spot is not None and (spot.fold is not None or spot.group.startswith(CHART))
        return CHOOSING | SIDEWAYS if goes_sideways else CHOOSING

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Up and Down choose words, Return presses them, Left and Right go through the bars of a chart and close and
        open lines of a tree, Ctrl+C copies everything; all other keys are the window's.
        """
        spot = self.chosen()
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.as_text())
        elif event.key() in PRESSING:
            if spot is not None:
                self.press(spot)
        elif event.key() in CHOOSING:
            self._choose(1 if event.key() == Qt.Key.Key_Down else -1)
        elif event.key() in SIDEWAYS and spot is not None:
            self._go_sideways(spot, 1 if event.key() == Qt.Key.Key_Right else -1)
        else:
            event.ignore()

    def chosen(self) -> Spot | None:
        """The words that Return presses."""
        spots = self._page.spots
        return spots[min(self._chosen, len(spots) - 1)] if spots and self._chosen is not None else None

    def _choose(self, by: int) -> None:
        bar, spots = self.verticalScrollBar(), self._page.spots
        if not spots:
            bar.setValue(bar.value() + by * SCROLL_PX)
            return
        self._choose_at(next_spot(spots, self._chosen, by))

    def _go_sideways(self, spot: Spot, by: int) -> None:
        """Opens or closes a line of a tree, or goes up to its caller; else the next bar of a chart."""
        if spot.fold is None:
            self._choose_at(next_in_group(self._page.spots, self._chosen or 0, by))
        elif spot.is_open != (by > 0):
            self._send(spot.fold)
        elif by < 0:
            self._choose_at(caller_of(self._page.spots, self._chosen or 0))

    def _choose_at(self, at: int) -> None:
        bar, self._chosen = self.verticalScrollBar(), at
        box = self._page.spots[at].box
        room = self.viewport().height()
        bar.setValue(min(max(bar.value(), int(box.bottom()) + SCROLL_PX - room), max(int(box.top()) - SCROLL_PX, 0)))
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Shows that the keys go here."""
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """And that they no longer do."""
        self.viewport().update()

    def _site(self, assigns: Assigns) -> Site | None:
        """The selected function, and how it did lately on the selected thread, or on all."""
        picked: Selection | None = assigns.selection
        if picked is None or picked.kind != "site":
            return None
        row = self._source.names.sites.get(picked.id)
        if row is None:
            return None
        calls = recent(self._source, assigns.frame)
        mine = (calls.site_id == picked.id) & ((calls.track_id == picked.track_id) | (picked.track_id == 0))
        return Site(
            function=row.function,
            module=row.module,
            file=row.file,
            line=row.line,
            calls=int(calls.calls[mine].sum()),
            own_ns=int(calls.own_ns[mine].sum()),
            window_ns=calls.end_ns - calls.start_ns,
        )

    def _edit_note(self, assigns: Assigns) -> None:
        """Puts the line in which a note is written where the note is, or takes it away."""
        note_ns = assigns.of(InspectorState).note_ns
        if note_ns == self._note_ns:
            return
        self._note_ns = note_ns
        if self._editor is not None:
            self._editor.give_up()
            self._editor = None
        if note_ns is None:
            self.setFocus()
            return
        text = next((one.text for one in assigns.bookmarks if one.time_ns == note_ns), "")
        self._editor = NoteEditor(text, self._keep_note, self.viewport())
        self._place_editor()
        self._editor.setFocus()

    def _keep_note(self, text: str | None) -> None:
        note_ns = self._note_ns
        if note_ns is not None and text is not None:
            self._send(EditBookmark(time_ns=note_ns, text=text))
        self._send(WriteNote(time_ns=None))

    def _place_editor(self) -> None:
        """Over the row of its note, which may be scrolled or set anew below it."""
        if self._editor is None:
            return
        edits = WriteNote(time_ns=self._note_ns)
        rows = (box for box, row in self._page.rows if any(link.event == edits for link in row.links))
        row = next(rows, None)
        self._editor.setVisible(row is not None)
        if row is not None:
            height = self._editor.sizeHint().height()
            top = row.top() + self._page.line_px - self.verticalScrollBar().value()
            self._editor.setGeometry(int(PAD), int(top), int(row.width() - 2 * PAD), height)

    def _set_page(self) -> None:
        area = self.viewport()
        shown = self._still_shown()
        self._page = PageSetter(colours(self._theme), float(area.width())).page(
            self._sections, shown, self._stack_lines()
        )
        bar = self.verticalScrollBar()
        bar.setRange(0, max(0, int(self._page.height) + 8 - area.height()))
        bar.setPageStep(area.height())
        self._place_editor()
        area.update()

    def _stack_lines(self) -> dict[SourceKey, str]:
        """The source line of each call on the stack, when they are to be shown."""
        if not self._source_shown:
            return {}
        recorded_ns = self._recorded_ns()
        return {
            (section.key, row.key): self._files.line(row.source.file, row.source.line, recorded_ns)
            for section in self._sections
            for row in section.rows
            if section.key == "stack" and row.source is not None
        }

    def _recorded_ns(self) -> int:
        session = self._source.session
        return session.info().created_real_ns if session is not None else 0

    def _still_shown(self) -> dict[SourceKey, SourceLines]:
        """The sources of rows that still stand for the same place."""
        places: dict[SourceKey, SourcePlace | None] = {
            (section.key, row.key): row.source for section in self._sections for row in section.rows
        }
        return {key: lines for key, (place, lines) in self._sources.items() if places.get(key) == place}
