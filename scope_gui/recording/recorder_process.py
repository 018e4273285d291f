"""One recorder that a window has started: a process of its own, which outlives a window that crashes.

It is the command line's `attach` or `run` in a session of its own: no key in the window's terminal reaches it, and a
window that is killed takes nothing with it. What it says goes to an unnamed file and not to a pipe, so that it never
writes to a reader that is gone; what a program that it launches says goes where the window's own words go.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from capture.own_process import own_command
from capture.session.format import MANIFEST

LOOKS_S = 0.03
_MOST_BYTES = 1 << 16
_PREFIX = "scope-gui: "
_OUTCOMES = ("; saved ", "; nothing is kept")
_PROGRESS = ("sealing ", "recording process ", "recording took ")


class RecorderProcess:
    """Starts it; a thread tells when its session can be opened and when it has ended, until it is let go."""

    def __init__(
        self,
        words: Sequence[str],
        session_path: Path,
        folder: str,
        begun: Callable[[RecorderProcess], None],
        ended: Callable[[RecorderProcess], None],
    ) -> None:
        """`words` as after `scope-gui`: the verb, then target and flags; `begun` and `ended` run on the thread.

        Raises: OSError when no process can be started.
        """
        self.session_path = session_path
        self.has_begun = False
        self._is_refused = session_path.exists()  # the recorder says so; what is there is not its session
        self._begun, self._ended = begun, ended
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        verb, *others = words
        own = ["--no-window", "--no-settings", "-o", str(session_path), "--words-fd", str(self._said.fileno())]
        self._process = subprocess.Popen(
            own_command("scope_gui", verb, *own, *others),
            stdin=subprocess.DEVNULL,
            cwd=folder or None,
            pass_fds=[self._said.fileno()],
            start_new_session=True,
        )
        self._pidfd = os.pidfd_open(self._process.pid)
        self._let_go, self._wake = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._follow, name="scope-recorder", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether it has ended with something to complain about; the status of `run` is that of its program."""
        return bool(self._process.poll()) and not any(map(_is_outcome, self._lines()))

    @property
    def was_killed(self) -> bool:
        """Whether it had no chance to save: its session then waits to be recovered."""
        return (self._process.poll() or 0) < 0

    def stop(self) -> None:
        """Asks it to detach and save; harmless when it has ended."""
        if self.is_running:
            self._process.send_signal(signal.SIGTERM)

    def outcome(self) -> str:
        """How it went: why it ended and where it saved; when it failed, what went wrong. One sentence."""
        lines = self._lines()
        saved = [line for line in lines if _is_outcome(line)]
        others = [line for line in lines if line not in saved and not line.startswith(_PROGRESS)]
        told = others if self.failed else saved
        return told[-1] if told else f"The recorder ended with status {self._process.poll()} and gave no reason."

    def _lines(self) -> list[str]:
        text = os.pread(self._said.fileno(), _MOST_BYTES, 0).decode(errors="replace")
        return [line.removeprefix(_PREFIX) for line in text.splitlines() if line.startswith(_PREFIX)]

    def let_go(self) -> None:
        """Hears of it no longer; the process goes on."""
        os.write(self._wake, b"x")
        self._thread.join()
        if self._process.poll() is None:
            self._process.returncode = 0  # it may outlive us on purpose: no warning that it does
        for end in (self._let_go, self._wake, self._pidfd):
            os.close(end)
        self._said.close()

    def _follow(self) -> None:
        """The thread: looks often until there is a session to open, then sleeps until the end."""
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        poller.register(self._let_go, select.POLLIN)
        while True:
            ready = {fd for fd, _ in poller.poll(None if self.has_begun else LOOKS_S * 1000)}
            if self._let_go in ready:
                return
            if not self.has_begun and not self._is_refused and (self.session_path / MANIFEST).exists():
                self.has_begun = True
                self._begun(self)
            if self._pidfd in ready:
                self._process.wait()
                self._ended(self)
                return


def _is_outcome(line: str) -> bool:
    return any(words in line for words in _OUTCOMES)
