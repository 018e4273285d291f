"""What is open at the end of what a live session has sealed: its segments hold whole rows only of what has ended."""

from __future__ import annotations

from typing import Any

from capture.events.definitions import WaitRow
from capture.session.session import Session
from dags.correlate.replay import state_before
from dags.process.waiting import SegmentWaits


def open_rows(session: Session) -> dict[str, Any]:
    """By table: what its followers call open (calls with outcome `open`), and rows of `waits` without an end."""
    last = len(session.segments) - 1
    if last < 0:
        return {}
    state = state_before(session, last)
    asleep = SegmentWaits(session, last).asleep_at(session.end_ns, state.process.state.asleep)
    waits = [
        WaitRow(start_ns=wait.since_ns, end_ns=None, track_id=track_id, kind=wait.kind)
        for track_id, wait in sorted(asleep.items())
    ]
    state.feed(session.events(last), session.tracks(), session.state_keys())
    return {**state.open_rows(), "waits": waits}
