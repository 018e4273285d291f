"""Tells whether a building can be drawn with OpenGL here, by drawing one in another process.

Without a usable driver Qt3D ends its process from a thread of its own; nothing that this process could catch. So the
question is put to a child: `python -m views.building.gl_probe` exits with 0 when a picture came out, and whatever else
happens to it (a crash, a hang, a driver that paints nothing) means no.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, QObject, QProcess, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from capture.own_process import own_command

LIMIT_MS = 15_000
SWITCH = "SCOPE_3D"  # set to "off", the building is painted without OpenGL
_WITHOUT_GL = ("offscreen", "minimal", "vnc")


class GlProbe(QObject):
    """Asks once, without waiting; `answered` comes with the answer."""

    answered = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        """Nothing is asked yet."""
        super().__init__(parent)
        self._process: QProcess | None = None
        self._limit = QTimer(self)
        self._limit.setSingleShot(True)
        self._limit.setInterval(LIMIT_MS)
        self._limit.timeout.connect(self.stop)

    @staticmethod
    def worth_asking(window: QWidget) -> bool:
        """False where it is known that there is no OpenGL, that it is not wanted, or that nobody sees the window."""
        unseen = window.testAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        return not unseen and os.environ.get(SWITCH) != "off" and QGuiApplication.platformName() not in _WITHOUT_GL

    def ask(self) -> None:
        """Starts the child."""
        if self._process is not None:
            return
        process = QProcess(self)
        process.setStandardOutputFile(QProcess.nullDevice())
        process.setStandardErrorFile(QProcess.nullDevice())
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed)
        self._process = process
        self._limit.start()
        program, *arguments = own_command("views.building.gl_probe")
        process.start(program, arguments)

    def stop(self) -> None:
        """Ends a child that takes too long; the answer is then no."""
        if self._process is not None and self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.kill()
            self._process.waitForFinished(1_000)

    def end(self) -> None:
        """Ends without an answer: who asked is going, and nobody would close what a late yes would have them set up."""
        self.blockSignals(True)
        self.stop()

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._limit.stop()
        self.answered.emit(status == QProcess.ExitStatus.NormalExit and code == 0)

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._limit.stop()
            self.answered.emit(False)


def at_the_end(close: Callable[[], None]) -> None:
    """Has this called before the application ends, while Qt is still whole."""
    application = QCoreApplication.instance()
    if application is not None:
        application.aboutToQuit.connect(close)


def draws_a_picture() -> bool:
    """Whether OpenGL 3.3 is there and a building with one floor comes out. Only for a process that may crash."""
    from PySide6.QtCore import QEventLoop  # noqa: PLC0415 - the parent must not load Qt3D before it has the answer
    from PySide6.QtGui import QOffscreenSurface, QOpenGLContext, QSurfaceFormat  # noqa: PLC0415

    from views.building.layout import one_room  # noqa: PLC0415
    from views.building.projection import Camera, projection  # noqa: PLC0415

    form = QSurfaceFormat()
    form.setVersion(3, 3)
    form.setProfile(QSurfaceFormat.OpenGLContextProfile.CoreProfile)
    surface = QOffscreenSurface()
    surface.setFormat(form)
    surface.create()
    context = QOpenGLContext()
    context.setFormat(form)
    if not context.create() or not context.makeCurrent(surface) or context.format().version() < (3, 3):
        return False
    context.doneCurrent()

    from views.building.room_painter import Picture  # noqa: PLC0415
    from views.building.scene_qt3d import Qt3DPictures, is_empty  # noqa: PLC0415

    plan = one_room()
    pictures = Qt3DPictures()
    loop = QEventLoop()
    pictures.ready.connect(loop.quit)
    QTimer.singleShot(LIMIT_MS - 3_000, loop.quit)
    view = projection(plan, Camera(), (0.0, 0.0, 160.0, 120.0))
    pictures.draw(Picture(plan, view, "dark", 160, 120))
    if pictures.latest is None:
        loop.exec()
    drawn = pictures.latest
    pictures.close()
    return drawn is not None and drawn.image is not None and not is_empty(drawn.image)


if __name__ == "__main__":
    _application = QGuiApplication([])
    os._exit(0 if draws_a_picture() else 1)  # nothing of a doubtful driver gets the chance to hang at exit
