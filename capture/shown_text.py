"""Text from outside, made safe to show: it was chosen by whoever wrote the program, the session or the file's name.

Control and escape characters would command the terminal, bidirectional ones show a name as another one, invisible ones
make two names look the same. What was taken out leaves a mark, so that nothing vanishes silently.

`one_line` is for a value, or for a sentence with values in it; `printable` is what every stream of ours does with
whatever reaches it, so that no printer can forget it. What a screen paints goes through `views.words.plain_text`.
"""

from __future__ import annotations

import re
import unicodedata

MARK = "\N{REPLACEMENT CHARACTER}"
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_UNSEEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | frozenset(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
"""Letters and accents by their category, so that a Python name may have them: `total` and `total\u3164` are two names.

Source: Unicode, DerivedCoreProperties.txt, Default_Ignorable_Code_Point, without what `_UNSEEN` has already.
"""
_PICTURE_OR_LETTER = "\ufe0e\ufe0f"  # how a symbol before them is to be drawn
_SHOWN_AS = {"\n": "\N{RETURN SYMBOL}", "\t": " ", "\r": ""}
_ODD = re.compile(r"[^ -~]")  # all that may need a look


def one_line(text: str) -> str:
    """The text on one line, without anything that is not seen.

    >>> one_line("user\\u202etxt.exe\\n\\x1b[2K")
    'user\N{REPLACEMENT CHARACTER}txt.exe\N{RETURN SYMBOL}\N{REPLACEMENT CHARACTER}[2K'
    """
    return text if _is_plain(text) else _ODD.sub(_on_one_line, text)


def printable(text: str) -> str:
    """The text for a terminal, lines and tabs kept.

    >>> printable("one\\n\\ttwo\\x1b]0;title\\x07")
    'one\\n\\ttwo\N{REPLACEMENT CHARACTER}]0;title\N{REPLACEMENT CHARACTER}'
    """
    if _is_plain(text.replace("\n", "").replace("\t", "")):
        return text
    return _ODD.sub(lambda found: found[0] if found[0] in "\n\t" else _seen(found), text)


def escaped_json(document: str) -> str:
    r"""A JSON document of the same meaning in which nothing is unseen.

    >>> escaped_json('["user\u202etxt.exe", "größe"]')
    '["user\\u202etxt.exe", "größe"]'
    """
    return document if _is_plain(document) else _ODD.sub(_escaped, document)


def _is_plain(text: str) -> bool:
    """Of 30 million letters a second: what is of `_UNSEEN` is not printable, and neither is any space but the one."""
    return text.isprintable() and (text.isascii() or _UNSEEN_LETTERS.isdisjoint(text))


def _is_unseen(found: re.Match[str]) -> bool:
    one = found[0]
    if one in _UNSEEN_LETTERS:
        before = found.string[max(found.start() - 1, 0) : found.start()]
        return not (one in _PICTURE_OR_LETTER and before > "~" and unicodedata.category(before)[0] == "S")
    return unicodedata.category(one) in _UNSEEN


def _seen(found: re.Match[str]) -> str:
    return MARK if _is_unseen(found) else found[0]


def _on_one_line(found: re.Match[str]) -> str:
    return _SHOWN_AS[found[0]] if found[0] in _SHOWN_AS else _seen(found)


def _escaped(found: re.Match[str]) -> str:
    one = found[0]
    if one in "\n\t" or not _is_unseen(found):
        return one
    return "".join(f"\\u{unit:04x}" for unit in memoryview(one.encode("utf-16-le", "surrogatepass")).cast("H"))
