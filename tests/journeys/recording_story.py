"""Plays a person who records from the window: `python -m tests.journeys.recording_story PROGRAM_PID`, keys only.

Opens the real window on the welcome page, attaches to that process through the dialog, watches, stops from the window
and quits. Prints one JSON document of what was seen. Exit status 3 when something that was waited for never came.
"""

from __future__ import annotations

import faulthandler
import sys
import time
import traceback
from collections.abc import Callable

import msgspec
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from scope_gui import cli
from scope_gui.dialogs.attach import AttachDialog
from scope_gui.window.app import qt_application
from scope_gui.window.window import MainWindow
from views.loop.state import Assigns

PATIENCE_S = 30.0
HANGS_S = 85.0


class Person:
    """Presses keys and looks."""

    def __init__(self) -> None:
        self.window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
        self.window.activateWindow()
        self.expect(self.window.isActiveWindow, "the window is active")

    @property
    def assigns(self) -> Assigns:
        return self.window.store.assigns

    def expect(self, condition: Callable[[], bool], what: str) -> None:
        """Waits until it is so, in an event loop: other threads of the window must get to work meanwhile."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"never seen: {what}; {self.assigns.notice}")
            loop = QEventLoop()
            QTimer.singleShot(10, loop.quit)
            loop.exec()

    def has_overhead(self) -> bool:
        """Whether the recorder has told what the recording costs."""
        return self.assigns.recorder is not None and self.assigns.recorder.overhead is not None

    def said(self) -> str:
        """The sentence that the window shows."""
        return self.assigns.notice.text if self.assigns.notice is not None else ""

    def press(self, *keys: str) -> None:
        for key in keys:
            QTest.keySequence(self.with_keyboard(), key)

    def with_keyboard(self) -> QWidget:
        return QApplication.activeModalWidget() or self.window


def attach_watch_stop(person: Person, pid: str) -> dict[str, object]:
    """The story; what was seen of it."""
    seen: dict[str, object] = {"welcome": person.window.welcome.isVisible()}
    person.press("Ctrl+Shift+A")
    person.expect(lambda: isinstance(QApplication.activeModalWidget(), AttachDialog), "the attach dialog")
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, AttachDialog)
    QTest.keyClicks(dialog.filter, pid)
    person.expect(lambda: dialog.go.isEnabled() and f"process {pid} " in dialog.verdict.text(), "the examined process")
    seen["verdict"] = dialog.verdict.text()
    dialog.grab().save("attach.png")
    QTest.keySequence(dialog.filter, "Return")
    person.expect(lambda: person.assigns.session is not None, "the live session")
    assert person.assigns.session is not None
    seen["path"] = person.assigns.session.path
    person.expect(lambda: person.assigns.range_ns[1] > 1_500_000_000, "more than a second of recording")
    person.expect(person.has_overhead, "a measured overhead")
    told = person.assigns.recorder
    assert told is not None
    seen["overhead"], seen["produced"], seen["pid"] = told.overhead, told.produced, told.pid
    person.expect(lambda: "overhead" in person.window.header.status.text(), "the overhead in the header")
    person.window.grab().save("live.png")
    person.window.activateWindow()
    person.expect(person.window.isActiveWindow, "the window is active again")
    person.press("Ctrl+Shift+S")
    person.expect(lambda: person.assigns.session is not None and not person.assigns.session.live, "a finished session")
    person.expect(lambda: "; saved " in person.said(), "what became of it")
    seen["notice"] = person.said()
    seen["status"] = person.window.header.status.text()
    return seen


def play(pid: str) -> None:
    try:
        person = Person()
        seen = attach_watch_stop(person, pid)
        sys.stdout.write(msgspec.json.encode(seen).decode())
        sys.stdout.flush()
        person.press("Ctrl+Q")
    except BaseException:
        traceback.print_exc()
        QApplication.exit(3)


if __name__ == "__main__":
    faulthandler.dump_traceback_later(HANGS_S, exit=True)  # so that a hang says where
    qt_application()
    QTimer.singleShot(0, lambda: play(sys.argv[1]))
    sys.exit(cli.main([]))
