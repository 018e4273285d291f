"""The words and places of the transport bar. Pure, no Qt."""

from __future__ import annotations

from dags.frame_parts import Frame
from views.loop.state import Assigns
from views.words.figures import count_text, duration_text


def speed_text(speed: float) -> str:
    """The speed with as many digits as say something.

    >>> [speed_text(speed) for speed in (1.0, 0.25, 0.001, 64.0)]
    ['1.0×', '0.25×', '0.001×', '64×']
    """
    if speed >= 10:
        return f"{speed:.0f}×"
    text = f"{speed:.3f}".rstrip("0")
    return f"{text}0×" if text.endswith(".") else f"{text}×"


def event_text(frame: Frame | None, recorded: int) -> str:
    """Which event is the last one at the cursor."""
    if frame is None:
        return ""
    return f"event {count_text(frame.event_id)} of {count_text(recorded)}" if recorded else "no events"


def range_text(assigns: Assigns) -> str:
    """How much time is visible, and how much there is."""
    visible_ns = assigns.visible_ns[1] - assigns.visible_ns[0]
    recorded_ns = assigns.range_ns[1] - assigns.range_ns[0]
    if visible_ns >= recorded_ns:
        return f"all of {duration_text(recorded_ns)}"
    return f"{duration_text(visible_ns)} of {duration_text(recorded_ns)}"


def marked_text(assigns: Assigns) -> str:
    """How far the cursor is from the marked moment, '' without one."""
    if assigns.marked_ns is None:
        return ""
    apart_ns = assigns.cursor_ns - assigns.marked_ns
    return f"Δ {'+' if apart_ns >= 0 else ''}{duration_text(apart_ns)}"


def motion_text(assigns: Assigns) -> str:
    """What the cursor does by itself."""
    if assigns.following:
        return "following"
    if not assigns.playing:
        return "paused"
    return "playing back" if assigns.backwards else "playing"


def share_of(time_ns: int, range_ns: tuple[int, int]) -> float:
    """Where an instant lies in a stretch, 0 to 1.

    >>> share_of(25, (0, 100))
    0.25
    """
    width_ns = range_ns[1] - range_ns[0]
    return 0.0 if width_ns <= 0 else min(max((time_ns - range_ns[0]) / width_ns, 0.0), 1.0)
