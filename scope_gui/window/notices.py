"""One sentence for the person, above the transport bar; what is serious stays until it is dismissed."""

from __future__ import annotations

from collections.abc import Callable, Set

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from views.drawing.theme import colours
from views.loop.events import Event, Recover, Tell
from views.loop.state import Assigns, Offer
from views.words.plain_text import plain

SHOWN_MS = 5_000
_OFFERS: dict[Offer, str] = {"recover": "Recover it"}


class NoticeView(QWidget):
    """Hidden while there is nothing to say."""

    reads: frozenset[str] = frozenset({"notice", "theme"})

    def __init__(self, send: Callable[[Event], None], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._send = send
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 2, 4, 2)
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
        self._timer.stop()
        self.setVisible(notice is not None)
        if notice is None:
            return
        text = plain(notice.text)
        self.sentence.setText(f"⚠ {text}" if notice.serious else text)
        self.sentence.setStyleSheet(f"color: {c.warning if notice.serious else c.text}")
        self.offer_button.setVisible(notice.offer is not None)
        if notice.offer is not None:
            self.offer_button.setText(_OFFERS[notice.offer])
            self._path = notice.path
        if not notice.serious:
            self._timer.start(SHOWN_MS)

    def _accept(self) -> None:
        self._send(Tell(notice=None))
        self._send(Recover(path=self._path))

    def _dismiss(self) -> None:
        self._send(Tell(notice=None))
