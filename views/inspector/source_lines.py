"""The lines around a place in a source file, for somebody who asked to see them.

The path comes out of a session, so nothing here happens by itself: a session must not make the window open files.
Only regular files of a modest size are read, and what the disk holds today may not be what ran then: the note says so.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path

import msgspec

from capture.foreign_files import open_regular
from views.words.plain_text import plain

MAX_BYTES = 4 << 20
AROUND = 4
LINE_LENGTH = 400
MAX_KEPT_LINES = 5_000


class SourceLines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a file; `first` is the number of the first one, `note` what is to be known about them."""

    first: int = 1
    lines: tuple[str, ...] = ()
    note: str = ""


class SourceFiles:
    """The one line of each place, for a stack that is looked at while the cursor moves; each file is read once."""

    def __init__(self) -> None:
        """Nothing has been read."""
        self._kept: OrderedDict[tuple[str, int], str] = OrderedDict()

    def line(self, file: str, line: int, recorded_real_ns: int) -> str:
        """The line, or why it cannot be shown."""
        key = (file, line)
        if key not in self._kept:
            found = source_lines(file, line, recorded_real_ns, around=0)
            text = found.lines[0].strip() if found.lines else ""
            self._kept[key] = f"{text}   ({found.note})" if text and found.note else text or found.note
            while len(self._kept) > MAX_KEPT_LINES:
                self._kept.popitem(last=False)
        return self._kept[key]

    def forget(self) -> None:
        """Another session may mean other files."""
        self._kept.clear()


def source_lines(file: str, line: int, recorded_real_ns: int = 0, around: int = AROUND) -> SourceLines:
    """The lines around one, or a note why there are none. recorded_real_ns: when the session began, by wall clock."""
    if not Path(file).is_absolute() or "\0" in file:
        return SourceLines(note=f"{plain(file, 200) or 'This function'} has no file on this machine.")
    try:
        descriptor = open_regular(file)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is None:
            return SourceLines(note=f"{plain(file, 200)} is no source file.")
        reason = error.strerror if isinstance(error, OSError) else "no such name"
        return SourceLines(note=f"{plain(file, 200)}: {reason}.")
    with os.fdopen(descriptor, "rb") as opened:
        about = os.fstat(opened.fileno())
        if about.st_size > MAX_BYTES:
            return SourceLines(note=f"{plain(file, 200)} is no source file.")
        text = opened.read(MAX_BYTES).decode("utf-8", "replace")
    whole = text.splitlines()
    first = max(1, line - around)
    shown = tuple(plain(one.expandtabs(4), LINE_LENGTH) for one in whole[first - 1 : line + around])
    if not shown:
        return SourceLines(note=f"{plain(file, 200)} has only {len(whole)} lines.")
    changed = bool(recorded_real_ns) and about.st_mtime_ns > recorded_real_ns
    return SourceLines(first=first, lines=shown, note="The file has changed since the recording." if changed else "")
