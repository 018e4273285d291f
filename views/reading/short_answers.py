"""The answers to QUESTIONS: each looks where the session says, and yields the events that tell the window. No Qt."""

from __future__ import annotations

from collections.abc import Iterator

from views.loop import events as e
from views.loop.state import Assigns, Notice, Selection
from views.reading import steps
from views.reading.questions import Asked


def step_in_hand(assigns: Assigns) -> object:
    """The step to make, once for each place it starts from."""
    return (assigns.cursor_ns, id(assigns.steps[0])) if assigns.steps else None


def step(asked: Asked) -> Iterator[e.Event]:
    """Where the step in hand leads; nowhere, when that cannot be read: the steps behind it must go on."""
    shown = asked.assigns
    found_ns = shown.cursor_ns
    stride = shown.steps[0]
    least_ns = abs(stride.by) * steps.least_seen_ns(shown.visible_ns) if stride.held else 0
    try:
        found_ns = steps.stride_target(asked.source, shown.cursor_ns, shown.focus_track_id, stride, least_ns)
    finally:
        yield e.Stepped(key=asked.key, from_ns=shown.cursor_ns, time_ns=found_ns)


def sites(asked: Asked) -> Iterator[e.Event]:
    """The functions whose name holds the text."""
    text = asked.assigns.search_text
    yield e.SearchFound(key=asked.key, text=text, site_ids=steps.sites_matching(asked.source.names, text))


def span(asked: Asked) -> Iterator[e.Event]:
    """The stretch of what is picked, else the stretch that is picked; or that there is none."""
    picked, stretch_ns = asked.assigns.selection, asked.assigns.stretch_ns
    if picked is None and stretch_ns is None:
        yield e.Tell(notice=Notice("Nothing is picked.", hint="{Fit everything} shows everything."))
        return
    found_ns = None if picked is None else steps.span_of(asked.source, picked, asked.assigns.cursor_ns)
    found_ns = found_ns or stretch_ns
    told = e.Tell(notice=Notice("What is picked has no length in time."))
    yield told if found_ns is None else e.Show(range_ns=found_ns)


def edge(asked: Asked) -> Iterator[e.Event]:
    """The other end of the edge, or that no edge leads on."""
    assert isinstance(asked.event, e.FollowEdge)
    shown, direction = asked.assigns, asked.event.direction
    end = steps.edge_end(asked.source, shown.cursor_ns, shown.focus_track_id, direction)
    if end is None:
        what = "No cause is known before this moment" if direction < 0 else "No effect is known from here on"
        yield e.Tell(notice=Notice(f"{what} on the focused lane."))
        return
    time_ns, far_track_id, event_id = end
    yield e.SeekTo(time_ns=time_ns, visit=True)
    yield e.Select(selection=Selection("event", event_id, far_track_id))


def marked(asked: Asked) -> Iterator[e.Event]:
    """The frame of the marked moment, while there is one."""
    marked_ns = asked.assigns.marked_ns
    if marked_ns is not None and asked.frame_at is not None:
        yield e.MarkedFrameReady(key=asked.key, time_ns=marked_ns, frame=asked.frame_at(marked_ns))
