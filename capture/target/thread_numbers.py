"""What the threads of a process are called in its own pid namespace, which may lie inside ours.

A recorded program knows its threads by the numbers that it sees itself; the files in /proc go by those that we see.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_NUMBERS = re.compile(rb"^NSpid:\s*([\d\s]+)$", re.MULTILINE)


class ThreadNumbers:
    """The numbers of one process's threads, ours and its own; the same where it lives in our namespace."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._own: dict[int, int] = {}
        self._is_nested = len(_numbers(pid, pid)) > 1

    def own(self, thread_id: int) -> int:
        """The number that the process knows a thread by; 0 when the thread has ended and was not asked for before."""
        if not self._is_nested:
            return thread_id
        if numbers := _numbers(self._pid, thread_id):
            self._own[thread_id] = numbers[-1]
        return self._own.get(thread_id, 0)

    def forget(self, thread_id: int) -> None:
        """Lets go of a thread that may have ended."""
        self._own.pop(thread_id, None)

    def ours(self, own: int) -> int:
        """The number that we see a thread under; 0 when it is gone. Looks through all of them where they differ."""
        if not self._is_nested:
            return own
        try:
            seen = [int(name) for name in os.listdir(f"/proc/{self._pid}/task")]  # noqa: PTH208  may be thousands
        except OSError:
            return 0
        return next((thread_id for thread_id in seen if self.own(thread_id) == own), 0)


def _numbers(pid: int, thread_id: int) -> list[int]:
    """A thread's numbers from our namespace to its own; empty when it is gone, or the kernel does not tell."""
    try:
        status = Path(f"/proc/{pid}/task/{thread_id}/status").read_bytes()
    except OSError:
        return []
    found = _NUMBERS.search(status)
    return [int(number) for number in found[1].split()] if found else []
