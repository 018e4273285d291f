"""The window's state with a session open, made without one, for tests of what events change."""

from __future__ import annotations

from dags.frame_parts import Frame, FrameConfidence, FrameMemory
from views.loop.events import Event, SessionOpened
from views.loop.lane_choice import LaneRef
from views.loop.state import Assigns, SessionRef
from views.loop.update import handle_event

KEY = 7
END_NS = 1_000_000
LANES = (LaneRef(1, 1, "orders.py", is_head=True), LaneRef(2, 1, "worker-2"), LaneRef(3, 1, "worker-3"))


def opened(*, live: bool = False, at_ns: int | None = None) -> Assigns:
    """A session of one millisecond with three lanes, just opened."""
    session = SessionRef(key=KEY, path="/srv/orders.scope", name="orders.scope", live=live)
    event = SessionOpened(session=session, range_ns=(0, END_NS), lanes=LANES, focus_track_id=2, at_ns=at_ns)
    return handle_event(Assigns(), event)


def after(assigns: Assigns, *events: Event) -> Assigns:
    """The state once all of these have happened."""
    for event in events:
        assigns = handle_event(assigns, event)
    return assigns


def frame(time_ns: int) -> Frame:
    """A frame of nothing."""
    return Frame(
        time_ns=time_ns,
        event_id=0,
        complete=True,
        processes=[],
        tracks=[],
        states=[],
        messages=[],
        locks=[],
        memory=FrameMemory(),
        metrics={},
        gaps=[],
        confidence=FrameConfidence(stacks="exact", states="exact", metrics="sampled"),
    )
