"""The line beside the menus: begin and end a recording, which session, how sure its answers are, what is missing."""

from __future__ import annotations

from collections.abc import Callable, Set

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QToolButton, QWidget

from capture.measured_cost import WORTH_NAMING, Overhead
from capture.session.session import Session
from capture.unseen import told_unseen
from scope_gui.blindness import HEADING
from scope_gui.commands import hint, key_of
from views.drawing.spoken import explain, tell
from views.drawing.theme import colours, give_font, text_font, widget_px
from views.loop.state import Assigns
from views.reading.source import Source
from views.words.figures import count_text, duration_text, short_count
from views.words.plain_text import plain, rich

ATTACH, OPEN, RECORD = "Attach to a process", "Open a session", "Record a program from its start"
STOP, FIND = "Stop recording", "Find anything"
UNSEEN = "What this recording cannot see"
RATE = " events/s"
SECOND_NS = 1_000_000_000
_GAPS_PX = 46
_FRAME = frozenset({"frame"})
_LEAST_NAME_PX = 90
_MOST_TIPS, _MOST_TIP = 12, 300


class HeaderView(QWidget):
    """Sits at the right end of the menu bar's row."""

    reads: frozenset[str] = frozenset(
        {"session", "revision", "frame", "recorder", "busy", "theme", "scale", "settings", "following"}
    )

    def __init__(self, source: Source, do: Callable[[str], None], parent: QWidget | None = None) -> None:
        """`do` does the command with that title."""
        super().__init__(parent)
        self._source, self._do = source, do
        self._records = RECORD
        self.setAccessibleName("Session")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 4, 0)
        row.setSpacing(2)
        self._unseen = 0
        self._name, self._parts, self._theme = "", list[tuple[str, bool]](), Assigns().theme
        self.attach_button = self._button("Attach", ATTACH, lambda: do(ATTACH))
        self.open_button = self._button("Open", OPEN, lambda: do(OPEN))
        self.record_button = self._button("● Record", "", lambda: do(self._records))
        self.record_button.setObjectName("header.record")
        self.name = QLabel(self)
        give_font(self.name, text_font(bold=True))
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        self.status = QLabel(self)
        self.status.setTextFormat(Qt.TextFormat.RichText)
        self.unseen_button = self._button("", "", lambda: do(UNSEEN))
        self.unseen_button.setObjectName("header.unseen")
        self.unseen_button.hide()
        self.find_button = self._button("Search", FIND, lambda: do(FIND))
        self._buttons = (self.attach_button, self.open_button, self.record_button, self.find_button)
        row.addStretch(1)
        for widget in (self.attach_button, self.open_button, self.record_button):
            row.addWidget(widget)
        row.addSpacing(10)
        row.addWidget(self.name)
        row.addSpacing(10)
        row.addWidget(self.status)
        row.addSpacing(4)
        row.addWidget(self.unseen_button)
        row.addSpacing(6)
        row.addWidget(self.find_button)
        # What is shown is cut to the room there is; the window may be as narrow as the menus.
        self.status.setMinimumWidth(1)
        self.name.setMinimumWidth(1)

    def _button(self, text: str, tip: str, clicked: Callable[[], None]) -> QToolButton:
        button = QToolButton(self)
        button.setText(text)
        button.setToolTip(tip)
        button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        button.clicked.connect(clicked)
        return button

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows what has changed; most frames of a session say the same, and dressing labels anew takes a while."""
        session = self._source.session
        parts = self._told(assigns, session)
        if changed == _FRAME and parts == self._parts:
            return
        c = colours(assigns.theme)
        live = assigns.session is not None and assigns.session.live
        self._records = STOP if live else RECORD
        self.record_button.setText("■ Stop" if live else "● Record")
        settings = assigns.settings
        self.find_button.setText(f"Search  {key_of(FIND, settings)}".rstrip())
        for button, title in zip(self._buttons, (ATTACH, OPEN, self._records, FIND), strict=True):
            button.setToolTip(hint(title, settings))
            button.setAccessibleName(title)
        self.record_button.setEnabled(not (assigns.recorder is not None and assigns.recorder.state == "saving"))
        self.record_button.setStyleSheet(f"color: {c.hot}; font-weight: bold" if live else "")
        self._name = plain(assigns.session.name) if assigns.session else ""
        explain(self.name, assigns.session.path if assigns.session else "")
        self._parts, self._theme = parts, assigns.theme
        explain(self.status, " · ".join(text for text, _ in self._parts))
        self._show_unseen(session if assigns.session is not None else None, c.warning)
        self._fit()

    def _told(self, assigns: Assigns, session: Session | None) -> list[tuple[str, bool]]:
        """What there is to say, with the counts of the recorder, or of the session."""
        dropped, overhead = 0, None
        if session is not None and assigns.session is not None:
            overhead = session.manifest.overhead
        if assigns.recorder is not None:
            dropped = assigns.recorder.dropped
        elif session is not None:
            dropped = session.manifest.counts.dropped
        return status_parts(assigns, dropped, overhead, damaged=_has_lost(session))

    def _show_unseen(self, session: Session | None, colour: str) -> None:
        """How many things the recording cannot see: the list is its tooltip, and opens at a click or by command."""
        unseen = told_unseen(session.manifest.unseen) if session is not None else []
        self._unseen = len(unseen)
        self.unseen_button.setVisible(bool(unseen))
        if unseen:
            self.unseen_button.setStyleSheet(f"color: {colour}")
            lines = "".join(f"<li>{rich(one.sentence, _MOST_TIP)}</li>" for one in unseen[:_MOST_TIPS])
            more = f"<p>and {len(unseen) - _MOST_TIPS} more</p>" if len(unseen) > _MOST_TIPS else ""
            self.unseen_button.setToolTip(f"<p>{HEADING}</p><ul>{lines}</ul>{more}")
            self.unseen_button.setAccessibleName(f"{UNSEEN}: {len(unseen)}")
            tell(self.unseen_button, *(one.sentence for one in unseen[:_MOST_TIPS]))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Shows as much as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """All of it, or without buttons that the menus have too, then without the rate of events, then without what is
        as it should be, with the number alone of what is not seen, and at last with a shorter name: losses and doubts
        stay.
        """
        name, parts, taken = self.name.fontMetrics(), self._parts, self.status.fontMetrics().horizontalAdvance
        needed_px = taken(_joined(parts)) + name.horizontalAdvance(self._name)
        self.unseen_button.setText(f"⚠ {self._unseen} not seen")
        unseen_px = 0 if self.unseen_button.isHidden() else self.unseen_button.sizeHint().width()
        buttons_px = sum(button.sizeHint().width() for button in self._buttons)
        room_px = self.width() - buttons_px - unseen_px - widget_px(_GAPS_PX)
        for button in (self.find_button, self.open_button, self.attach_button, self.record_button):
            stays = room_px >= needed_px or (button is self.record_button and self._records == STOP)
            button.setVisible(stays)
            room_px += 0 if stays else button.sizeHint().width()
        if needed_px > room_px:
            parts = [part for part in parts if not part[0].endswith(RATE)]
        least_px = min(widget_px(_LEAST_NAME_PX), name.horizontalAdvance(self._name))
        if self._unseen and unseen_px and taken(_joined(parts[:1])) + least_px > room_px:
            self.unseen_button.setText(f"⚠ {self._unseen}")
            room_px += unseen_px - self.unseen_button.sizeHint().width()
        while taken(_joined(parts)) > room_px - least_px and any(good for _, good in parts[1:]):
            last_good = max(at for at, (_, good) in enumerate(parts) if good)
            parts = [*parts[:last_good], *parts[last_good + 1 :]]
        name_px = max(room_px - taken(_joined(parts)), least_px)
        self.name.setText(name.elidedText(self._name, Qt.TextElideMode.ElideMiddle, name_px))
        c = colours(self._theme)
        spans = [f'<span style="color:{c.healthy if good else c.warning}">{rich(text)}</span>' for text, good in parts]
        self.status.setText(f' <span style="color:{c.muted}">·</span> '.join(spans))


def _joined(parts: list[tuple[str, bool]]) -> str:
    return " · ".join(text for text, _ in parts)


def status_parts(
    assigns: Assigns, dropped: int, overhead: Overhead | None = None, *, damaged: bool = False
) -> list[tuple[str, bool]]:
    """What to say about the open session, each with whether all is well.

    Source: the confidences of the frame at the cursor; the counts and the overhead of the manifest, or of the recorder
    while it works.
    """
    if assigns.busy:
        return [(f"{assigns.busy}…", True)]
    if assigns.session is None:
        return []
    recorder = assigns.recorder
    parts = [_state(assigns)]
    if damaged:
        parts.append(("⚠ damaged", False))
    frame = assigns.frame
    if frame is not None:
        stacks = frame.confidence.stacks
        parts.append((f"stacks {stacks}", stacks == "exact"))
        if frame.gaps:
            parts.append(("a gap here", False))
    if recorder is not None and recorder.state == "recording":
        rate = f"{short_count(recorder.events_per_s)}{RATE}"
        parts.append((f"{short_count(recorder.produced)} events, {rate}", True))
        if recorder.overhead is not None:
            overhead = Overhead(recorder.overhead, recorder.overhead_left_out or 0.0)
    if overhead is not None:
        where = f" ({overhead.left_out:.1%} for code left out)" if overhead.left_out >= WORTH_NAMING else ""
        parts.append((f"overhead {overhead.whole:.1%}{where}", overhead.whole < 0.1))
    parts.append((f"▲ {count_text(dropped)} dropped" if dropped else "nothing dropped", not dropped))
    return parts


def _state(assigns: Assigns) -> tuple[str, bool]:
    recorder = assigns.recorder
    if assigns.session is None or not assigns.session.live:
        return "recorded", True
    if assigns.session.unfinished:
        return "unfinished, its recorder is gone", False
    if recorder is not None and recorder.state == "saving":
        return f"saving {recorder.saved_percent} %", True
    whole_s = (assigns.range_ns[1] - assigns.range_ns[0]) // SECOND_NS
    return f"● live {duration_text(whole_s * SECOND_NS)}" if whole_s else "● live", True


def _has_lost(session: Session | None) -> bool:
    return session is not None and any(problem.lost for problem in list(session.problems))
