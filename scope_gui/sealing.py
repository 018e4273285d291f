"""The sealer's process, as the recorder sees it: start, progress, end."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

PROGRESS_AFTER_S = 0.3


class SealerProcess:
    """Runs `scope_gui.sealer` on a session; the sealer ends by itself when our end of its stdin closes.

    A session of its own, so that Ctrl+C in the terminal reaches the recorder only.
    """

    def __init__(self, session_path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scope_gui.sealer", str(session_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def wait(self, say: Callable[[str], None]) -> bool:
        """Waits until everything is sealed, telling progress; False when it failed or was interrupted."""
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        began = last = time.monotonic()
        try:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(b"end\n")
                self._process.stdin.flush()
            for line in self._process.stdout:
                progress = msgspec.json.decode(line)
                now = time.monotonic()
                if now - began > PROGRESS_AFTER_S and now - last > PROGRESS_AFTER_S:
                    last = now
                    say(f"sealing {progress['percent']} %")
            return self._process.wait() == 0
        except KeyboardInterrupt:
            return False
        finally:
            self._process.stdin.close()
            self._process.stdout.close()
            self._process.wait()
