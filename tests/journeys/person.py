"""A person at the window: presses keys, reads what is on the screen, waits until something is to be seen.

A story is a function that is given a Person and returns what was seen, as a dict that JSON can hold; the test compares
that with what it knows from elsewhere. To write one:

- put it into a module of `stories/`, with the docstring saying what the person wants, and name it in that module's
  STORIES; tests start it with the fixture `play` (`conftest.py`), in a process and on a display of its own;
- only user verbs: `press`, `type_text`, `click` (where the story is about the mouse), `do_by_palette`. No call that
  changes the window, no event sent to its store; looking at widgets and assigns is fine;
- wait for conditions with `expect` and never for time; what a key brought about is awaited by `press` itself;
- what the story needs from outside (paths, process ids) comes in `given`.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QTabBar, QWidget

from scope_gui.window.window import MainWindow
from views.loop.state import Assigns

PATIENCE_S = 30.0
GIVEN = "SCOPE_TEST_STORY"
_MOUSE = {
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseButtonDblClick,
    QEvent.Type.Wheel,
}


class MouseCount(QObject):
    """Counts what a mouse did, wherever in the application it did it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()
        self._application = QApplication.instance()
        assert self._application is not None
        self._application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() in _MOUSE:
            self.seen[event.type().name] += 1
        return False

    def stop(self) -> None:
        assert self._application is not None
        self._application.removeEventFilter(self)


class Person:
    """Presses keys and looks."""

    def __init__(self) -> None:
        self.window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
        self.mouse = MouseCount()
        self.given: dict[str, Any] = msgspec.json.decode(os.environ.get(GIVEN, "{}"))
        self.come_back()

    @property
    def assigns(self) -> Assigns:
        return self.window.store.assigns

    def notice(self) -> str:
        """The sentence on the screen, '' when there is none."""
        view = self.window.notices
        return view.sentence.text() if view.isVisible() else ""

    # -- waiting

    def expect(self, condition: Callable[[], object], what: str) -> None:
        """Waits until it is so."""
        deadline_s = time.monotonic() + PATIENCE_S
        QTest.qWait(1)
        while not condition():
            if time.monotonic() > deadline_s:
                where = f"keyboard in {self.with_keyboard()}; notice {self.assigns.notice}, busy {self.assigns.busy!r}"
                raise TimeoutError(f"never seen: {what}; {where}")
            QTest.qWait(2)

    def come_back(self) -> None:
        """Gives the window the keyboard; this display has no window manager that would do it."""
        self.expect(lambda: QApplication.activeModalWidget() is None, "the dialog closes")
        self.window.activateWindow()
        self.expect(self.window.isActiveWindow, "the window is active")

    def wait_for_session(self) -> None:
        self.expect(lambda: self.assigns.frame is not None and self.is_at_rest(), "a session with a frame")

    def is_at_rest(self) -> bool:
        """Whether all that was asked for has been answered."""
        shown = self.assigns
        if self.window.store.has_waiting or shown.looks_for_findings:
            return False
        return not shown.steps and not shown.busy and (shown.session is None or shown.frame_wanted_ns is None)

    # -- the keyboard

    def with_keyboard(self) -> QWidget:
        """Whatever has the keyboard."""
        return QApplication.focusWidget() or QApplication.activeModalWidget() or self.window

    def dialog_has_keyboard(self) -> bool:
        """Whether what is typed now goes into a dialog."""
        dialog, focus = QApplication.activeModalWidget(), QApplication.focusWidget()
        return dialog is not None and dialog.isActiveWindow() and focus is not None and dialog.isAncestorOf(focus)

    def press(self, *keys: str) -> None:
        """Presses keys in whatever has the keyboard, and waits until all has come to rest.

        A dialog that has just opened gets the keyboard first: till then a key would be for the window behind it, which
        takes none while a dialog is open (see `type_text`).
        """
        for key in keys:
            dialog = QApplication.activeModalWidget()
            if dialog is not None:
                self.expect(dialog.isActiveWindow, f"the dialog gets the keyboard before {key}")
            QTest.keySequence(self.with_keyboard(), key)
            self.expect(self.is_at_rest, f"rest after {key}")

    def type_text(self, text: str) -> None:
        """Types into the dialog that is open, and accepts it.

        A dialog is there before it has the keyboard, which the display server hands over when it comes to it. Keys
        typed until then are for the window behind, which takes none: once in some hundred dialogs Return was lost so.
        """
        self.expect(self.dialog_has_keyboard, "a dialog with the keyboard")
        QTest.keyClicks(self.with_keyboard(), text)
        QTest.keyClick(self.with_keyboard(), Qt.Key.Key_Return)
        self.come_back()
        QTest.qWait(40)

    def open_by_keyboard(self, path: str) -> None:
        """Opens a session with the dialog, a packed one or a folder."""
        key = self.assigns.session.key if self.assigns.session else 0
        self.press("Ctrl+O")
        self.type_text(path)
        self.expect(lambda: self.assigns.session is not None and self.assigns.session.key != key, f"{path} opens")
        self.wait_for_session()

    def do_by_palette(self, words: str) -> None:
        """Finds a command by its name and does it."""
        self.press("Ctrl+Shift+P")
        self.type_text(words)
        self.expect(self.is_at_rest, f"rest after {words}")

    def tab_to(self, wanted: QWidget) -> int:
        """Presses Tab until that widget has the keyboard; how often."""
        for presses in range(200):
            if QApplication.focusWidget() is wanted:
                return presses
            self.press("Tab")
        raise AssertionError(f"Tab never reaches {wanted}")

    def open_panel(self, title: str, wanted: QWidget) -> None:
        """Brings a panel to the front by its command; the keyboard is in it then."""
        self.press("Ctrl+Shift+P")
        self.type_text(title)
        self.expect(lambda: QApplication.focusWidget() is wanted, f"the keyboard is in {title}")

    # -- the mouse, for the stories that are about it

    def click_tab(self, title: str) -> None:
        """Clicks the tab of a panel."""
        for bar in self.window.findChildren(QTabBar):
            for at in range(bar.count()):
                if bar.tabText(at) == title:
                    self.click(bar, bar.tabRect(at).center())
                    return
        raise AssertionError(f"there is no tab {title}")

    def click(self, widget: QWidget, at: QPoint | None = None) -> None:
        """Presses the left button there, by default in the middle."""
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=widget.rect().center() if at is None else at)
        QTest.qWait(20)
        self.expect(self.is_at_rest, "rest after a click")

    # -- looking

    def track_has_colour(self, colour: str) -> bool:
        """Whether the transport's track shows that colour somewhere."""
        return has_colour(self.window.transport.track, colour)


def has_colour(widget: QWidget, colour: str, within: QRect | None = None) -> bool:
    """Whether a widget, or a part of it, shows exactly that colour somewhere."""
    picture = widget.grab(widget.rect() if within is None else within).toImage()
    picture = picture.convertToFormat(QImage.Format.Format_RGB32)
    wanted = int(colour[1:], 16)
    return any(
        picture.pixel(x, y) & 0xFFFFFF == wanted for x in range(picture.width()) for y in range(picture.height())
    )
