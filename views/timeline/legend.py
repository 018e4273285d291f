"""What the signs on the timeline mean, for a picture of it; the caption beside the ruler says the rest."""

from __future__ import annotations

from views.drawing.legend import Sign
from views.drawing.span_colours import span_colour
from views.drawing.theme import colours
from views.loop.state import Assigns


def signs(assigns: Assigns) -> tuple[Sign, ...]:
    """The signs that may be seen; those of a mark or of bookmarks only where there are any."""
    shown = colours(assigns.theme)
    always = (
        Sign("call: hue of its file, lightness of its function", "block", span_colour(assigns.theme, "", 1, "")),
        Sign("left by an exception", "edge", shown.hot),
        Sign("state written", "edge", shown.accent),
        Sign("events lost", "hatch", shown.warning),
        Sign("made another event possible", "line", shown.muted),
        Sign("cursor", "line", shown.cursor),
    )
    flags = (Sign("bookmark", "flag", shown.bookmark),) if assigns.bookmarks else ()
    marks = (Sign("marked moment", "dashes", shown.mark),) if assigns.marked_ns is not None else ()
    settings = assigns.frame.settings if assigns.frame is not None else None
    changed = settings is not None and settings.since_ns is not None
    changes = (Sign("what is recorded has changed", "dashes", shown.muted),) if changed else ()
    return always + flags + marks + changes
