"""The sessions opened lately as the welcome page lists them: what each holds, read from its own manifest. No Qt."""

from __future__ import annotations

import time
from pathlib import Path

from capture.errors import ScopeError
from capture.session import notes
from capture.session.session import Session
from views.loop.state import RecentSession
from views.words.figures import THIN, duration_text, short_count, size_text
from views.words.plain_text import plain

COLUMNS = ("Session", "Recorded", "Length", "Events", "Size", "Bookmarks", "Folder")
GONE = "not there any more"
DAY_S = 86_400


def described(path: str) -> RecentSession:
    """What the session at this path holds; one that cannot be opened says why."""
    try:
        if not Path(path).exists():
            return RecentSession(path=path, problem=GONE)
        with Session.open(path) as session:
            info = session.info()
            bookmarks = len(notes.shown_notes(session))
    except ScopeError as problem:
        return RecentSession(path=path, problem=str(problem))
    except OSError as error:
        return RecentSession(path=path, problem=error.strerror or "cannot be read")
    return RecentSession(
        path=path,
        live=info.state == "live",
        recorded_real_ns=info.created_real_ns,
        duration_ns=info.duration_ns,
        events=info.recorded,
        dropped=info.dropped,
        size_bytes=info.size_bytes,
        bookmarks=bookmarks,
    )


def cells(row: RecentSession, now_s: float) -> tuple[str, ...]:
    """One text for each of COLUMNS; of a session that cannot be opened only the name, the reason and the folder."""
    path = Path(row.path)
    name, folder = plain(path.name, 200), plain(_with_tilde(path.parent), 400)
    if row.problem:
        return name, row.problem if row.problem == GONE else "cannot be opened", "", "", "", "", folder
    if not row.recorded_real_ns:
        return name, "", "", "", "", "", folder
    lost = f", {short_count(row.dropped)} lost" if row.dropped else ""
    return (
        name,
        "now" if row.live else when_text(row.recorded_real_ns // 10**9, now_s),
        duration_text(row.duration_ns),
        short_count(row.events) + lost,
        size_text(row.size_bytes),
        str(row.bookmarks or ""),
        folder,
    )


def when_text(then_s: float, now_s: float) -> str:
    """A moment as people name it: `today 14:03`, `yesterday 09:12`, `Mon 16 Nov`, `16 Nov 2025`; local time."""
    then, now = time.localtime(then_s), time.localtime(now_s)
    clock = time.strftime("%H:%M", then)
    if then[:3] == now[:3]:
        return f"today {clock}"
    if then[:3] == time.localtime(now_s - DAY_S)[:3]:
        return f"yesterday {clock}"
    day = f"{then.tm_mday}{THIN}{time.strftime('%b', then)}"
    return f"{time.strftime('%a', then)} {day}" if 0 <= now_s - then_s < 300 * DAY_S else f"{day} {then.tm_year}"


def _with_tilde(folder: Path) -> str:
    home = Path("~").expanduser()
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
