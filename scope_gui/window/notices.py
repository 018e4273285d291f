"""One sentence for the person, floating over the window's lower edge; what is serious stays until it is dismissed.

Nothing makes room for it: a panel that moved while somebody reads or aims at it would be worse than one that is covered
for a moment. What stays floats over the foot of the column beside the lanes, which as a rule is empty: it must not
cover the last of the lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from scope_gui.commands import with_ways
from views.drawing.theme import colours, widget_px
from views.loop.events import Event, Tell
from views.loop.recording_events import Recover
from views.loop.state import Assigns, Offer
from views.words.plain_text import plain

SHOWN_MS = 5_000
MOST_PX, EDGE_PX, APART_PX = 860, 20, 8
LEAST_COLUMN_PX = 280
_MOVES = (QEvent.Type.Resize, QEvent.Type.Move, QEvent.Type.Show, QEvent.Type.Hide)
_OFFERS: dict[Offer, str] = {"recover": "Recover it"}


class NoticeView(QFrame):
    """Hidden while there is nothing to say. Floats in the middle of its parent, above what it is told to stay above."""

    reads: frozenset[str] = frozenset({"notice", "theme", "settings"})

    def __init__(self, send: Callable[[Event], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._send = send
        self.setAccessibleName("Notice")
        self._above: QWidget | None = None
        self._columns: Sequence[QWidget] = ()
        self._stays = False
        self.setObjectName("notice")
        self.setAutoFillBackground(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 5, 6, 5)
        self.sentence = QLabel(self)
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.offer_button = QPushButton(self)
        self.offer_button.clicked.connect(self._accept)
        self._path = ""
        self.dismiss_button = QToolButton(self)
        self.dismiss_button.setText("✕")
        self.dismiss_button.setAccessibleName("Dismiss")
        self.dismiss_button.clicked.connect(self._dismiss)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.offer_button)
        row.addWidget(self.dismiss_button)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._dismiss)
        self.hide()

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows the sentence, or nothing."""
        notice, c = assigns.notice, colours(assigns.theme)
        edge = c.warning if notice is not None and notice.serious else c.line
        self.setStyleSheet(f"#notice {{ background: {c.raised}; border: 1px solid {edge}; border-radius: 4px; }}")
        self._timer.stop()
        self.setVisible(notice is not None)
        if notice is None:
            return
        text = " ".join(part for part in (plain(notice.text), with_ways(notice.hint, assigns.settings)) if part)
        self.sentence.setText(f"⚠ {text}" if notice.serious else text)
        self.sentence.setStyleSheet(f"color: {c.warning if notice.serious else c.text}")
        self._stays = notice.serious
        self.offer_button.setVisible(notice.offer is not None)
        if notice.offer is not None:
            self.offer_button.setText(_OFFERS[notice.offer])
            self._path = notice.path
        self.place()
        self.raise_()
        if not notice.serious:
            self._timer.start(SHOWN_MS)

    def float_above(self, widget: QWidget, columns: Sequence[QWidget] = ()) -> None:
        """Stays above that part of its parent, however the two are sized; what is serious at the foot of that column
        which is seen.
        """
        self._above, self._columns = widget, columns
        for moved in (widget, self.parentWidget(), *columns):
            if moved is not None:
                moved.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Goes along."""
        if event.type() in _MOVES and not self.isHidden():
            self.place()
        return False

    def place(self) -> None:
        """As wide as its sentence, or as there is room, and then as high as it needs."""
        window, above = self.parentWidget(), self._above
        if window is None or above is None:
            return
        left, room = self._column(window)
        most = min(widget_px(MOST_PX), room - 2 * (EDGE_PX if room == window.width() else APART_PX))
        self.sentence.setWordWrap(False)
        width = min(self.sizeHint().width(), most)
        self.sentence.setWordWrap(True)
        height = max(self.heightForWidth(width), self.minimumSizeHint().height())
        top = above.mapTo(window, QPoint(0, 0)).y() - height - APART_PX
        self.setGeometry(left + (room - width) // 2, top, width, height)

    def _column(self, window: QWidget) -> tuple[int, int]:
        """(left, width) of where it floats: in the whole window, or what stays in a column that is seen."""
        seen = (one for one in self._columns if one.isVisible() and one.window() is window)
        column = next((one for one in seen if one.width() >= widget_px(LEAST_COLUMN_PX)), None)
        if column is None or not self._stays:
            return 0, window.width()
        return column.mapTo(window, QPoint(0, 0)).x(), column.width()

    def _accept(self) -> None:
        self._send(Tell(notice=None))
        self._send(Recover(path=self._path))

    def _dismiss(self) -> None:
        self._send(Tell(notice=None))
