"""Opens and closes again and again, and prints what is there after each round.

`python -m tests.journeys.closing_story sessions|windows ROUNDS SESSION...`, on a display. `sessions`: one window, in
which the sessions are opened in turn, looked at and closed with keys. `windows`: each round has a whole application of
its own (window, store, workers, and the engine of the building where there is OpenGL) in the one QApplication that Qt
allows. One JSON document on stdout: per round the things alive then.
A round ends when all of it has been painted. Sessions, settings and temporary files lie in the working folder.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from scope_gui.window import app
from scope_gui.window.window import MainWindow
from views.loop.recording_events import OpenSession

PATIENCE_S = 20.0


def alive() -> dict[str, int]:
    """What there is now, once everything that is about to go has gone."""
    for _ in range(3):
        gc.collect()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
    tops = QApplication.topLevelWidgets()
    trees = [child for top in tops for child in top.findChildren(QObject)]
    roots = QApplication.instance()
    assert roots is not None
    of_application = roots.findChildren(QObject)  # looking makes wrappers, so it comes before they are counted
    wrapped = Counter(type(thing).__name__ for thing in shiboken6.getAllValidWrappers())
    _hand_back()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "files": open_files(),
        "widgets": len(QApplication.allWidgets()),
        "objects": len(trees) + len(of_application),
        "timers": sum(isinstance(child, QTimer) for child in (*trees, *of_application)),
        "wrappers": wrapped.total() - wrapped["QColor"],  # those are values; the theme keeps each shade it has mixed
        "pictures": wrapped["Qt3DPictures"] + wrapped["QAspectEngine"] + wrapped["QOffscreenSurface"],
        "shared memory": Path("/proc/self/maps").read_text().count(" /dev/shm/"),
        "files left": sum(1 for _ in Path.cwd().rglob("*")),
        "rss_bytes": pages * os.sysconf("SC_PAGE_SIZE"),
    }


def _hand_back() -> None:
    """Has the allocators return what nobody uses: what stays is held by somebody, and not only kept in reserve."""
    pyarrow.default_memory_pool().release_unused()
    ctypes.CDLL(None).malloc_trim(0)


def open_files() -> int:
    """The fewest files that were open in several looks: workers close a session, and read manifests, soon after."""
    counts = []
    for _ in range(10):
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
        QTest.qWait(10)
    return min(counts)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Lets the window live until it is so."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"never seen: {what}")
        QTest.qWait(5)


def has_been_seen(window: MainWindow) -> bool:
    """Whether a session is shown in full: its frame, its rooms, its lanes."""
    shown, stage = window.store.assigns, window.building.stage
    if shown.frame is None or shown.frame_wanted_ns is not None or shown.busy or window.store.has_waiting:
        return False
    is_drawn = stage.is_drawn and (stage.is_on_card or os.environ.get("SCOPE_3D") == "off")
    return is_drawn and not window.views["timeline"].is_reading


def or_give_up(play: Callable[[], None]) -> Callable[[], None]:
    """The same, but a failure ends the process at once: the window itself would go on after it."""

    def played() -> None:
        try:
            play()
        except BaseException:
            traceback.print_exc()
            os._exit(3)

    return played


def look_at(window: MainWindow) -> None:
    """Sees a session whole, then close."""
    window.activateWindow()  # no window manager does it on this display
    wait_for(lambda: window.isActiveWindow() and has_been_seen(window), "the session")
    window.grab()
    for key in (Qt.Key.Key_Right, Qt.Key.Key_W, Qt.Key.Key_Period):
        QTest.keyClick(window.views["timeline"], key)
    wait_for(lambda: has_been_seen(window) and not window.store.assigns.steps, "the steps")


def sessions_in_one_window(rounds: int, paths: list[str]) -> list[dict[str, int]]:
    """Opens each in turn and closes it."""
    found = []
    application = app.Application()
    window = application.window

    def play() -> None:
        for at in range(rounds):
            application.store.send(OpenSession(path=paths[at % len(paths)]))
            wait_for(lambda: application.store.assigns.session is not None, "a session")
            look_at(window)
            QTest.keyClick(window.views["timeline"], Qt.Key.Key_W, Qt.KeyboardModifier.ControlModifier)
            wait_for(
                lambda: application.store.assigns.session is None and not window.views["timeline"].isVisible(),
                "its end",
            )
            found.append(alive())
        window.close()

    QTimer.singleShot(0, or_give_up(play))
    application.run()
    return found


def windows(rounds: int, paths: list[str]) -> list[dict[str, int]]:
    """An application per round."""
    found = []
    for at in range(rounds):
        application = app.Application(OpenSession(path=paths[at % len(paths)]))

        def play(application: app.Application = application) -> None:
            look_at(application.window)
            application.window.close()

        QTimer.singleShot(0, or_give_up(play))
        application.run()
        del application, play
        found.append(alive())
    return found


if __name__ == "__main__":
    stories = {"sessions": sessions_in_one_window, "windows": windows}
    seen = stories[sys.argv[1]](int(sys.argv[2]), sys.argv[3:])
    sys.stdout.write(msgspec.json.encode(seen).decode())
