"""Views that nobody sees: the same widgets as on the screen, on a Store of their own, patched the same way, painted
into a picture of any size.

Used without a display by `scope-gui export`, and beside the window by its export dialog. Nothing here runs by itself:
no pulse, no workers but those that views read with, and they are waited for, so that no picture is half loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from PySide6.QtCore import QCoreApplication, QEvent, QSize, Qt, qInstallMessageHandler
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from capture.errors import TargetProblem
from dags.frame_parts import Frame
from scope_gui.left_window import LeftWindow
from scope_gui.pictures.plan import LEAST_WINDOW, WINDOW, Size
from scope_gui.pictures.vectors import Vectors, svg_of
from scope_gui.qt_messages import on_qt_message
from views import registry
from views.drawing.legend import Sign, fitting, signs_of
from views.drawing.picture import Caption, HasPose, body_size, pixels_of, with_title
from views.drawing.theme import dress
from views.inspector.asking import read_page
from views.inspector.asking import wanted as page_asked
from views.loop.events import Event, FrameReady, SeekTo
from views.loop.state import Assigns
from views.loop.store import Store, View
from views.reading.source import Source


class Desk(Protocol):
    """The window, as far as pictures of it need it; a QWidget."""

    def begin(self, left: LeftWindow) -> None: ...
    def parts(self) -> Mapping[str, QWidget]: ...
    def place(self) -> None: ...


MakeDesk = Callable[[Store, Source], Desk]


@runtime_checkable
class Loading(Protocol):
    """A view that has the pool read for it."""

    @property
    def is_loading(self) -> bool: ...
    def wait_until_loaded(self) -> None: ...
    def shut(self) -> None: ...


@runtime_checkable
class HasLanes(Protocol):
    """A view with a lane per track."""

    def show_lane(self, track_id: int) -> None: ...


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
    """One view, or the whole window, showing a state; `show` moves its cursor, `picture` is what it looks like."""

    def __init__(
        self, name: str, source: Source, assigns: Assigns, size: Size, *, make_desk: MakeDesk, layout: str = ""
    ) -> None:
        """Builds it for pictures of that size. `layout`: where a window's panels are, as LeftWindow keeps it.

        Raises: TargetProblem when it does not fit.
        """
        self.name = name
        self.store = Store(assigns)
        self._source = source
        self._page_asked: object = None
        self._size = QSize(*size)
        self._parts: dict[str, QWidget] = {}
        is_window = name == WINDOW
        self.widget = self._desk(make_desk(self.store, source), layout) if is_window else self._view(name, source)

    def show(self, frame: Frame) -> None:
        """Moves the cursor to the moment of a frame."""
        session = self.store.assigns.session
        key = session.key if session is not None else 0
        self.do(SeekTo(time_ns=frame.time_ns), FrameReady(key=key, time_ns=frame.time_ns, frame=frame))

    def do(self, *events: Event) -> None:
        """Has these events happen, and what they lead to."""
        for event in events:
            self.store.send(event)
        while self.store.has_waiting:
            self.store.fold()

    @property
    def is_loading(self) -> bool:
        """Whether something that is shown is being read; `load` would have to wait for it."""
        return any(part.is_loading for part in self._parts.values() if isinstance(part, Loading))

    def load(self) -> None:
        """Waits until all that is shown has been read, the page of what is picked included."""
        for part in self._parts.values():
            if isinstance(part, Loading):
                part.wait_until_loaded()
        asked = page_asked(self.store.assigns)
        if asked is not None and asked != self._page_asked:
            self._page_asked = asked
            read_page(self._source, self.store.assigns, self.store.send)
            self.do()

    def show_picked(self) -> None:
        """Scrolls to the lane that is picked; how tall the lanes above it are is known once they are loaded."""
        for part in self._parts.values():
            if isinstance(part, HasLanes) and self.store.assigns.selection is not None:
                part.show_lane(self.store.assigns.focus_track_id)

    def take_poses(self, poses: Mapping[str, Any]) -> None:
        """Looks at everything as it is looked at on the screen; `load` first, for it says how far one can scroll."""
        for name, part in self._parts.items():
            if name in poses and isinstance(part, HasPose):
                part.take_pose(poses[name])

    def picture(self) -> QImage:
        """What it looks like; `load` first, for no picture shows half of what there is."""
        signs = self._signs(self.widget) if self.name != WINDOW else ()
        return picture_of(self.widget, self.name, self.store.assigns, signs)

    def vectors(self) -> Vectors:
        """The same as shapes and text. Raises: TargetProblem for what would be too large."""
        caption = None if self.name == WINDOW else caption_of(self.name, self.store.assigns)
        signs = () if caption is None else self._signs(self.widget)
        return svg_of(self.widget, caption, signs, self.store.assigns.theme)

    def close(self) -> None:
        """Lets go of it."""
        for part in self._parts.values():
            if isinstance(part, Loading):
                part.shut()
        self.widget.deleteLater()
        QCoreApplication.sendPostedEvents(self.widget, QEvent.Type.DeferredDelete)

    def _view(self, name: str, source: Source) -> QWidget:
        dress(self.store.assigns.theme)
        widget = cast(QWidget, registry.view_named(name).make(self.store.send, source))
        widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        widget.setMinimumSize(0, 0)
        self._parts[name] = widget
        self.store.add(cast(View, widget))
        widget.resize(body_size(self._size, self._signs(widget)))
        self._place(widget)
        return widget

    def _desk(self, window: Desk, layout: str) -> QWidget:
        assert isinstance(window, QWidget)
        window.begin(LeftWindow(layout=layout))
        window.resize(self._size)
        self._parts |= window.parts()
        self._place(window)
        window.place()
        _settle()
        self.store.fold()
        if window.size() != self._size:
            least = f"{max(window.width(), LEAST_WINDOW[0])}x{max(window.height(), LEAST_WINDOW[1])}"
            raise TargetProblem(f"The window's panels do not fit into that size; {least} would do.")
        return window

    def _signs(self, view: QWidget) -> tuple[Sign, ...]:
        return fitting(signs_of(view), self._size.width(), self._size.height())

    def _place(self, widget: QWidget) -> None:
        """Gives the widget and all in it their sizes, as if it were on the screen."""
        widget.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        widget.show()
        _settle()
        self.store.fold()


def picture_of(widget: QWidget, name: str, assigns: Assigns, signs: Sequence[Sign], ratio: float = 1.0) -> QImage:
    """The picture of the window, or of a view with its title and a legend of these signs."""
    body = pixels_of(widget, ratio)
    if name == WINDOW:
        return body
    return with_title(body, caption_of(name, assigns), signs, assigns.theme)


def caption_of(name: str, assigns: Assigns) -> Caption:
    """What the title of a view's picture says."""
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
