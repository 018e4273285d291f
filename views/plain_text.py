"""Text that comes out of a session, made safe to paint: it was chosen by whoever wrote the program, or the file.

Control characters would break a row, bidirectional ones would show a name as another one, and invisible ones make two
names look the same. What was taken out leaves a mark, so that nothing vanishes silently. Painting is the other half:
only ever as plain text (`Qt.TextFormat.PlainText`, or a QPainter's drawText), never through a label that may guess.
"""

from __future__ import annotations

import unicodedata

MARK = "\N{REPLACEMENT CHARACTER}"
MAX_LENGTH = 2_000
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SHOWN_AS = {"\n": "\N{RETURN SYMBOL}", "\t": " ", "\r": ""}


def plain(text: str, limit: int = MAX_LENGTH) -> str:
    """The text on one line without anything that is not seen; cut at `limit` characters, with an ellipsis.

    >>> plain("user\\u202etxt.exe")
    'user\N{REPLACEMENT CHARACTER}txt.exe'
    """
    cut = text[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}" if len(text) > limit else text
    if cut.isascii() and cut.isprintable():
        return cut
    return "".join(_seen(one) for one in cut)


def _seen(one: str) -> str:
    if one in _SHOWN_AS:
        return _SHOWN_AS[one]
    return MARK if unicodedata.category(one) in _UNSEEN else one
