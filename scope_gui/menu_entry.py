"""The desktop's menu, from the window: `scope-gui --install-desktop` and its undoing, in a process of their own."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QByteArray, QCoreApplication, QObject, QProcess

from scope_gui.places import own_program
from views.events import Busy, Event, Tell
from views.state import Notice

LIMIT_MS = 60_000


class MenuEntry(QObject):
    """Does it once at a time; the outcome comes as a notice. The desktop's tools may take seconds."""

    def __init__(self, parent: QObject, send: Callable[[Event], None]) -> None:
        """Nothing is started yet."""
        super().__init__(parent)
        self._send = send
        self._process = QProcess(self)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._wait)

    def add(self) -> None:
        """Puts Scope into the menu."""
        self._start("--install-desktop")

    def remove(self) -> None:
        """Takes it out again."""
        self._start("--uninstall-desktop")

    def _start(self, flag: str) -> None:
        """Nothing happens while the last one is under way."""
        if self._process.state() != QProcess.ProcessState.NotRunning:
            return
        self._send(Busy(what="Changing the desktop's menu"))
        program, *arguments = own_program()
        self._process.start(program, [*arguments, flag])

    def _wait(self) -> None:
        """Half a menu entry helps nobody."""
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._process.waitForFinished(LIMIT_MS)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._send(Busy(what=""))
        if status == QProcess.ExitStatus.NormalExit and code == 0:
            self._send(Tell(notice=Notice(_last_line(self._process.readAllStandardOutput()))))
        else:
            said = _last_line(self._process.readAllStandardError()).removeprefix("scope-gui: ")
            self._send(Tell(notice=Notice(said or "The desktop's menu could not be changed.", serious=True)))

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._send(Busy(what=""))
            self._send(Tell(notice=Notice(f"{self._process.program()} cannot be started.", serious=True)))


def _last_line(data: QByteArray) -> str:
    lines = bytes(data.data()).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
