"""The stretch of time that the timeline shows: zoomed, panned, kept within what is recorded. Pure, no Qt.

Units: ns on the session clock; a stretch is (start_ns, end_ns).
"""

from __future__ import annotations

MIN_VISIBLE_NS = 100
"""Two events of one thread are rarely closer than 20 ns; five of them should still be seen apart."""

_MARGIN = 0.1

Span = tuple[int, int]


def fitted(wanted: Span, recorded: Span) -> Span:
    """The wanted stretch, at least MIN_VISIBLE_NS wide, moved into what is recorded and cut to it.

    >>> fitted((-50, 950), (0, 10_000))
    (0, 1000)
    """
    start_ns, end_ns = min(wanted), max(wanted)
    width_ns = max(end_ns - start_ns, MIN_VISIBLE_NS)
    if width_ns >= recorded[1] - recorded[0]:
        return recorded
    start_ns = min(max(start_ns, recorded[0]), recorded[1] - width_ns)
    return start_ns, start_ns + width_ns


def zoomed(visible: Span, recorded: Span, factor: float, around_ns: int) -> Span:
    """A stretch `factor` times as wide in which `around_ns` keeps its place on the screen.

    >>> zoomed((0, 1000), (0, 1000), 0.5, 500)
    (250, 750)
    """
    width_ns = visible[1] - visible[0]
    around_ns = min(max(around_ns, visible[0]), visible[1])
    new_width_ns = max(round(width_ns * factor), MIN_VISIBLE_NS)
    share = (around_ns - visible[0]) / width_ns if width_ns else 0.5
    start_ns = around_ns - round(new_width_ns * share)
    return fitted((start_ns, start_ns + new_width_ns), recorded)


def panned(visible: Span, recorded: Span, share: float) -> Span:
    """The stretch moved by a share of its width.

    >>> panned((0, 100), (0, 1000), 0.5)
    (50, 150)
    """
    by_ns = round((visible[1] - visible[0]) * share)
    return fitted((visible[0] + by_ns, visible[1] + by_ns), recorded)


def showing(time_ns: int, visible: Span, recorded: Span) -> Span:
    """The stretch, moved only if the instant is outside it, and then so far that it stands a little off the edge."""
    if visible[0] <= time_ns <= visible[1]:
        return visible
    width_ns = visible[1] - visible[0]
    margin_ns = round(width_ns * _MARGIN)
    start_ns = time_ns - margin_ns if time_ns < visible[0] else time_ns + margin_ns - width_ns
    return fitted((start_ns, start_ns + width_ns), recorded)
