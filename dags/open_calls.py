"""The calls that are open at the end of what a live session has sealed; its segments hold only those that ended."""

from __future__ import annotations

import pyarrow as pa

from capture.session import Session
from capture.tables import as_table
from dags.keyframe import state_before


def open_calls(session: Session) -> pa.Table:
    """Rows of `calls` with outcome `open` and no end."""
    last = len(session.segments) - 1
    if last < 0:
        return as_table("calls", {})
    state = state_before(session, last)
    state.feed(session.events(last), session.tracks(), session.state_keys())
    return as_table("calls", state.open_calls())
