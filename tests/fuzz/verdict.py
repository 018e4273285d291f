"""What counts as a finding: anything but a clean result or an error that is one sentence for the user.

A crash or a sanitizer's report ends the process, and whoever started it finds the input; all else is told here.
"""

from __future__ import annotations

import resource
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from capture.errors import ScopeError

MOST_SECONDS = 2.0
MOST_MADE_BYTES = 512 << 20
ROOT = Path(__file__).resolve().parents[2]
_EXPENSIVE = "too much"
TOO_LONG = f"{_EXPENSIVE} time"


class Wrong(AssertionError):
    """A reader gave an answer that its input cannot have."""


def each(*steps: Callable[[], object]) -> None:
    """Takes all steps, whatever becomes of those before. Raises: the first ScopeError of theirs."""
    errors = []
    for step in steps:
        try:
            step()
        except ScopeError as error:
            errors.append(error)
    if errors:
        raise errors[0]


class Finding(NamedTuple):
    """What is wrong; the same `what` is the same fault, whatever the input."""

    what: str
    details: str = ""

    @property
    def is_cost(self) -> bool:
        """Whether it is about time or memory, which a build with sanitizers takes more of."""
        return self.what.startswith(_EXPENSIVE)


def judged(read: Callable[[bytes], object], data: bytes) -> Finding | None:
    """What is wrong with how `data` is read; None when nothing is."""
    before, began = _peak_bytes(), time.process_time()
    try:
        read(data)
    except ScopeError as error:
        if not error.message.strip() or "\n" in error.message:
            return Finding(f"an error that is no sentence: {type(error).__name__}", repr(error.message))
    except Exception as error:  # a verdict on any of them is what this is for
        return Finding(f"{_named(error)} {_place(error)}", traceback.format_exc())
    seconds, made = time.process_time() - began, _peak_bytes() - before
    if seconds > MOST_SECONDS:
        return Finding(TOO_LONG, f"{seconds:.1f} s")
    if made > MOST_MADE_BYTES:
        return Finding(f"{_EXPENSIVE} memory", f"{made >> 20} MiB")
    return None


def _named(error: Exception) -> str:
    return f"wrong: {error}" if isinstance(error, Wrong) else type(error).__name__


def _place(error: Exception) -> str:
    """Where our code was, without the line: a fault keeps its name when the file is edited."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(str(ROOT))]
    inner = [f for f in frames if f"{ROOT}/tests/" not in f.filename and "/.venv/" not in f.filename] or frames
    if not inner:
        return "outside of our code"
    return f"in {Path(inner[-1].filename).relative_to(ROOT)}: {inner[-1].name}: {inner[-1].line}"


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
