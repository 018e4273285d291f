"""The facts of the inspector's pages, each by the analysis that knows them. No Qt."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from capture.events.track_kinds import HEADS
from dags.analyses.call_facts import call_facts
from dags.analyses.event_facts import event_facts
from dags.analyses.process_facts import process_facts
from dags.analyses.thread_facts import thread_facts
from dags.analyses.value_facts import value_facts
from views.loop.state import Selection
from views.reading.questions import Asked

Facts = Iterator[msgspec.Struct]


def call(asked: Asked, picked: Selection) -> Facts:
    """Of a call, which as a rule is near the cursor."""
    assert asked.source.session is not None
    return call_facts(asked.source.session, picked.id, asked.assigns.cursor_ns, reads_on=asked.reads_on)


def value(asked: Asked, picked: Selection) -> Facts:
    """Of a version of a value; where the frame shows it, it says since when."""
    assert asked.source.session is not None
    states = [] if asked.assigns.frame is None else asked.assigns.frame.states
    since_ns = next((state.since_ns for state in states if state.version_id == picked.id), asked.assigns.cursor_ns)
    return value_facts(asked.source.session, picked.id, since_ns, reads_on=asked.reads_on)


def thread(asked: Asked, picked: Selection) -> Facts:
    """Of a track, in the visible stretch; the line of a process is that process."""
    assert asked.source.session is not None
    row = asked.source.names.tracks.get(picked.id)
    if row is not None and row.kind in HEADS:
        return process_facts(asked.source.session, row.process_id, reads_on=asked.reads_on)
    return thread_facts(asked.source.session, picked.id, asked.assigns.visible_ns, reads_on=asked.reads_on)


def process(asked: Asked, picked: Selection) -> Facts:
    """Of a process."""
    assert asked.source.session is not None
    return process_facts(asked.source.session, picked.id, reads_on=asked.reads_on)


def event(asked: Asked, picked: Selection) -> Facts:
    """Of what an event tells: an exception, a call, a value, or itself."""
    assert asked.source.session is not None
    return event_facts(asked.source.session, picked.id, reads_on=asked.reads_on)
