"""A verb of our command line run for the window: the same work as in a terminal, its progress and outcome in here.

In a process of its own, because packing a long session takes a while and must be stoppable at any point; interrupted
as Ctrl+C would, the verb takes away what it had half written.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

from PySide6.QtCore import QByteArray, QCoreApplication, QObject, QProcess

from scope_gui.places import own_program
from views.loop.events import Busy, Event, StopLooking, Tell
from views.loop.state import Notice

END_MS = 10_000
_PREFIX = "scope-gui: "
_PROGRESS = re.compile(rf"{_PREFIX}(.*: \d+ %)$")


class OwnVerb(QObject):
    """One at a time; says so when another one is asked for meanwhile."""

    def __init__(self, parent: QObject, send: Callable[[Event], None]) -> None:
        """Nothing is started yet."""
        super().__init__(parent)
        self._send = send
        self._what = self._lead = ""
        self._then: Callable[[str], None] | None = None
        self._stopped = False
        self._errors: list[str] = []
        self._process = QProcess(self)
        self._process.readyReadStandardError.connect(self._hear)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._end)

    def start(self, what: str, *words: str, lead: str = "", then: Callable[[str], None] | None = None) -> None:
        """Runs `scope-gui WORDS`; `what` is said meanwhile. `lead` and its last line become the notice.

        `then`: called with that sentence instead, when the verb has done what it was to do.
        """
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._send(Tell(notice=Notice(f"{self._what} is still under way; stop it or wait.")))
            return
        self._what, self._lead, self._stopped, self._then = what, lead, False, then
        self._errors.clear()
        self._send(Busy(what=what))
        program, *options = own_program()
        self._process.start(program, [*options, *words])

    def stop(self) -> None:
        """Interrupts what is under way: the verb, or else what is being looked for in the session."""
        if self._process.state() == QProcess.ProcessState.NotRunning:
            self._send(StopLooking())
        else:
            self._interrupt()

    def _interrupt(self) -> None:
        self._stopped = True
        self._process.waitForStarted(END_MS)
        if self._process.processId():
            os.kill(self._process.processId(), signal.SIGINT)

    def _end(self) -> None:
        """The window closes: nothing of ours goes on unseen."""
        if self._process.state() != QProcess.ProcessState.NotRunning:
            self._interrupt()
            if not self._process.waitForFinished(END_MS):
                self._process.kill()
                self._process.waitForFinished(END_MS)

    def _hear(self) -> None:
        for line in _lines(self._process.readAllStandardError()):
            progress = _PROGRESS.match(line)
            if progress:
                self._send(Busy(what=progress[1]))
            else:
                self._errors.append(line.removeprefix(_PREFIX))

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._hear()
        said = _lines(self._process.readAllStandardOutput())
        failed = code != 0 or status != QProcess.ExitStatus.NormalExit
        if failed and self._stopped:
            notice = Notice(f"{self._what} was stopped.")
        else:
            told = self._errors[-1:] if failed else []
            told = (
                told
                or [self._lead + line.rstrip(".") + "." for line in said[-1:]]
                or [f"{self._what} ended with status {code}."]
            )
            notice = Notice(told[0], serious=failed)
        self._send(Busy(what=""))
        if self._then is not None and not failed:
            self._then(notice.text)
        else:
            self._send(Tell(notice=notice))

    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._send(Busy(what=""))
            self._send(Tell(notice=Notice(f"{self._process.program()} cannot be started.", serious=True)))


def _lines(data: QByteArray) -> list[str]:
    return [line for line in bytes(data.data()).decode(errors="replace").splitlines() if line.strip()]
