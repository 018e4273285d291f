"""What is recorded or converted is called, and where it goes: a person's choices in a dialog. No Qt."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from capture.errors import TargetProblem

_MOST_NAME_BYTES = 180  # a name in a folder has 255, and time and suffix come after it
_PYTHON = re.compile(r"(.*/)?python[0-9.]*t?$")


def patterns(text: str) -> tuple[str, ...]:
    """The patterns in a line of them, however they are separated.

    >>> patterns("orders.*, billing  'my pkg'")
    ('orders.*', 'billing', 'my pkg')
    """
    return tuple(words_of(text.replace(",", " ")))


def words_of(command: str) -> list[str]:
    """The words of a command line, split as a shell does.

    Raises: TargetProblem for a quote that is not closed.
    """
    try:
        return shlex.split(command)
    except ValueError as error:
        raise TargetProblem(f"{command.strip()!r} cannot be read: {str(error).lower()}.") from None


def program_name(command: Sequence[str]) -> str:
    """A file name for what this command runs: the script's or module's name.

    >>> program_name(["python3.13", "-m", "http.server", "8000"]), program_name(["./app.py"])
    ('http.server', 'app')
    """
    after_m = [word for flag, word in pairwise(command) if flag == "-m"]
    words = after_m or [word for word in command if not word.startswith("-") and not _PYTHON.match(word)]
    path = Path(words[0]) if words else Path("program")
    name = path.stem if path.suffix in {".py", ".pyw", ".sh"} else path.name
    return _file_name(name) or "program"


def new_session_path(folder: Path, name: str, at_s: float | None = None) -> Path:
    """Where a recording of this program that begins now is kept: by name and time."""
    return folder / f"{name}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(at_s))}.scope"


def converted_path(source: Path, folder: Path) -> Path:
    """Where the session made of another tool's recording is kept: the same place as long as that file is as it is.

    Raises: OSError when it cannot be looked at.
    """
    about = source.stat()
    what = f"{source.resolve()}\0{about.st_size}\0{about.st_mtime_ns}"
    mark = hashlib.blake2b(os.fsencode(what), digest_size=4).hexdigest()
    return folder / f"{_file_name(source.name.partition('.')[0]) or 'trace'}-{mark}.scope"


def _file_name(name: str) -> str:
    """As much of a name as is safe in a path; '' when that is nothing."""
    kept = os.fsencode(re.sub(r"[^\w.-]", "_", name)[:60])[:_MOST_NAME_BYTES].decode("utf-8", "ignore")
    return kept.strip(".")


def recordings_folder(remembered: str = "") -> Path:
    """Where the window keeps what it records, until told otherwise: a folder that people find again."""
    return Path(remembered or "~/Scope").expanduser()
