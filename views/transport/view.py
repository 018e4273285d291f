"""The transport bar: built once, then patched."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from views.drawing.theme import colours, give_font, mixed, number_font, text_font, widget_px
from views.loop.events import Event, Follow, Play, SeekTo, Step
from views.loop.state import Assigns
from views.reading.source import Source
from views.transport.button_icons import SIZE_PX, Sign, button_icon
from views.transport.layout import event_text, marked_text, motion_text, range_text, speed_text
from views.transport.naming import event_in_words
from views.transport.scene import EventLine, ScrubTrack
from views.words.figures import clock_text

Send = Callable[[Event], None]
LABEL_GAP_PX, BUTTON_PX, SPACE_PX = 14, 34, 2
LEAST_PX = 360


class TransportView(QWidget):
    """Moves the cursor and says where it is."""

    reads: frozenset[str] = frozenset(
        {
            "session", "revision", "range_ns", "visible_ns", "cursor_ns", "following", "playing", "backwards", "speed",
            "frame", "bookmarks", "marked_ns", "theme", "scale",
        }
    )  # fmt: skip

    def __init__(self, send: Send, source: Source, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._send, self._source = send, source
        self._start_ns = 0
        self.setAccessibleName("Transport")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 2, 0, 4)
        rows.setSpacing(0)
        self.track = ScrubTrack(self)
        self.track.dragged.connect(self._scrubbed)
        self.track.released.connect(self._jumped)
        rows.addWidget(self.track)
        row = QHBoxLayout()
        row.setContentsMargins(6, 0, 10, 0)
        row.setSpacing(SPACE_PX)
        rows.addLayout(row)
        self._signs: list[Sign] = []
        self._buttons = [
            self._button(row, "start", "Start", self._to_start),
            self._button(row, "back", "One event back", self._back),
            self._button(row, "play", "Play or pause", self._toggle),
            self._button(row, "on", "One event on", self._on),
            self._button(row, "end", "End; follows a live session", self._to_end),
        ]
        self.play_button = self._buttons[2]
        self.clock = self._label(row, "Moment of the cursor, from the session's start", points=12, numbers=True)
        self.motion = self._label(row, "What the cursor does by itself")
        self.speed = self._label(row, "Speed of playing; type digits", numbers=True)
        self.event_label = self._label(row, "Which event that is, of all threads", numbers=True)
        row.addSpacing(LABEL_GAP_PX)
        self.event_line = EventLine(self)
        row.addWidget(self.event_line, 1)
        self.marked = self._label(row, "From the marked moment to the cursor", numbers=True)
        self.visible = self._label(row, "What the timeline shows", numbers=True)
        self._gives_way = (self.speed, self.event_label, self.visible, self.motion)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As narrow as its buttons and its clock; the rest gives way."""
        return QSize(LEAST_PX, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """As much as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def show_tips(self, tips: Sequence[str]) -> None:
        """What a pointer over each of the buttons is told: what it does, and its key."""
        for button, tip in zip(self._buttons, tips, strict=True):
            button.setToolTip(tip)

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows what has changed."""
        self.track.show_assigns(assigns)
        is_open = assigns.session is not None
        self._start_ns = assigns.range_ns[0]
        if changed & {"session", "playing", "following"}:
            for button in self._buttons:
                button.setEnabled(is_open)
            running = assigns.playing or assigns.following
            self._signs[2] = "pause" if running else "play"
            self.play_button.setAccessibleName("Pause" if running else "Play")
        if changed & {"theme", "playing", "following"}:
            c = colours(assigns.theme)
            for button, sign in zip(self._buttons, self._signs, strict=True):
                button.setIcon(button_icon(sign, c.text, mixed(c.muted, c.window, 0.5)))
        if changed & {"frame", "session", "revision", "theme", "scale"}:
            session = self._source.session
            recorded = session.manifest.counts.recorded if session is not None and is_open else 0
            self.event_label.setText(event_text(assigns.frame, recorded) if is_open else "")
            self.event_line.show_event(event_in_words(self._source, assigns.frame) if is_open else "", assigns)
        self.clock.setText(clock_text(assigns.cursor_ns) if is_open else "")
        self.motion.setText(motion_text(assigns) if is_open else "")
        self.speed.setText(speed_text(assigns.speed) if is_open else "")
        self.visible.setText(range_text(assigns) if is_open else "")
        self.marked.setText(marked_text(assigns))
        self.marked.setVisible(assigns.marked_ns is not None)
        self._fit()
        if "scale" in changed:
            for button in self._buttons:
                button.setFixedWidth(widget_px(BUTTON_PX))
                button.setIconSize(QSize(widget_px(SIZE_PX), widget_px(SIZE_PX)))
        if "theme" in changed:
            c = colours(assigns.theme)
            for label in (self.motion, self.speed, self.event_label, self.visible):
                label.setStyleSheet(f"color: {c.muted}")
            self.marked.setStyleSheet(f"color: {c.mark}")

    def _fit(self) -> None:
        """All of it; where that is too much without what other views say too, one after the other."""
        parts = (*self._buttons, self.event_line, self.clock, *self._gives_way)
        wanted = [part.sizeHint().width() for part in parts]
        if not self.marked.isHidden():
            wanted.append(self.marked.sizeHint().width())
        room = self.width() - sum(wanted) - (LABEL_GAP_PX + SPACE_PX) * (len(self._gives_way) + 4)
        for label in self._gives_way:
            label.setVisible(room >= 0)
            room += 0 if room >= 0 else label.sizeHint().width()

    def _button(self, row: QHBoxLayout, sign: Sign, tip: str, clicked: Callable[[], None]) -> QToolButton:
        button = QToolButton(self)
        self._signs.append(sign)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(clicked)
        row.addWidget(button)
        return button

    def _label(self, row: QHBoxLayout, tip: str, *, points: float = 9.5, numbers: bool = False) -> QLabel:
        label = QLabel(self)
        give_font(label, number_font(points) if numbers else text_font(points))
        label.setToolTip(tip)
        row.addSpacing(LABEL_GAP_PX)  # margins of a label go when it gets a style sheet, and come back with a new text
        row.addWidget(label)
        return label

    def _scrubbed(self, time_ns: int) -> None:
        self._send(SeekTo(time_ns=time_ns))

    def _jumped(self, time_ns: int) -> None:
        self._send(SeekTo(time_ns=time_ns, visit=True))

    def _to_start(self) -> None:
        self._send(SeekTo(time_ns=self._start_ns, visit=True))

    def _to_end(self) -> None:
        self._send(Follow())

    def _back(self) -> None:
        self._send(Step(count=-1))

    def _on(self) -> None:
        self._send(Step(count=1))

    def _toggle(self) -> None:
        self._send(Play())
