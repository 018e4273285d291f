"""What is open at the end of what a live session has sealed: its segments hold whole rows only of what has ended."""

from __future__ import annotations

from capture.session.session import Session
from dags.base import Rows
from dags.correlate.replay import state_before, stored_facts


def open_rows(session: Session) -> Rows:
    """By table, what its follower calls open: calls with outcome `open`, waits without an end."""
    last = len(session.segments) - 1
    if last < 0:
        return {}
    state = state_before(session, last)
    state.feed(session.events(last), session.tracks(), session.state_keys(), stored_facts(session, last))
    return state.open_rows()
