"""The building as a widget: its row of buttons, the stage below it, and the trend of the visible stretch."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import ClassVar

from PySide6.QtCore import QSize, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from views.building.controls import LEAST_PX, Controls
from views.building.gl_probe import GlProbe, at_the_end
from views.building.moments import moments_of_view
from views.building.stage import Pose, Stage
from views.building.state import BuildingState
from views.drawing.theme import widget_px
from views.loop.events import Event
from views.loop.state import Assigns
from views.reading.source import Source
from views.supervision.state import SupervisionState

LEAST_HIGH_PX = 88
REST_MS = 250


class BuildingView(QWidget):
    """Floors are threads, rooms are functions: where the program has been busy just before the cursor."""

    reads: ClassVar[frozenset[str]] = frozenset(
        {"session", "frame", "building", "supervision", "selection", "theme", "scale", "revision", "visible_ns"}
    )
    _more = Signal()

    def __init__(self, send: Callable[[Event], None], source: Source, parent: QWidget | None = None) -> None:
        """Shows nothing until it is patched."""
        super().__init__(parent)
        self._source, self._assigns = source, Assigns()
        self.setAccessibleName("Building")
        self.controls = Controls(send, self)
        self.stage = Stage(send, source, self)
        self.stage.built.connect(self._count)
        self._probe: GlProbe | None = None
        self._moments = moments_of_view(source, self._more.emit)
        self._more.connect(self._loaded)
        self._at_rest = QTimer(self)
        self._at_rest.setSingleShot(True)
        self._at_rest.setInterval(REST_MS)
        self._at_rest.timeout.connect(self._look_around)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 0)
        box.setSpacing(2)
        box.addWidget(self.controls)
        box.addWidget(self.stage, 1)

    def patch(self, assigns: Assigns, changed: Set[str]) -> None:
        """Shows these assigns."""
        self._assigns = assigns
        if assigns.frame is not None and self._probe is None and GlProbe.worth_asking(self.window()):
            self._probe = GlProbe(self)
            self._probe.answered.connect(self._draw_with_gl)
            at_the_end(self._probe.end)
            self._probe.ask()
        if "session" in changed:
            self._moments.follow(self._source.session)
            self.stage.forget()
        self.stage.show_assigns(assigns)
        if changed & {"session", "visible_ns"} and not self._at_rest.isActive():
            self._at_rest.start()

    def pose(self) -> Pose:
        """From where the building is seen, and what has its place in it."""
        return self.stage.pose()

    def take_pose(self, pose: Pose) -> None:
        """Sees it from there."""
        self.stage.take_pose(pose)

    @property
    def is_loading(self) -> bool:
        """Whether the visible stretch is still to be looked at."""
        return self._at_rest.isActive() or self._moments.is_reading

    def wait_until_loaded(self) -> None:
        """Returns when the scale is that of the whole visible stretch."""
        if self._at_rest.isActive():
            self._at_rest.stop()
            self._look_around()
        self._moments.wait()
        self._loaded()

    def shut(self) -> None:
        """Looks around no more. Harmless when repeated."""
        self._at_rest.stop()
        self._moments.close()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """What nobody sees is not looked for."""
        self.shut()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Goes on looking."""
        self._at_rest.start()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """A low building keeps its room for itself."""
        self.controls.leave_room()
        super().resizeEvent(event)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A row of buttons, and a front elevation below it that still says which thread is the busiest."""
        return QSize(LEAST_PX, widget_px(LEAST_HIGH_PX))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Room for a building."""
        return QSize(720, 240)

    def _look_around(self) -> None:
        self._moments.want(self._assigns.visible_ns)

    def _loaded(self) -> None:
        trend = self._moments.trend
        if self._assigns.frame is not None and trend != self.stage.trend:
            self.stage.show_trend(trend)

    def _count(self) -> None:
        shown = self._assigns
        heat_by = shown.of(SupervisionState).heat_by
        self.controls.show_state(shown.of(BuildingState), self.stage.plan, shown.theme, heat_by, shown.scale)

    def _draw_with_gl(self, works: bool) -> None:
        if works:
            from views.building.scene_qt3d import Qt3DPictures  # noqa: PLC0415 - not before it is known to be safe

            pictures = Qt3DPictures(self)
            at_the_end(pictures.close)
            self.stage.use(pictures)
