"""The service's own count of what it did: the truth that a recording can be held against.

Only functions that count themselves on entry appear under `calls`, each exactly once per call.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from pathlib import Path


class Counters:
    """Named counts, exact under threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            self._counts[name] += amount

    def get(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    def group(self, prefix: str) -> dict[str, int]:
        """Counts whose name starts with `prefix.`, without it."""
        with self._lock:
            return {
                name[len(prefix) + 1 :]: count
                for name, count in sorted(self._counts.items())
                if name.startswith(f"{prefix}.")
            }


def write_atomically(path: Path, document: dict[str, object]) -> None:
    """A reader sees the old file or the new one, never half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n")
    temporary.replace(path)
