"""Plays a person at the real window with synthetic keys, and prints when each of them was seen on the screen.

`python -m tests.bench.window_driver BEGAN_NS BUILDING STORY SESSION`, on a display: BEGAN_NS is the monotonic clock
when this process was started; BUILDING is none (the panel is hidden), painted, or drawn (with OpenGL); STORY is glance
(open the session and close it) or scrub. One JSON document on stdout: milliseconds of every key, by what it does.

What is pressed, each key when the last one has been seen, but no faster than a held key comes:
  step, cold      the whole session visible, a hundredth of it per key from its start on: nearly every key leads into a
                  segment that nobody has asked for yet
  step, warm      event by event, by ten, over calls, on the lane and anywhere; first with the whole session visible,
                  then zoomed in to single calls, where the visible stretch moves along
  jump, cold      a click anywhere into the scrub track, zoomed in to single calls
  jump, complete  the same, until the timeline has read every call that is visible, too

Painted means: the store is at rest (the step made, its frame there), every view that was patched has painted what it
was patched for, the rooms of that very frame are in the picture when the building is shown, the window's backing store
has been flushed, and the display server has answered that it has all of it. Beside it stands the processor time that
this process took meanwhile, all threads together: it says as much on a machine that is busy with other things.
"""

from __future__ import annotations

import os
import random
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Set

import msgspec
from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from scope_gui import cli
from scope_gui.window import app
from scope_gui.window.window import MainWindow
from views.loop.events import ChangeSetting
from views.loop.state import Assigns
from views.loop.view_states import all_fields

PATIENCE_MS = 60_000
BETWEEN_KEYS_MS = 33  # what a held key does
IDLE_S = 10.0
_KEYS: dict[str, tuple[Qt.Key, Qt.KeyboardModifier]] = {
    "Left": (Qt.Key.Key_Left, Qt.KeyboardModifier.NoModifier),
    "Right": (Qt.Key.Key_Right, Qt.KeyboardModifier.NoModifier),
    "Shift+Right": (Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier),
    "Shift+Left": (Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier),
    "Ctrl+Left": (Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier),
    "Ctrl+Right": (Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier),
    ",": (Qt.Key.Key_Comma, Qt.KeyboardModifier.NoModifier),
    ".": (Qt.Key.Key_Period, Qt.KeyboardModifier.NoModifier),
    "Ctrl+Shift+Right": (
        Qt.Key.Key_Right,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
    ),
    "W": (Qt.Key.Key_W, Qt.KeyboardModifier.NoModifier),
}
_STEPS = ("Right", "Right", "Shift+Right", "Left", ",", "Ctrl+Left", "Shift+Right", ".", "Right", "Left")
Act = Callable[[], None]


class Eye(QObject):
    """Sees when the window shows what the store holds. A view of the store like any other, the last to be patched."""

    reads = all_fields()

    def __init__(self, window: MainWindow, building: str, seen: Callable[[float], None]) -> None:
        """`seen` is told the instant, in seconds of the performance counter, of everything that is watched for."""
        super().__init__(window)
        self._window, self._building, self._seen = window, building, seen
        self.wants_all_read = False
        self._since: Assigns | None = None
        self._watching = False
        self._patched_s = self._synced_s = 0.0
        window.installEventFilter(self)
        window.store.add(self)

    def watch(self) -> None:
        """From now on what changes is waited for."""
        self._since, self._watching = self._window.store.assigns, True

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """All others have been patched."""
        self._patched_s = time.perf_counter()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Once all that is dirty has been painted and flushed, looks whether that was it."""
        if event.type() is QEvent.Type.UpdateRequest and self._watching:
            QTimer.singleShot(0, self._look)
            self._synced_s = time.perf_counter()
        return False

    def _look(self) -> None:
        shown, stage = self._window.store.assigns, self._window.building.stage
        if not self._watching or shown is self._since or self._window.store.has_waiting or shown.steps or shown.busy:
            return
        if shown.frame is None or shown.frame_wanted_ns is not None or self._synced_s < self._patched_s:
            return
        if self._building != "none" and not stage.is_drawn:
            return
        if self.wants_all_read and self._window.views["timeline"].is_reading:
            return
        self._watching = False
        QGuiApplication.sync()
        self._seen(time.perf_counter())


class Person:
    """Presses the keys of a story one after the other, each when the last one has been seen."""

    def __init__(self, began_s: float, building: str, story: str) -> None:
        self.window = next(w for w in QApplication.topLevelWidgets() if isinstance(w, MainWindow))
        self.eye = Eye(self.window, building, self._seen)
        self.taken: dict[str, list[float]] = {}
        self.spent: dict[str, list[float]] = {}
        self.told: dict[str, object] = {}
        self._building, self._story_name = building, story
        self._what, self._from_s, self._cpu_s = "open", began_s, 0.0
        self._story = self._whole()
        self._choose = random.Random(7)
        self._limit = QTimer(self.window)
        self._limit.setSingleShot(True)
        self._limit.timeout.connect(self._never_seen)
        self._limit.start(PATIENCE_MS)
        self.eye.watch()

    def _seen(self, at_s: float) -> None:
        self.taken.setdefault(self._what, []).append((at_s - self._from_s) * 1000)
        self.spent.setdefault(self._what, []).append((time.process_time() - self._cpu_s) * 1000)
        QTimer.singleShot(BETWEEN_KEYS_MS, self._next)

    def _next(self) -> None:
        try:
            step = next(self._story, None)
            if step is None:
                self._finish()
                return
            self._what, act = step
            self.eye.watch()
            self._limit.start(PATIENCE_MS)
            self._from_s, self._cpu_s = time.perf_counter(), time.process_time()
            act()
        except BaseException:
            traceback.print_exc()
            QApplication.exit(3)

    def _never_seen(self) -> None:
        print(f"never seen: {self._what} after {self.taken.get(self._what, [])[-3:]}", file=sys.stderr)
        QApplication.exit(3)

    def _finish(self) -> None:
        sys.stdout.write(msgspec.json.encode({"taken": self.taken, "spent": self.spent, **self.told}).decode())
        sys.stdout.flush()
        self.window.close()

    def _whole(self) -> Iterator[tuple[str, Act]]:
        window = self.window
        if self._story_name == "glance":
            return
        window.activateWindow()
        self._wait(window.isActiveWindow)
        window.store.send(ChangeSetting(name="motion", value="reduced"))  # how long rooms glide is not our speed
        self._wait(lambda: window.store.assigns.motion == "reduced")
        if self._building == "none":
            window.building.hide()
        elif self._building == "drawn":
            self._wait(lambda: window.building.stage.is_on_card and window.building.stage.is_drawn)
        self.told["renderer"] = renderer() if self._building == "drawn" else "QPainter"
        self._wait(lambda: not window.views["timeline"].is_reading)
        for _ in range(90):
            yield "step, cold", self._press("Ctrl+Shift+Right")
        self._wait(lambda: not window.views["timeline"].is_reading)
        yield "first after a pause", self._press("Right")
        yield from self._steps("step, warm", 60)
        for _ in range(13):
            yield "zoom", self._press("W")
        self._wait(lambda: not window.views["timeline"].is_reading)
        yield from self._steps("step, warm", 140)
        for _ in range(40):
            yield "jump, cold", self._jump
        self.eye.wants_all_read = True
        for _ in range(40):
            yield "jump, complete", self._jump
        self._idle()

    def _steps(self, what: str, count: int) -> Iterator[tuple[str, Act]]:
        for at in range(count):
            yield what, self._press(_STEPS[at % len(_STEPS)])

    def _press(self, name: str) -> Act:
        key, modifiers = _KEYS[name]
        return lambda: QTest.keyClick(self.window.views["timeline"], key, modifiers)

    def _jump(self) -> None:
        """A click into the scrub track, anywhere."""
        track = self.window.transport.track
        x = self._choose.randrange(20, track.width() - 20)
        QTest.mouseClick(track, Qt.MouseButton.LeftButton, pos=QPoint(x, track.height() // 2))

    def _wait(self, condition: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_MS / 1000
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError("the window never came to it")
            QTest.qWait(10)

    def _idle(self) -> None:
        """What the window takes while nobody touches it, once everything has been read and looked through."""
        self._wait(lambda: not self.window.store.assigns.looks_for_findings)
        QTest.qWait(3_000)
        cpu_s, began_s = time.process_time(), time.perf_counter()
        QTest.qWait(int(IDLE_S * 1000))
        self.told["idle"] = (time.process_time() - cpu_s) / (time.perf_counter() - began_s)


def renderer() -> str:
    """Who draws OpenGL here."""
    from PySide6.QtGui import QOffscreenSurface, QOpenGLContext  # noqa: PLC0415 - only where a building is drawn

    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    context.create()
    context.makeCurrent(surface)
    functions = context.functions()
    name = str(functions.glGetString(0x1F01))
    context.doneCurrent()
    return name


if __name__ == "__main__":
    began_ns, building, story, session = sys.argv[1:5]
    began_s = time.perf_counter() - (time.monotonic_ns() - int(began_ns)) / 1e9
    if building != "drawn":
        os.environ["SCOPE_3D"] = "off"
    app.qt_application()
    QTimer.singleShot(0, lambda: Person(began_s, building, story))
    sys.exit(cli.main(["open", session, "--at", "start"]))
