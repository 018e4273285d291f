"""Text that comes out of a session, made safe to paint: `plain` for what paints text as it is, `rich` for markup.

A widget that may take text for markup (a label, a tooltip) is told which it is, or gets `rich` text; a QPainter's
drawText and items of models get `plain`. What is taken out, and why, is in `capture.shown_text`.
"""

from __future__ import annotations

from html import escape

from capture.shown_text import one_line

MAX_LENGTH = 2_000


def plain(text: str, limit: int = MAX_LENGTH) -> str:
    """The text on one line without anything that is not seen; cut at `limit` characters, with an ellipsis.

    >>> plain("user\\u202etxt.exe")
    'user\N{REPLACEMENT CHARACTER}txt.exe'
    """
    return one_line(text[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}" if len(text) > limit else text)


def tooltip(*lines: str) -> str:
    """The lines as a tooltip, which Qt takes for markup when it looks like it: so it always is.

    >>> tooltip("a <b>", "c")
    '<span>a &lt;b&gt;<br>c</span>'
    """
    return f"<span>{'<br>'.join(map(rich, lines))}</span>" if any(lines) else ""


def rich(text: str, limit: int = MAX_LENGTH) -> str:
    """The same as markup, in which it means nothing but itself.

    >>> rich("<b>a & b</b>")
    '&lt;b&gt;a &amp; b&lt;/b&gt;'
    """
    return escape(plain(text, limit))
