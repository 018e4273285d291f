"""The sealer's process, as the recorder sees it: start, progress, end."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from capture.own_folder import OwnFolder
from capture.own_process import own_command
from capture.typed import from_json

PROGRESS_AFTER_S = 0.3
_READ_BYTES = 1 << 16
LOWER_PRIORITY = 10  # from its first instruction: importing the table libraries is its busiest time
LOWER_PRIORITY_OF_SESSION = 5  # a third of a processor that is wanted by another session at the same time


class SealerProcess:
    """Runs `scope_gui.recording.sealer` on a session; the sealer ends by itself when our end of its stdin closes.

    A session of its own, so that Ctrl+C in the terminal reaches the recorder only.
    """

    def __init__(self, folder: OwnFolder) -> None:
        """`folder` is the session's, with its lock, which recorder and sealer hold together."""
        self._process = subprocess.Popen(
            own_command("scope_gui.recording.sealer", str(folder.path), str(folder.fd)),
            pass_fds=(folder.fd,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.saved: list[Path] = []  # sessions that a flight recorder has made
        self._heard = b""
        _lower_priority(self._process.pid)

    def fileno(self) -> int:
        """Readable when it has something to tell."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def hear(self, say: Callable[[str], None]) -> bool:
        """Takes in what it tells while it goes on; False when it is over."""
        messages = self._messages()
        for message in messages or ():
            self._note_saved(message, say)
        return messages is not None

    def _messages(self) -> list[dict[str, Any]] | None:
        """What it has told next, None when it is over. It writes whole lines."""
        data = os.read(self.fileno(), _READ_BYTES)
        *lines, self._heard = (self._heard + data).split(b"\n")
        return [from_json(line, dict[str, Any]) for line in lines] if data else None

    def _note_saved(self, message: dict[str, Any], say: Callable[[str], None]) -> None:
        if "saved" in message:
            self.saved.append(Path(message["saved"]))
            say(f"saved {message['saved']}: {message.get('reason', '')}")

    def wait(self, say: Callable[[str], None], sealed: Callable[[int], None] = lambda percent: None) -> str | None:
        """Waits until everything is sealed, telling progress; what went wrong as one sentence, or None.

        `sealed` hears every percentage, `say` a sentence now and then.
        """
        assert self._process.stdin is not None
        began = told = time.monotonic()
        trouble = None
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b"end\n")
                self._process.stdin.flush()
            for message in itertools.chain.from_iterable(iter(self._messages, None)):
                self._note_saved(message, say)
                trouble = message.get("trouble", trouble)
                now = time.monotonic()
                if "percent" in message:
                    sealed(message["percent"])
                if "percent" in message and now - began > PROGRESS_AFTER_S and now - told > PROGRESS_AFTER_S:
                    told = now
                    say(f"sealing {message['percent']} %")
        except KeyboardInterrupt:
            trouble = "Sealing was interrupted."
        finally:
            status = self.abandon()
        return trouble or (f"Sealing failed with status {status}." if status else None)

    def abandon(self) -> int:
        """Lets the sealer end without finishing; its exit status."""
        for end in (self._process.stdin, self._process.stdout):
            assert end is not None
            with contextlib.suppress(BrokenPipeError):
                end.close()
        return self._process.wait()


def _lower_priority(pid: int) -> None:
    """Lets the recorded program, and the recorder that empties its pool, go first.

    Where the kernel shares the processors out among sessions, a priority counts within its session only, and the sealer
    is alone in its own. On two processors it then took as much as program and recorder together: recording took 41.9 ns
    of wall time an event on Python 3.12 and 42.3 on 3.13, and takes 35.9 and 31.0 with this.

    Source: sched(7), "The autogroup feature"; 2 M calls, the median of seven turns with and without in one run.
    """
    os.setpriority(os.PRIO_PROCESS, pid, LOWER_PRIORITY)
    with contextlib.suppress(OSError):  # a kernel without it, or one that has been asked too often just now
        Path(f"/proc/{pid}/autogroup").write_text(str(LOWER_PRIORITY_OF_SESSION))
