"""The window beside a recording that a terminal has started: `scope-gui open` on its session, once there is one.

A process of its own, in a session of its own: it only reads, so the recording neither waits for it nor ends with it,
and Ctrl+C in the terminal goes to the recording alone. It stays open when that is over, to look at what was recorded.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from capture.own_process import own_command
from capture.session.format import MANIFEST
from scope_gui.display import is_seen

LOOKS_S = 0.05


@contextlib.contextmanager
def watched_by_window(session_path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Inside, a window opens as soon as the session can be; without a display a sentence says that none does."""
    if not is_seen():
        say("there is no display here, so no window is opened; the recording goes on without one")
        yield
        return
    ending, end = os.pipe2(os.O_CLOEXEC)
    thread = threading.Thread(target=_follow, args=(session_path, say, ending), name="window", daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.write(end, b"x")
        thread.join()
        os.close(ending)
        os.close(end)


def _follow(session_path: Path, say: Callable[[str], None], ending: int) -> None:
    manifest = session_path / MANIFEST
    while not manifest.exists():
        if select.select([ending], [], [], LOOKS_S)[0]:
            break
    if not manifest.exists():
        return
    with tempfile.TemporaryFile() as said:  # not our stderr: who waits for its end must not wait for the window
        try:
            window = subprocess.Popen(
                own_command("scope_gui", "open", str(session_path.absolute())),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            say(f"the window cannot be opened: {error.strerror}; the recording goes on")
            return
        status = _status(window, ending)
        if status is not None:
            said.seek(0)
            what = "the window is closed" if status == 0 else f"the window has failed ({_reason(said.read(), status)})"
            say(f"{what}; the recording goes on, Ctrl+C detaches and saves")


def _reason(said: bytes, status: int) -> str:
    """What a window has said last; Qt says first what is the matter, and then much else."""
    lines = said.decode(errors="replace").strip().splitlines() or [f"status {status}"]
    return lines[0] if lines[0].startswith("qt.") else lines[-1]


def _status(window: subprocess.Popen[bytes], ending: int) -> int | None:
    """How the window ended; None if the recording was over first."""
    pidfd = os.pidfd_open(window.pid)
    ready, _, _ = select.select([ending, pidfd], [], [])
    os.close(pidfd)
    if pidfd not in ready:
        window.returncode = 0  # it outlives us on purpose: no warning that it does
        return None
    return window.wait()
