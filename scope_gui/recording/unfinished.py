"""Sessions whose recorder is gone: noticing them, and finishing them from the window. No Qt."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from capture.drain.blocks import journal_files
from capture.errors import ScopeError
from capture.own_process import own_command
from capture.session.folder import is_being_written
from capture.session.session import Session
from capture.typed import from_json
from scope_gui.recording import control
from views.loop.events import Busy, Event, Tell
from views.loop.recording_events import OpenSession
from views.loop.state import Notice
from views.words.figures import count_text


def is_abandoned(path: Path) -> bool:
    """Whether this is a recording that nobody goes on with: no recorder answers, nobody seals, and it has no end.

    A recorder that is busy with the end may be slow to answer; then somebody still writes the session, and when that
    is over the session is either complete or abandoned.
    """
    if not path.is_dir():
        return False
    try:
        control.ask(path, "status")
    except ScopeError:
        pass
    else:
        return False
    if is_being_written(path):
        return False
    try:
        with Session.open(path) as session:
            return session.live
    except ScopeError:
        return bool(journal_files(path / "journal"))  # killed before its first manifest was written


def abandoned_notice(path: Path) -> Notice:
    """What to say about it, with the way out."""
    sentence = f"The recorder of {path.name} is gone before it was done: what it had not sealed yet is not shown."
    return Notice(sentence, serious=True, offer="recover", path=str(path))


class Recovery:
    """`scope-gui recover` in a process of its own, one at a time: it takes as long as there is something to seal."""

    def __init__(self, send: Callable[[Event], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self._stopping = False

    def begin(self, path: Path, *, then_open: bool) -> None:
        """Finishes this session. One that is open shows the rest by itself; another one is opened when it is done."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                self._send(Tell(notice=Notice("A session is being recovered already.")))
                return
            self._thread = threading.Thread(target=self._run, args=(path, then_open), name="recovery", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends it; a recovery that was interrupted can be repeated."""
        with self._lock:
            self._stopping = True
            if self._process is not None:
                self._process.terminate()
        if self._thread is not None:
            self._thread.join()

    def _run(self, path: Path, then_open: bool) -> None:
        self._send(Busy(what=f"Recovering {path.name}"))
        try:
            with self._lock:
                if self._stopping:
                    return
                self._process = subprocess.Popen(
                    own_command("scope_gui", "recover", str(path), "--json"),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            out, err = self._process.communicate()
            if self._process.returncode:
                said = err.strip().splitlines()[-1:] or [f"Recovering failed with status {self._process.returncode}."]
                self._send(Tell(notice=Notice(said[0].removeprefix("scope-gui: "), serious=True)))
                return
            self._send(Tell(notice=Notice(_told(path, from_json(out, dict[str, Any])))))
            if then_open:
                self._send(OpenSession(path=str(path)))
        finally:
            self._send(Busy(what=""))


def _told(path: Path, found: dict[str, Any]) -> str:
    if found["state"] == "complete":
        return f"{path.name} is finished; there is nothing to recover."
    drained = int(found["drained_events"])
    rest = f", {count_text(drained)} of them out of the program's memory" if drained else ""
    return f"{path.name} is recovered: {count_text(int(found['recorded']))} events{rest}."
