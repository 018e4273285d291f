"""What a program wrote down about itself, on the clock of the session that recorded it."""

from __future__ import annotations

from pathlib import Path

from capture.session.session import Session


def session_zero_ns(session: Path) -> int:
    """CLOCK_MONOTONIC at the session's zero."""
    with Session.open(session) as opened:
        return opened.manifest.about.start_mono_ns


def logged(log: Path, session: Path) -> list[tuple[int, list[str]]]:
    """(session time, words) of each line of a log that begins with CLOCK_MONOTONIC ns."""
    zero_ns = session_zero_ns(session)
    rows = (line.split() for line in log.read_text().splitlines())
    return [(int(first) - zero_ns, words) for first, *words in rows]
