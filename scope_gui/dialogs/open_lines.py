"""What the dialog that opens sessions lists of a folder, and what a line typed there means. No Qt.

A session's folder is one thing here, as a packed session is: it is opened and never walked into.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from capture.errors import ScopeError
from capture.importers.registry import importer_of, suffixes
from capture.session.files import NOTES
from capture.session.format import MANIFEST, MANIFEST_COPY
from capture.session.session import Session
from scope_gui.library import details, recorded_text, when_text
from views.loop.state import RecentSession
from views.words.figures import duration_text, short_count, size_text
from views.words.plain_text import plain

EntryKind = Literal["session", "trace", "folder"]
SUFFIX = ".scope"
COLUMNS = ("Name", "Program", "Length", "Events", "Size", "Recorded")
RIGHT = frozenset({2, 3, 4, 5})
MOST_LISTED = 2_000
_ENTER = "Enter"


class FolderEntry(NamedTuple):
    """A line of the list. `changed_s`: by the wall clock."""

    path: str
    kind: EntryKind
    changed_s: float = 0.0
    size_bytes: int = 0

    @property
    def name(self) -> str:
        """What it is called in its folder."""
        return self.path.rpartition("/")[2]


class Listing(NamedTuple):
    """What a folder has: what can be opened, the newest first, then folders by name. `others`: files that are neither.

    `problem`: why it cannot be read, as a sentence.
    """

    folder: str
    entries: tuple[FolderEntry, ...] = ()
    others: int = 0
    problem: str = ""


class Found(NamedTuple):
    """What lies at a typed path; `why`: as a sentence, when it is nothing that can be opened."""

    path: str
    kind: EntryKind | None
    why: str = ""


def listing(folder: str) -> Listing:
    """What a folder has; a session's folder is shown in the one that it lies in."""
    place = Path(folder)
    while is_session_folder(place) and place != place.parent:
        place = place.parent
    entries, others = list[FolderEntry](), 0
    try:
        with os.scandir(place) as rows:
            for row in rows:
                entry = None if row.name.startswith(".") else _entry(row)
                entries += [entry] if entry is not None else []
                others += entry is None and not row.name.startswith(".")
    except OSError as error:
        return Listing(str(place), problem=f"{place} cannot be read: {error.strerror}.")
    folders = sorted((one for one in entries if one.kind == "folder"), key=lambda one: one.name.casefold())
    opened = sorted((one for one in entries if one.kind != "folder"), key=lambda one: (-one.changed_s, one.name))
    return Listing(str(place), (*opened, *folders), others)


def is_session_folder(path: Path) -> bool:
    """Whether this folder is a session: it has a manifest, or a recorder was killed before it wrote the first."""
    is_named = path.suffix == SUFFIX and path.is_dir()
    return is_named or any((path / name).is_file() for name in (MANIFEST, MANIFEST_COPY))


def meant(text: str, folder: str) -> tuple[str, str]:
    """(the folder that is meant, what to look for in it) by a typed line.

    >>> meant("orders", "/srv"), meant("old/ord", "/srv"), meant("/tmp/", "/srv")
    (('/srv', 'orders'), ('/srv/old', 'ord'), ('/tmp', ''))
    """
    if not is_path(text):
        return folder, text
    head, _, tail = os.path.join(folder, os.path.expanduser(text)).rpartition("/")  # noqa: PTH111, PTH118 - keeps the last slash
    return head or "/", tail


def is_path(text: str) -> bool:
    """Whether a typed line is a path, and no words to look for."""
    return "/" in text or text.startswith("~")


def entries_with(entries: Iterable[FolderEntry], text: str) -> list[FolderEntry]:
    """The entries whose names have all of these words."""
    words = text.casefold().split()
    return [entry for entry in entries if all(word in entry.name.casefold() for word in words)]


def completed(text: str, folder: str, entries: Sequence[FolderEntry]) -> str:
    """The typed line with as much more as all names that begin so have in common; a folder's with its slash.

    >>> both = [FolderEntry("/srv/orders.scope", "session"), FolderEntry("/srv/orphans", "folder")]
    >>> completed("/srv/or", "/srv", both)
    '/srv/or'
    >>> completed("orp", "/srv", [FolderEntry("/srv/orphans", "folder")])
    'orphans/'
    """
    begun = meant(text, folder)[1]
    beginning = [entry for entry in entries if entry.name.startswith(begun)]
    if not beginning:
        return text
    first, last = (end(entry.name for entry in beginning) for end in (min, max))
    shared = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    more = first[len(begun) : shared]
    is_one = len(beginning) == 1 and beginning[0].kind == "folder"
    return f"{text}{more}{'/' if is_one else ''}"


def resolved(path: str) -> Found:
    """What lies there: the session, with any path into it, a recording of another tool, a folder, or why it is none."""
    place = Path(path)
    try:
        within = next((above for above in (place, *place.parents) if is_session_folder(above)), None)
        if within is not None and (place.exists() or within == place):
            return Found(str(within), "session")
        if place.is_dir():
            return Found(str(place), "folder")
        if not place.exists():
            return Found(path, None, f"There is no {plain(path, 300)}.")
        return _resolved_file(place)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return Found(path, None, f"{plain(path, 300)} cannot be looked at: {why}.")


def _resolved_file(place: Path) -> Found:
    try:
        with Session.open(place):
            return Found(str(place), "session")
    except ScopeError as problem:
        why = str(problem)
    try:
        importer_of(place)
    except ScopeError as problem:
        return Found(str(place), None, why if place.suffix == SUFFIX else str(problem))
    return Found(str(place), "trace")


def entry_cells(entry: FolderEntry, row: RecentSession | None, now_s: float) -> tuple[str, ...]:
    """One text for each of COLUMNS; `row` is what is known of a session."""
    name, size = plain(entry.name, 200), size_text(entry.size_bytes)
    if entry.kind == "folder":
        return f"{name}/", "", "", "", "", ""
    changed = when_text(entry.changed_s, now_s)
    if entry.kind == "trace":
        return name, "recording of another tool", "", "", size, changed
    if row is None:
        return name, "", "", "", "", changed
    if row.problem:
        return name, "cannot be opened", "", "", "", changed
    program, when = plain(row.program, 100), recorded_text(row, now_s) or changed
    return name, program, duration_text(row.duration_ns), short_count(row.events), size_text(row.size_bytes), when


def told_of(entry: FolderEntry, row: RecentSession | None) -> tuple[str, ...]:
    """What the columns have no room for: of a session as the welcome page says it, else what opening it does."""
    match entry.kind:
        case "folder":
            return (f"A folder; {_ENTER} goes into it.",)
        case "trace":
            return ("A recording of another tool: a session is made of it, kept with your others, and opened.",)
        case _:
            return () if row is None else details(row)


def _entry(row: os.DirEntry[str]) -> FolderEntry | None:
    """The line of it; None for a file that is nothing to open, and what cannot be looked at."""
    try:
        about = row.stat()
        if row.is_dir():
            kind: EntryKind = "session" if is_session_folder(Path(row.path)) else "folder"
        elif row.name.endswith(SUFFIX):
            kind = "session"
        elif row.name.endswith(suffixes()) and not row.name.endswith(f"{SUFFIX}.{NOTES}"):
            kind = "trace"
        else:
            return None
    except OSError:
        return None
    return FolderEntry(row.path, kind, about.st_mtime, about.st_size)
