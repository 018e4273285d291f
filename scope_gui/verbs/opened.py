"""A session that a verb reads, and what is wrong with it in words on standard error: an answer may lack something."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from capture.errors import SessionProblem
from capture.session.session import Session
from capture.shown_text import one_line

MOST_PROBLEMS = 20


@contextmanager
def opened(path: Path) -> Iterator[Session]:
    """The session, closed at the end; by then its reader has met what is wrong with what it read.

    Raises: as `Session.open`.
    """
    with Session.open(path) as session:
        yield session
        tell_problems(session)


def tell_problems(session: Session) -> None:
    """The first ones, and how many more there are."""
    for problem in session.problems[:MOST_PROBLEMS]:
        print(f"scope-gui: {one_line(problem.what)}", file=sys.stderr)
    if len(session.problems) > MOST_PROBLEMS:
        more = len(session.problems) - MOST_PROBLEMS
        print(f"scope-gui: and {more} more; `scope-gui verify` lists them", file=sys.stderr)


def no_track(session: Session, track_id: int) -> SessionProblem:
    """What to say to who asks for a track that is not there."""
    return SessionProblem(
        f"There is no track {track_id} in {session.path}.",
        "`scope-gui query S.scope 'SELECT track_id, name FROM tracks'` lists them.",
    )
