"""The demo: a small order service with planted bugs, started to be recorded and ended by whoever started it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

from capture.attach.doctor import examine
from capture.errors import TargetProblem
from capture.settings import CaptureSettings
from scope_gui.places import resource_path
from scope_gui.recording.choice import new_session_path, recordings_folder
from views.loop.recording_events import StartRecording

SETTINGS = CaptureSettings.checked(state=["orders.inventory.Stock"])
START_S = 20.0
LONGEST_S = 3600
"""After an hour it ends by itself: a window that was killed cannot end it."""


_PROGRAM = ("-m", "orders", "--seconds", str(LONGEST_S))


class DemoProgram:
    """The order service, running and ready.

    Raises: TargetProblem when it does not start.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *_PROGRAM],
            cwd=resource_path("demo"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            self._wait_until_ready()
        except BaseException:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def end(self) -> None:
        """Ends it and its children, by its pid; harmless when it has ended."""
        self._process.terminate()
        try:
            self._process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def _wait_until_ready(self) -> None:
        assert self._process.stdout is not None
        said, deadline_s = b"", time.monotonic() + START_S
        while b"\n" not in said:
            left_s = deadline_s - time.monotonic()
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, left_s))
            part = os.read(self._process.stdout.fileno(), 4096) if readable else b""
            if not part:
                raise TargetProblem(f"The demo did not start: {said.decode(errors='replace').strip() or 'no output'}.")
            said += part


def demo_request(program: DemoProgram, folder: str = "", path: str = "") -> StartRecording:
    """How to record it, into a new session in this folder or at this path.

    Where the kernel lets only parents enter a process (kernel.yama.ptrace_scope is 1, as on most desktops), the program
    is ended and its recorder starts another one, from its first line on.
    Raises: TargetProblem when this system does not let it be recorded at all.
    """
    path = path or str(new_session_path(recordings_folder(folder), "demo"))
    diagnosis = examine(program.pid)
    if diagnosis.ok:
        return StartRecording(words=("attach", str(program.pid), *SETTINGS.words()), path=path, what="the demo")
    program.end()
    if diagnosis.blocking is None or diagnosis.blocking.name != "ptrace scope":
        raise TargetProblem(diagnosis.refusal())
    words = ("run", *SETTINGS.words(), "--end-program", "--", sys.executable, *_PROGRAM)
    return StartRecording(words=words, path=path, what="the demo", folder=str(resource_path("demo")))
