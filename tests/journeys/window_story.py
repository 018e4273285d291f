"""Plays a person at the window: `python -m tests.journeys.window_story STORY COMMAND...`, keys only.

Starts the real command line, presses keys once the window is there and prints one JSON document of what was seen.
Exit status: that of the command line; 3 when something that was waited for never came.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from scope_gui import app, cli
from scope_gui.window import MainWindow
from views.state import Assigns
from views.theme import colours

PATIENCE_S = 15.0


class Person:
    """Presses keys and looks."""

    def __init__(self) -> None:
        self.window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
        self.come_back()

    @property
    def assigns(self) -> Assigns:
        return self.window.store.assigns

    def expect(self, condition: Callable[[], bool], what: str) -> None:
        """Waits until it is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"never seen: {what}; {self.assigns.notice}")
            QTest.qWait(10)

    def come_back(self) -> None:
        """Gives the window the keyboard; this display has no window manager that would do it."""
        self.expect(lambda: QApplication.activeModalWidget() is None, "the dialog closes")
        self.window.activateWindow()
        self.expect(self.window.isActiveWindow, "the window is active")

    def with_keyboard(self) -> QWidget:
        """Whatever has the keyboard."""
        return QApplication.focusWidget() or QApplication.activeModalWidget() or self.window

    def press(self, *keys: str) -> None:
        """Presses keys in whatever has the keyboard, and waits until all has come to rest."""
        for key in keys:
            QTest.keySequence(self.with_keyboard(), key)
            QTest.qWait(40)
            self.expect(self.is_at_rest, f"rest after {key}")

    def is_at_rest(self) -> bool:
        shown = self.assigns
        if self.window.store.has_waiting:
            return False
        return not shown.steps and not shown.busy and (shown.session is None or shown.frame_wanted_ns is None)

    def type_text(self, text: str) -> None:
        """Types into the dialog that is open."""
        self.expect(lambda: QApplication.activeModalWidget() is not None, "a dialog")
        QTest.keyClicks(self.with_keyboard(), text)
        QTest.keyClick(self.with_keyboard(), Qt.Key.Key_Return)
        self.come_back()
        QTest.qWait(40)

    def wait_for_session(self) -> None:
        self.expect(lambda: self.assigns.frame is not None and self.is_at_rest(), "a session with a frame")

    def has_colour(self, colour: str) -> bool:
        """Whether the transport's track shows that colour somewhere."""
        picture = self.window.transport.track.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        wanted = int(colour[1:], 16)
        return any(
            picture.pixel(x, y) & 0xFFFFFF == wanted for x in range(picture.width()) for y in range(picture.height())
        )


def scrub_and_bookmark(person: Person) -> dict[str, object]:
    """Opens, steps, bookmarks with and without a note, looks around, quits."""
    person.wait_for_session()
    seen: dict[str, object] = {"opened_at_ns": person.assigns.cursor_ns}
    flag = colours(person.assigns.theme).bookmark
    seen["flag_before"] = person.has_colour(flag)
    person.press(".", ".", ".")
    seen["three_on_ns"] = person.assigns.cursor_ns
    person.press("B")
    person.press(",", ",", ",", "Shift+B")
    person.type_text("leak 25% here")
    seen["speed_after_typing"] = person.assigns.speed
    person.press("2", "5")
    seen["speed"] = person.assigns.speed
    person.press("Home")
    seen["home_ns"] = person.assigns.cursor_ns
    person.press("N", "N")
    seen["second_bookmark_ns"] = person.assigns.cursor_ns
    person.press("Alt+Left")
    seen["back_ns"] = person.assigns.cursor_ns
    person.press("W", "W", "D")
    seen["visible_ns"] = person.assigns.visible_ns
    person.press("0")
    seen["all_visible"] = person.assigns.visible_ns == person.assigns.range_ns
    person.press("Ctrl+Shift+P")
    person.type_text("dark or")
    seen["theme"] = person.assigns.theme
    person.press("Ctrl+T", "G")
    person.type_text("end")
    seen["end_ns"] = person.assigns.cursor_ns
    person.press("Home", "Space")
    person.expect(lambda: person.assigns.cursor_ns == seen["end_ns"], "playing reaches the end")
    seen["playing_at_the_end"] = person.assigns.playing
    seen["flag_after"] = person.has_colour(flag)
    return seen


def continue_next_week(person: Person) -> dict[str, object]:
    """Starts without a session and goes on with the one opened last."""
    seen: dict[str, object] = {"welcome": person.window.welcome.isVisible()}
    person.expect(person.window.welcome.recent.isVisible, "sessions opened lately")
    person.window.welcome.recent.setFocus()
    person.press("Return")
    person.wait_for_session()
    seen["notes"] = [(bookmark.time_ns, bookmark.text) for bookmark in person.assigns.bookmarks]
    person.press("N")
    seen["first_bookmark_ns"] = person.assigns.cursor_ns
    person.press("?")
    dialogs = [d for d in person.window.findChildren(QDialog) if d.isVisible()]
    seen["help"] = [dialog.windowTitle() for dialog in dialogs]
    person.press("Escape")
    person.come_back()
    person.press("Ctrl+W")
    person.expect(lambda: person.assigns.session is None, "the session closes")
    return seen


STORIES = {"scrub": scrub_and_bookmark, "continue": continue_next_week}


def play(name: str) -> None:
    """Plays a story, prints what was seen and quits with the keyboard."""
    try:
        person = Person()
        seen = STORIES[name](person)
        picture = Path(f"{name}.png")
        person.window.grab().save(str(picture))
        sys.stdout.write(msgspec.json.encode(seen).decode())
        sys.stdout.flush()
        QTest.keySequence(person.window, "Ctrl+Q")
    except BaseException:
        traceback.print_exc()
        QApplication.exit(3)


if __name__ == "__main__":
    app.qt_application()
    QTimer.singleShot(0, lambda: play(sys.argv[1]))
    sys.exit(cli.main(sys.argv[2:]))
