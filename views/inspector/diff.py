"""What changed between two versions of a value, as pieces to colour. No Qt.

Values are texts of up to some thousand characters and a frame has many, so this is one pass: what both share at the
beginning and at the end stays, the words in the middle were replaced: half a number says nothing.
"""

from __future__ import annotations

from typing import Literal

import msgspec

CONTEXT = 40


class Piece(msgspec.Struct, frozen=True):
    """A part of a value: in both versions, only in the old one, or only in the new one."""

    text: str
    only_in: Literal["both", "old", "new"] = "both"


def value_diff(old: str, new: str, context: int = CONTEXT) -> tuple[Piece, ...]:
    """The pieces in reading order; what is the same on both sides is cut to `context` characters around the change.

    >>> [(piece.only_in, piece.text) for piece in value_diff("{'stock': 12}", "{'stock': 19}")]
    [('both', "{'stock': "), ('old', '12'), ('new', '19'), ('both', '}')]
    """
    if old == new:
        return (Piece(new),) if new else ()
    head = _shared(old, new)
    while head and _is_word(new[head - 1]):
        head -= 1
    tail = min(_shared(old[::-1], new[::-1]), min(len(old), len(new)) - head)
    while tail and _is_word(new[len(new) - tail]):
        tail -= 1
    before, after = new[:head], new[len(new) - tail :]
    pieces = (
        Piece(before if len(before) <= context else "\N{HORIZONTAL ELLIPSIS}" + before[-context:]),
        Piece(old[head : len(old) - tail], "old"),
        Piece(new[head : len(new) - tail], "new"),
        Piece(after if len(after) <= context else after[:context] + "\N{HORIZONTAL ELLIPSIS}"),
    )
    return tuple(piece for piece in pieces if piece.text)


def _shared(a: str, b: str) -> int:
    """How many characters two texts share at the beginning, found by halving."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _is_word(one: str) -> bool:
    return one.isalnum() or one in "._"
