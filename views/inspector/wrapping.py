"""Breaks text into lines: coloured pieces at so many characters of a fixed width, sentences between words. No Qt."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from views.inspector.diff import Piece

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_PARTING = re.compile(r"(?:\.(?!\d)|[_/])")
"""What parts names; the point of a number does not."""


def wrapped(pieces: tuple[Piece, ...], columns: int, max_lines: int) -> tuple[tuple[Piece, ...], ...]:
    """The pieces as lines; where they need more than `max_lines`, the last ends in an ellipsis.

    A line breaks behind a blank where its second half has one, else behind what parts names, else wherever it is full.

    >>> [[piece.text for piece in line] for line in wrapped((Piece("abcd"), Piece("ef", "new")), 3, 9)]
    [['abc'], ['d', 'ef']]
    >>> [piece.text for line in wrapped((Piece("left the function"),), 12, 9) for piece in line]
    ['left the ', 'function']
    >>> [piece.text for line in wrapped((Piece("Fraud.looks_plausible"),), 18, 9) for piece in line]
    ['Fraud.looks_', 'plausible']
    """
    columns = max(columns, 1)
    lines: list[list[Piece]] = [[]]
    room = columns
    for piece in pieces:
        rest = piece.text
        while rest:
            if not room:
                lines.append([])
                room = columns
            end = room
            if len(rest) > room and not rest[room].isspace():
                end = _break(rest, max(0, room - columns // 2), room)
            part, rest = rest[:end], rest[end:]
            lines[-1].append(msgspec.structs.replace(piece, text=part))
            room = room - len(part) if end == room else 0
    if len(lines) > max_lines:
        lines = lines[:max_lines]
        last = lines[-1].pop()
        lines[-1].append(msgspec.structs.replace(last, text=last.text[:-1] + ELLIPSIS))
    return tuple(tuple(line) for line in lines if line)


def _break(text: str, first: int, end: int) -> int:
    """Where a line ends that has room for `end` characters, no sooner than behind `first` of them."""
    blank = text.rfind(" ", first, end) + 1
    return blank or max((found.end() for found in _PARTING.finditer(text, first, end)), default=end)


def broken(text: str, fits: Callable[[str], bool]) -> list[str]:
    """The text in lines that fit, broken at blanks; a word that does not fit by itself has a line of its own.

    >>> broken("no class was named to be watched", lambda line: len(line) <= 12)
    ['no class was', 'named to be', 'watched']
    """
    lines: list[str] = []
    for word in text.split(" "):
        if lines and fits(f"{lines[-1]} {word}"):
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines
