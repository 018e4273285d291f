"""Digits typed one after the other are the speed of playing: 2 5 is 25×."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from scope_gui.settings.keys import SPEED_DIGITS
from views.loop.events import Event, SetSpeed

TOGETHER_S = 1.0


class SpeedKeys:
    """Listens to 1 to 9; the window offers it the 0, which alone means something else."""

    def __init__(self, window: QWidget, send: Callable[[Event], None]) -> None:
        self._send = send
        self._digits = ""
        self._last_s = 0.0
        for digit in SPEED_DIGITS:
            shortcut = QShortcut(QKeySequence(digit), window)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.activated.connect(_Typing(self, digit))

    def end(self) -> None:
        """Another key came in between: the next digit begins a new speed."""
        self._digits = ""

    def typed(self, digit: str) -> bool:
        """Takes a digit; False for a 0 that does not follow another digit."""
        now_s = time.monotonic()
        if now_s - self._last_s > TOGETHER_S:
            self._digits = ""
        if digit == "0" and not self._digits:
            return False
        self._digits, self._last_s = self._digits + digit, now_s
        self._send(SetSpeed(speed=float(self._digits)))
        return True


class _Typing:
    """One digit's key."""

    def __init__(self, keys: SpeedKeys, digit: str) -> None:
        self._keys, self._digit = keys, digit

    def __call__(self) -> None:
        self._keys.typed(self._digit)
