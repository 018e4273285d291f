"""The page of an event that is about nothing that has a page of its own: a thread's begin, a join, a gap. No Qt."""

from __future__ import annotations

from dags.analyses.event_facts import EventFacts
from dags.frame_parts import Frame
from views.inspector.pages.parts import fact, instant_row
from views.inspector.sections import Link, Section
from views.loop.events import FollowEdge, Select
from views.loop.state import Selection
from views.words.figures import count_text


def sections(facts: EventFacts, frame: Frame) -> tuple[Section, ...]:
    """What it was, when and where, and the ways to its cause and its effect."""
    thread = Link("thread", Select(selection=Selection("track", facts.track_id, facts.track_id)))
    edges = (Link("cause", FollowEdge(direction=-1)), Link("effect", FollowEdge(direction=1)))
    rows = [
        fact("kind", "event", f"{facts.kind} \N{MIDDLE DOT} number {count_text(facts.event_id)}", *edges),
        fact("says", "means", facts.says),
        instant_row("when", "when", facts.time_ns, frame.time_ns),
        fact("thread", "thread", facts.thread, thread),
    ]
    if facts.value:
        rows.append(fact("value", "says", facts.value))
    return (Section(key="event", title="Event", rows=tuple(rows), form="facts"),)
