"""Text from outside, made safe to show: it was chosen by whoever wrote the program, the session or the file's name.

Control and escape characters would command the terminal, bidirectional ones show a name as another one, invisible ones
make two names look the same. What was taken out leaves a mark, so that nothing vanishes silently.

`one_line` is for a value, or for a sentence with values in it; `printable` is what every stream of ours does with
whatever reaches it, so that no printer can forget it. What a screen paints goes through `views.plain_text`.
"""

from __future__ import annotations

import re
import unicodedata

MARK = "\N{REPLACEMENT CHARACTER}"
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SHOWN_AS = {"\n": "\N{RETURN SYMBOL}", "\t": " ", "\r": ""}
_ODD = re.compile(r"[^ -~]")  # all that may need a look


def one_line(text: str) -> str:
    """The text on one line, without anything that is not seen.

    >>> one_line("user\\u202etxt.exe\\n\\x1b[2K")
    'user\N{REPLACEMENT CHARACTER}txt.exe\N{RETURN SYMBOL}\N{REPLACEMENT CHARACTER}[2K'
    """
    return text if _is_plain(text) else _ODD.sub(lambda found: _on_one_line(found[0]), text)


def printable(text: str) -> str:
    """The text for a terminal, lines and tabs kept.

    >>> printable("one\\n\\ttwo\\x1b]0;title\\x07")
    'one\\n\\ttwo\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}'
    """
    if _is_plain(text.replace("\n", "").replace("\t", "")):
        return text
    return _ODD.sub(lambda found: found[0] if found[0] in "\n\t" else _seen(found[0]), text)


def escaped_json(document: str) -> str:
    r"""A JSON document of the same meaning in which nothing is unseen.

    >>> escaped_json('["user\u202etxt.exe", "größe"]')
    '["user\\u202etxt.exe", "größe"]'
    """
    return document if _is_plain(document) else _ODD.sub(lambda found: _escaped(found[0]), document)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _seen(one: str) -> str:
    return MARK if unicodedata.category(one) in _UNSEEN else one


def _on_one_line(one: str) -> str:
    return _SHOWN_AS[one] if one in _SHOWN_AS else _seen(one)


def _escaped(one: str) -> str:
    if one in "\n\t" or unicodedata.category(one) not in _UNSEEN:
        return one
    return "".join(f"\\u{unit:04x}" for unit in memoryview(one.encode("utf-16-le", "surrogatepass")).cast("H"))
