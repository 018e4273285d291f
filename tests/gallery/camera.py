"""Takes the pictures: opens the real application, does what a state says, waits until all has come to rest, grabs."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPixmap
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QDialog, QLineEdit

from scope_gui.commands import COMMANDS
from scope_gui.dialogs.find_box import TOP_PX
from scope_gui.dialogs.guide import GuideWindow
from scope_gui.dialogs.open_lines import COLUMNS
from scope_gui.dialogs.open_session import OpenSessionDialog
from scope_gui.pictures.offscreen import Loading
from scope_gui.window.app import Application
from tests.gallery.catalogue import Order, Picture, events_of
from views import registry
from views.building.gl_probe import SWITCH
from views.building.stage import Stage
from views.building.state import SetMeasure
from views.building.view import BuildingView
from views.loop.events import (
    AddBookmark,
    ChangeSetting,
    Event,
    Mark,
    Search,
    SeekTo,
    Select,
    SessionClosed,
    SetTheme,
    Show,
    Tell,
    ToggleFold,
)
from views.loop.recording_events import OpenSession
from views.loop.state import Assigns, Selection, Theme
from views.loop.stretch import PickStretch
from views.loop.view_states import all_fields
from views.reading.opening import first_focus
from views.reading.source import Source
from views.supervision.state import SetHeat
from views.transport.view import TransportView

PATIENCE_S = 30.0
ALONE: dict[str, Callable[[Callable[[Event], None], Source], Any]] = {
    **{row.name: row.make for row in registry.VIEWS},
    "building-gl": BuildingView,
    "transport": TransportView,
}
TYPED = {"find": "stock", "go to": "2.5s", "note": "stock went below zero here"}
STRIPS = ("metrics", "transport")  # as high as they ask for, not as high as the window


class Camera:
    """One application with one session, of which pictures are taken."""

    def __init__(self, app: Application, *, opens: bool, has_gl: bool) -> None:
        """Waits until the window shows the session that the application opens, if there is one."""
        self._app, self._window = app, app.window
        self._alone: dict[str, Any] = {}
        if opens:
            self._until(lambda: self._assigns.frame is not None, "the first frame")
            if has_gl:
                self._until(lambda: self._window.building.stage.is_on_card, "the building on the graphics card")
        self.rest()

    @property
    def _assigns(self) -> Assigns:
        return self._app.store.assigns

    def close(self) -> None:
        """Closes the window, which ends the application."""
        for view in self._alone.values():
            view.close()
            view.deleteLater()
        self._window.close()

    def take(self, picture: Picture) -> QPixmap:
        """The picture as it was asked for."""
        self._dress(picture.theme, picture.screen.size)
        if picture.kind == "view" and picture.what != "window":
            self._do(events_of(picture.session, self._app.source.session))
            return self._view_alone(picture)
        self._do(events_of(picture.session if picture.what == "window" else picture.what, self._app.source.session))
        if picture.kind == "dialog":
            return self._guide() if picture.what == "guide" else self._over_the_window(picture.what)
        if picture.what == "closed":
            return self._without_the_session()
        return self._inside_the_building() if picture.what == "rooms" else self._window.grab()

    def rest(self) -> None:
        """Returns when nothing more is going to change by itself."""
        self._until(self._is_at_rest, "rest")
        self._window.views["timeline"].wait_until_loaded()
        self._window.views["metrics"].wait_until_loaded()
        self._window.building.wait_until_loaded()
        QApplication.processEvents()
        self._until(self._is_at_rest, "rest")

    def _is_at_rest(self) -> bool:
        shown = self._assigns
        if self._app.store.has_waiting or shown.busy or shown.steps or not self._window.building.stage.is_drawn:
            return False
        is_live = shown.session is not None and shown.session.live
        if shown.looks_for_findings or not (is_live or self._app.source.pool.settle(0.0)):
            return False  # a page is still being counted
        return shown.session is None or shown.frame_wanted_ns is None or shown.session.live

    def _dress(self, theme: Theme, size: tuple[int, int]) -> None:
        """The window in a theme and a size, with its panels where they are put at first."""
        if theme != self._assigns.theme:
            self._app.store.send(SetTheme(theme=theme))
        if self._window.width() != size[0] or self._window.height() != size[1]:
            self._window.resize(*size)
            QTest.qWait(1)
            if self._assigns.session is not None:
                self._window.lay_out()
        self.rest()

    def _do(self, events: Sequence[Event]) -> None:
        """Everything as when the session was opened, then these; one after the other, as a person would."""
        undone = self._undo() if self._assigns.session is not None and not self._assigns.session.live else []
        for event in [*undone, *events]:
            self._app.store.send(event)
            QApplication.processEvents()
        self.rest()

    def _undo(self) -> list[Event]:
        """What takes back all that other pictures needed."""
        shown = self._assigns
        events: list[Event] = []
        for bookmark in shown.bookmarks:
            events += [SeekTo(time_ns=bookmark.time_ns), AddBookmark()]
        if shown.marked_ns is not None:
            events += [SeekTo(time_ns=shown.marked_ns), Mark()]
        events += [ToggleFold(track_id=track) for track in shown.folded]
        focus = first_focus(self._app.source.names)
        events += [Search(text=""), Select(selection=Selection("track", focus, focus)), Select(selection=None)]
        events += [SetHeat(heat_by="activity"), SetMeasure(measure="calls"), PickStretch(range_ns=None), Show()]
        return events if self._is_damaged() else [*events, Tell(notice=None)]

    def _is_damaged(self) -> bool:
        session = self._app.source.session
        return session is not None and bool(session.problems)

    def _view_alone(self, picture: Picture) -> QPixmap:
        view = self._alone.get(picture.what)
        if view is None:
            view = self._alone[picture.what] = ALONE[picture.what](self._ignored, self._app.source)
        width, height = picture.screen.size
        view.resize(width, view.sizeHint().height() if picture.what in STRIPS else height)
        view.show()
        with painted_only(picture.what == "building"):
            view.patch(self._assigns, all_fields())
        if isinstance(view, Loading):
            view.wait_until_loaded()
        if isinstance(view, BuildingView):
            self._until(_Drawn(view.stage, picture.what == "building-gl"), "the building is drawn")
        QApplication.processEvents()
        taken: QPixmap = view.grab()
        view.hide()
        return taken

    def _inside_the_building(self) -> QPixmap:
        """The building turned and tilted, with the keyboard in it."""
        stage = self._window.building.stage
        self._window.activateWindow()
        self._until(self._window.isActiveWindow, "the window is active")
        stage.look("turn right")
        stage.look("tilt up")
        stage.go_in()
        self.rest()
        taken = self._window.grab()
        stage.look("whole")
        stage.left.emit()
        return taken

    def _without_the_session(self) -> QPixmap:
        """The welcome page, as it is for somebody who has looked at sessions before."""
        shown = self._assigns.session
        assert shown is not None
        self._app.store.send(SessionClosed())
        self._until(lambda: self._assigns.session is None, "the session is closed")
        self._until(lambda: bool(self._assigns.recent_described), "what the sessions hold")
        self.rest()
        taken = self._window.grab()
        self._app.store.send(OpenSession(path=shown.path))
        self._until(lambda: self._assigns.frame is not None, "the first frame")
        self.rest()
        return taken

    def _guide(self) -> QPixmap:
        """The guide, which holds up nothing, beside the window."""
        self._window.do(next(command for command in COMMANDS if command.ask == "guide"))
        guide = self._window.findChild(GuideWindow)
        assert guide is not None
        self._until(guide.isVisible, "the guide")
        self.rest()
        taken, place = self._window.grab(), self._window.mapFromGlobal(guide.pos())
        painter = QPainter(taken)
        painter.drawPixmap(place, guide.grab())
        painter.end()
        guide.close()
        return taken

    def _over_the_window(self, what: str) -> QPixmap:
        if what == "open" and self._assigns.session is not None:
            folder = str(Path(self._assigns.session.path).parent)
            self._app.store.send(ChangeSetting(name="folders.recordings", value=folder))
            self.rest()
        command = next(command for command in COMMANDS if command.ask == what)
        self._window.do(command)
        self._until(lambda: isinstance(QApplication.activeModalWidget(), QDialog), f"the dialog {what}")
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QDialog)
        rows = dialog.findChild(QAbstractItemView)
        if what == "attach" and rows is not None:
            self._until(lambda: rows.model().rowCount() > 0, "processes")
        if isinstance(dialog, OpenSessionDialog):
            self._until(lambda: _is_described(dialog), "what the sessions hold")
        line = dialog.findChild(QLineEdit)
        if line is not None:
            QTest.keyClicks(line, TYPED.get(what, ""))
        self.rest()
        taken, over = self._window.grab(), dialog.grab()
        left = (self._window.width() - dialog.width()) // 2
        is_at_top = dialog.windowFlags() & Qt.WindowType.FramelessWindowHint
        top = TOP_PX if is_at_top else (self._window.height() - dialog.height()) // 3
        painter = QPainter(taken)
        painter.fillRect(self._window.rect(), QColor(0, 0, 0, 70))
        painter.drawPixmap(QPoint(left, top), over)
        painter.end()
        dialog.reject()
        self._until(lambda: QApplication.activeModalWidget() is None, "the dialog closes")
        return taken

    @staticmethod
    def _ignored(event: Event) -> None:
        """A view that is shown alone leads nowhere."""

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"never seen: {what}; {self._assigns.notice}")
            QTest.qWait(2)


def _is_described(dialog: OpenSessionDialog) -> bool:
    """Whether every session that is listed says how large it is."""
    rows = [dialog.list.topLevelItem(at) for at in range(dialog.list.topLevelItemCount())]
    return bool(rows) and all(row.text(COLUMNS.index("Size")) or row.text(0).endswith("/") for row in rows if row)


class _Drawn:
    """Whether a building is drawn, by the card if that was asked for."""

    def __init__(self, stage: Stage, on_card: bool) -> None:
        self._stage, self._on_card = stage, on_card

    def __call__(self) -> bool:
        return self._stage.is_drawn and (self._stage.is_on_card or not self._on_card)


@contextmanager
def painted_only(wanted: bool) -> Iterator[None]:
    """Keeps a building that is made now from asking for OpenGL."""
    before = os.environ.get(SWITCH)
    if wanted:
        os.environ[SWITCH] = "off"
    yield
    if wanted:
        os.environ.pop(SWITCH)
        if before is not None:
            os.environ[SWITCH] = before


def main() -> int:
    """Takes the pictures of the order on standard input; what goes wrong is on standard error."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    app = Application(OpenSession(path=order.path) if order.path else None)
    failures: list[BaseException] = []

    def take() -> None:
        try:
            camera = Camera(app, opens=bool(order.path), has_gl=order.has_gl)
            for picture in order.pictures:
                camera.take(picture).save(f"{order.target}/{picture.name}.png")
            camera.close()
        except BaseException as error:
            failures.append(error)
            traceback.print_exc()
            QApplication.exit(1)

    QTimer.singleShot(0, take)
    return app.run() or len(failures)


if __name__ == "__main__":
    sys.exit(main())
