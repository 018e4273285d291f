"""Sessions as the welcome page and the dialog that opens them list them: what each holds. No Qt."""

from __future__ import annotations

import time
from pathlib import Path

from capture.errors import ScopeError
from capture.session import notes
from capture.session.folder import is_being_written
from capture.session.session import Session
from scope_gui.recording.choice import program_name
from views.loop.state import RecentSession
from views.words.figures import THIN, clock_text, count_text, duration_text, short_count, size_text
from views.words.plain_text import plain

COLUMNS = ("Session", "Program", "Recorded", "Length", "Threads", "Events", "Exceptions", "Size")
RIGHT = frozenset(range(3, len(COLUMNS)))
"""Columns of figures."""
GONE = "not there any more"
DAY_S = 86_400
MOST_NOTES, MOST_NOTE = 3, 60
_ATTACHED = "attach "


def described_session(path: str) -> RecentSession:
    """What the session at this path holds; one that cannot be opened says why."""
    try:
        if not Path(path).exists():
            return RecentSession(path=path, problem=GONE)
        with Session.open(path) as session:
            return _described(session, path)
    except ScopeError as problem:
        return RecentSession(path=path, problem=str(problem))
    except OSError as error:
        return RecentSession(path=path, problem=error.strerror or "cannot be read")


def _described(session: Session, path: str) -> RecentSession:
    info, about = session.info(), session.manifest.about
    threads = sum(track.kind == "thread" for track in session.tracks())
    kept, left_ns = notes.shown_notes(session), notes.shown_place(session).get("cursor_ns")
    command = " ".join(about.command)
    if command.startswith(_ATTACHED):  # which says nothing of the program
        command = next((row.command for row in session.processes() if row.command), command)
    is_live = session.live and is_being_written(session.path)
    return RecentSession(
        path=path,
        live=is_live,
        unfinished=session.live and not is_live,
        damaged=any(problem.lost for problem in session.problems),
        program=program_name(command.split()) if command else about.target,
        command=command or about.target,
        recorded_real_ns=info.created_real_ns,
        duration_ns=info.duration_ns,
        threads=threads,
        events=info.recorded,
        exceptions=info.kinds.get("raise", 0),
        dropped=info.dropped,
        size_bytes=info.size_bytes,
        bookmarks=len(kept),
        notes=tuple(note.text for note in kept if note.text)[:MOST_NOTES],
        left_ns=left_ns if isinstance(left_ns, int) else None,
    )


def cells(row: RecentSession, now_s: float) -> tuple[str, ...]:
    """One text for each of COLUMNS; of a session that cannot be opened only the name and the reason."""
    name = plain(Path(row.path).name, 200)
    if row.problem:
        return name, row.problem if row.problem == GONE else "cannot be opened", *[""] * (len(COLUMNS) - 2)
    if not row.size_bytes:  # nobody has looked at it yet
        return name, *[""] * (len(COLUMNS) - 1)
    lost = f", {short_count(row.dropped)} lost" if row.dropped else ""
    return (
        name,
        plain(row.program, 100),
        recorded_text(row, now_s),
        duration_text(row.duration_ns),
        count_text(row.threads),
        short_count(row.events) + lost,
        short_count(row.exceptions) if row.exceptions else "",
        size_text(row.size_bytes),
    )


def recorded_text(row: RecentSession, now_s: float) -> str:
    """When it was recorded, and what is wrong with it: `today 14:03 · damaged`."""
    when = when_text(row.recorded_real_ns // 10**9, now_s) if row.recorded_real_ns else ""
    wrong = "damaged" if row.damaged else "not finished" if row.unfinished else ""
    return "now" if row.live else " · ".join(part for part in (when, wrong) if part)


def details(row: RecentSession) -> tuple[str, str]:
    """Two lines more about it: what was run, and where it lies; where one left it, its notes, or what is wrong."""
    folder = plain(with_tilde(Path(row.path).parent), 300)
    if row.problem:
        reason = "It is not there any more; Delete takes it off the list" if row.problem == GONE else row.problem
        return folder, plain(reason, 400)
    parts = []
    if row.damaged:
        parts.append("Damaged: what is missing is told when it opens")
    if row.unfinished:
        parts.append("Its recorder was gone before it was done: open it to recover the rest")
    if row.left_ns is not None:
        parts.append(f"left at {clock_text(row.left_ns)}")
    if row.bookmarks:
        texts = ", ".join(f"“{plain(text, MOST_NOTE)}”" for text in row.notes)
        count = f"{count_text(row.bookmarks)} note{'s' if row.bookmarks > 1 else ''}"
        parts.append(f"{count}: {texts}" if texts else count)
    said = " · ".join(parts)
    return " · ".join(part for part in (plain(row.command, 300), folder) if part), f"{said[:1].upper()}{said[1:]}"


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


def with_tilde(folder: Path) -> str:
    """The folder as people write it: `~/Scope`."""
    home = Path("~").expanduser()
    if folder == home:
        return "~"
    return f"~/{folder.relative_to(home)}" if folder.is_relative_to(home) else str(folder)
