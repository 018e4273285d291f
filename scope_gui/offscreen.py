"""Views that nobody sees: the same widgets as on the screen, on a Store of their own, patched the same way, painted
into a picture of any size.

Used without a display by `scope-gui export`, and beside the window by its export dialog. Nothing here runs by itself:
no pulse, no workers but those that views read with, and they are waited for, so that no picture is half loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, qInstallMessageHandler
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from capture.errors import TargetProblem
from dags.frame_parts import Frame
from scope_gui.export_plan import LEAST, Size, ViewName
from scope_gui.qt_messages import on_qt_message
from views.events import Event, FrameReady, SeekTo
from views.legend import signs_of
from views.live import Store, View
from views.picture import Caption, body_size, make_view, pixels_of, with_title
from views.source import Source
from views.state import Assigns
from views.theme import dress

if TYPE_CHECKING:
    from scope_gui.window import MainWindow

FrameAt = Callable[[int], Frame]


@runtime_checkable
class Loading(Protocol):
    """A view that reads on a thread of its own."""

    def wait_until_loaded(self) -> None: ...
    def shut(self) -> None: ...


def headless_application() -> QApplication:
    """An application without a display, whatever the environment says; a pixel of it is a pixel of the picture."""
    for name in ("QT_SCALE_FACTOR", "QT_SCREEN_SCALE_FACTORS"):
        os.environ.pop(name, None)
    running = QApplication.instance()
    if isinstance(running, QApplication):
        return running
    app = QApplication([sys.argv[0], "-platform", "offscreen"])
    app.setStyle("Fusion")
    qInstallMessageHandler(on_qt_message)
    return app


class Offscreen:
    """One view, or the whole window, showing a state; `seek` moves its cursor, `picture` is what it looks like."""

    def __init__(self, name: ViewName, source: Source, assigns: Assigns, frame_at: FrameAt, size: Size) -> None:
        """Builds it for pictures of that size.

        Raises: TargetProblem when it does not fit.
        """
        self.name = name
        self.store = Store(assigns)
        self._frame_at = frame_at
        self._size = QSize(*size)
        self._loading: list[Loading] = []
        self.widget = self._window(source) if name == "window" else self._view(name, source)

    def seek(self, time_ns: int) -> None:
        """Moves the cursor, with the frame of that moment."""
        session = self.store.assigns.session
        key = session.key if session is not None else 0
        self.do(SeekTo(time_ns=time_ns))
        moment_ns = self.store.assigns.cursor_ns
        self.do(FrameReady(key=key, time_ns=moment_ns, frame=self._frame_at(moment_ns)))

    def do(self, *events: Event) -> None:
        """Has these events happen, and what they lead to."""
        for event in events:
            self.store.send(event)
        while self.store.has_waiting:
            self.store.fold()

    def load(self) -> None:
        """Waits until all that is shown has been read."""
        for view in self._loading:
            view.wait_until_loaded()

    def picture(self) -> QImage:
        """What it looks like; `load` first, for no picture shows half of what there is."""
        body = pixels_of(self.widget)
        if self.name == "window":
            return body
        shown = self.store.assigns
        return with_title(body, caption_of(self.name, shown), signs_of(self.widget), shown.theme)

    def close(self) -> None:
        """Lets go of it. Harmless when repeated."""
        for view in self._loading:
            view.shut()
        self._loading.clear()
        self.widget.deleteLater()
        QCoreApplication.sendPostedEvents(self.widget, QEvent.Type.DeferredDelete)

    def _view(self, name: ViewName, source: Source) -> QWidget:
        dress(self.store.assigns.theme)
        widget = make_view(name, self.store.send, source)
        widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        widget.setMinimumSize(0, 0)
        self._watch(widget)
        self.store.add(cast(View, widget))
        widget.resize(body_size(self._size, signs_of(widget)))
        self._place(widget)
        return widget

    def _window(self, source: Source) -> MainWindow:
        from scope_gui.settings import Settings  # noqa: PLC0415 - a single view needs none of the window
        from scope_gui.window import MainWindow  # noqa: PLC0415

        window = MainWindow(self.store, source)
        window.begin(Settings())
        window.resize(self._size)
        for view in (window.timeline, window.metrics):
            self._watch(view)
        self._place(window)
        window.place()
        _settle()
        self.store.fold()
        if window.size() != self._size:
            width, height = LEAST["window"]
            raise TargetProblem(f"The window's panels do not fit into that size; {width}x{height} is the least.")
        return window

    def _watch(self, widget: QWidget) -> None:
        if isinstance(widget, Loading):
            self._loading.append(widget)

    def _place(self, widget: QWidget) -> None:
        """Gives the widget and all in it their sizes, as if it were on the screen."""
        widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        widget.show()
        _settle()
        self.store.fold()


def caption_of(name: ViewName, assigns: Assigns) -> Caption:
    """The title of a single view's picture."""
    session = assigns.session
    return Caption(
        session=session.name if session is not None else "",
        view=name.capitalize(),
        time_ns=assigns.cursor_ns,
        live=session is not None and session.live,
    )


def _settle() -> None:
    """Has Qt do what it has put off: layouts, sizes, polish."""
    for _ in range(3):
        QCoreApplication.sendPostedEvents()
