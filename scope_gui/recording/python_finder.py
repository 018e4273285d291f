"""Python in a program that is no Python itself: a shell that starts one, a wrapper that becomes one.

`sh -c 'python app.py'`, `uv run`, `make`: what was started can only be watched from outside, but the Python in it can
be recorded from the moment it is found. A process is judged when it is first seen and again soon after, because a
fresh one has not loaded its interpreter yet; and again when it has become another program.
"""

from __future__ import annotations

from pathlib import Path

from capture import clock
from capture.attach import doctor
from scope_gui.recording.children import family

_AGAIN_NS = (0, 60_000_000, 250_000_000, 1_000_000_000)


class PythonFinder:
    """Looks for a Python that can be recorded in one program and in what it starts."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: dict[tuple[int, str], tuple[int, int]] = {}  # (pid, program): (first seen, looks so far)

    def find(self) -> int | None:
        """The pid of the first Python that Scope can get into, as of now."""
        now_ns = clock.monotonic_ns()
        for pid in family(self._pid):
            key = (pid, _program(pid))
            first_ns, looks = self._seen.get(key, (now_ns, 0))
            if not key[1] or looks == len(_AGAIN_NS) or now_ns - first_ns < _AGAIN_NS[looks]:
                continue
            self._seen[key] = (first_ns, looks + 1)
            if doctor.examine(pid).ok:
                return pid
        return None

    def forget(self, pid: int) -> None:
        """Never finds this one, as the program that it is now, again."""
        self._seen[pid, _program(pid)] = (0, len(_AGAIN_NS))


def _program(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/exe").readlink())
    except OSError:
        return ""
