"""Values as they were recorded, read back from their texts: what a program's variable held, as far as it was told.

Of a value that was cut only its beginning is known, of an object only its type and where it lay. Nothing is evaluated.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

MOST_DEPTH = 10
CUT = "…"
_WORDS: dict[str, Any] = {"None": None, "True": True, "False": False, "Ellipsis": ...}
_PLAIN = re.compile(r"-?(?:inf|nan|[0-9][0-9.e+\-]*)|None|True|False|Ellipsis")
_QUOTED = re.compile(r"(b?)'((?:[^'\\]|\\.)*)'(…?)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t"}
_OPENED = re.compile(r"frozenset\(|set\(\)|[\[({]")
_CLOSES = {"[": "]", "(": ")", "{": "}", "frozenset(": ")"}


class Unread(NamedTuple):
    """A value of which no more than its text is known."""

    text: str

    def __repr__(self) -> str:
        return self.text


class Beginning(NamedTuple):
    """A container of which only the first items are known."""

    items: Any


def value_in(text: str) -> Any:
    """The value of that text.

    >>> value_in("[1, 'a, b', (2.5, None)]"), value_in("{'k': <shop.Order at 0x10>}")
    ([1, 'a, b', (2.5, None)], {'k': <shop.Order at 0x10>})
    >>> value_in("[1, 2, …]"), value_in("'abc'…")
    (Beginning(items=[1, 2]), 'abc'…)
    """
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value, end = _read(text, 0, 0)
    except (ValueError, TypeError):  # no value, or a key that no dict can have
        return Unread(text)
    return value if end == len(text) else Unread(text)


def _read(text: str, at: int, depth: int) -> tuple[Any, int]:
    """(the value that begins there, where it ends). Raises: ValueError."""
    if plain := _PLAIN.match(text, at):
        said = plain[0]
        if said in _WORDS:
            return _WORDS[said], plain.end()
        return (int(said) if said.lstrip("-").isdecimal() else float(said)), plain.end()
    if quoted := _QUOTED.match(text, at):
        if quoted[3]:
            return Unread(quoted[0]), quoted.end()
        said = _ESCAPE.sub(_unescaped, quoted[2])
        return (said.encode("latin-1") if quoted[1] else said), quoted.end()
    if text.startswith("<", at):
        end = text.index(">", at) + 1
        return Unread(text[at:end]), end
    opened = _OPENED.match(text, at)
    if opened is None or depth >= MOST_DEPTH:
        raise ValueError(text)
    return (set(), opened.end()) if opened[0] == "set()" else _container(text, opened[0], opened.end(), depth)


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _ESCAPED.get(escape[2], escape[2])


def _container(text: str, opened: str, at: int, depth: int) -> tuple[Any, int]:
    closes, items, pairs, is_cut = _CLOSES[opened], list[Any](), list[tuple[Any, Any]](), False
    is_dict = opened == "{" and text.startswith("}", at)  # an empty one: that of a set is written out
    while not text.startswith(closes, at):
        if text.startswith(CUT, at):
            is_cut, at = True, at + 1
            continue
        item, at = _read(text, at, depth + 1)
        if text.startswith(": ", at):
            value, at = _read(text, at + 2, depth + 1)
            pairs.append((item, value))
            is_dict = True
        else:
            items.append(item)
        at += 2 if text.startswith(", ", at) else 1 if text.startswith(",", at) else 0
        if at >= len(text):
            raise ValueError(text)
    made: Any = dict(pairs) if is_dict else _of_kind(opened, items)
    return (Beginning(made) if is_cut else made), at + 1


def _of_kind(opened: str, items: list[Any]) -> Any:
    if opened == "[":
        return items
    if opened == "(":
        return tuple(items)
    return set(items) if opened == "{" else frozenset(items)
