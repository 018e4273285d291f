"""The stretch of time that a person has picked: what picks it, and what that changes. Pure, no Qt."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from views.loop.events import Event
from views.loop.state import Assigns, Notice
from views.words.figures import duration_text


class PickStretch(Event, frozen=True, kw_only=True):
    """Picks a stretch of time, as far as it is recorded, whichever end comes first; None lets go of it."""

    range_ns: tuple[int, int] | None


NO_MARK = Notice("No moment is marked.", hint="{Mark this moment to compare with} marks one, where the stretch begins.")
_WAYS_ON = "{Fit what is picked} shows it, {Pick nothing, end a search} lets go."


class PickStretchTo(Event, frozen=True, kw_only=True):
    """Picks the stretch between the marked moment and the cursor, or what is visible; the same once more lets go."""

    ends: Literal["mark", "visible"]


def with_stretch(assigns: Assigns, event: PickStretch | PickStretchTo) -> Assigns:
    """The state after one of these."""
    if assigns.session is None:
        return assigns
    if isinstance(event, PickStretch):
        return _picked(assigns, event.range_ns)
    if event.ends == "visible":
        wanted = assigns.visible_ns
    elif assigns.marked_ns is None:
        return replace(assigns, notice=NO_MARK)
    else:
        wanted = (assigns.marked_ns, assigns.cursor_ns)
    return _picked(assigns, None if _inside(assigns, wanted) == assigns.stretch_ns else wanted)


def _picked(assigns: Assigns, range_ns: tuple[int, int] | None) -> Assigns:
    if range_ns is None:
        if assigns.stretch_ns is None:
            return assigns
        return replace(assigns, stretch_ns=None, notice=Notice("No stretch is picked."))
    start_ns, end_ns = _inside(assigns, range_ns)
    if start_ns == end_ns:
        return replace(assigns, notice=Notice("That stretch has no length: both its ends are the same moment."))
    length = duration_text(end_ns - start_ns)
    said = Notice(f"A stretch of {length} is picked: the inspector sums it up.", hint=_WAYS_ON)
    return replace(assigns, stretch_ns=(start_ns, end_ns), selection=None, notice=said)


def _inside(assigns: Assigns, range_ns: tuple[int, int]) -> tuple[int, int]:
    low, high = assigns.range_ns
    start_ns, end_ns = (min(max(time_ns, low), high) for time_ns in sorted(range_ns))
    return start_ns, end_ns
