"""Values as the words of records, and as the text that is shown of them: both written a second time, in Python.

`native/scope_values.h` draws the words. Bounds are those of the recorder: 200 bytes of a text, 8 items, depth 2.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

MOST_BYTES, MOST_ITEMS, MOST_DEPTH, MOST_BITS = 200, 8, 2, 256
SPECIAL, INT, SHORT, FLOAT, TEXT, SAME, CONTAINER, OBJECT = range(8)
UNBOUND, NONE, FALSE, TRUE, ELLIPSIS, REDACTED, CUT = range(7)
_SPECIALS = {None: NONE, False: FALSE, True: TRUE, Ellipsis: ELLIPSIS}
_CONTAINERS: tuple[type, ...] = (list, tuple, set, frozenset, dict)
_BRACKETS = {list: "[]", tuple: "()", set: "{}", frozenset: ("frozenset(", ")"), dict: "{}"}


def special(number: int) -> bytes:
    """A word that is a value without a content."""
    return _word(SPECIAL | number << 4)


def same(ident: int) -> bytes:
    """What was written under that id before."""
    return _word(SAME | ident << 4)


def foreign(type_number: int, address: int) -> bytes:
    """An object of a type that is not looked into."""
    return _word(OBJECT | type_number << 48 | address >> 4 << 4)


@dataclass
class ValueWriter:
    """Writes values as a recorder does: what has come before is only referred to."""

    next_id: int = 1
    written: dict[str, int] = field(default_factory=dict)

    def words(self, value: object, depth: int = 0) -> bytes:
        """The words of one value."""
        if value is None or isinstance(value, bool) or value is Ellipsis:
            return special(_SPECIALS[value])
        if isinstance(value, int):
            if -(1 << 59) <= value < 1 << 59:
                return _word(INT | (value & (1 << 60) - 1) << 4)
            return self._text(2, shown(value).encode(), cut=False)
        if isinstance(value, float):
            return _word(FLOAT) + struct.pack("<d", value)
        if isinstance(value, str):
            raw = value.encode()
            if len(raw) <= 7:
                return bytes([SHORT | len(raw) << 4]) + raw + bytes(7 - len(raw))
            return self._text(0, *_bounded(raw, whole_characters=True))
        if isinstance(value, bytes):
            return self._text(1, *_bounded(value, whole_characters=False))
        if depth >= MOST_DEPTH:
            return special(CUT)
        assert isinstance(value, list | tuple | set | frozenset | dict)
        return self._container(value, depth)

    def event(self, *values: object) -> bytes:
        """The payload of one event."""
        return b"".join(self.words(value) for value in values)

    def _text(self, what: int, raw: bytes, cut: bool) -> bytes:
        key = f"{what} {raw!r} {cut}"
        if key in self.written:
            return same(self.written[key])
        head = TEXT | what << 4 | cut << 8 | len(raw) << 16
        return _word(head) + self._new_id(key) + raw + bytes(-len(raw) % 8)

    def _container(self, value: list | tuple | set | frozenset | dict, depth: int) -> bytes:  # type: ignore[type-arg]
        key = f"{depth} {shown(value, depth)}"
        if key in self.written:
            return same(self.written[key])
        items = list(itertools.islice(value.items() if isinstance(value, dict) else ((item,) for item in value), 8))
        what = _CONTAINERS.index(type(value))
        head = CONTAINER | what << 4 | (len(value) > len(items)) << 8 | len(items) << 16 | len(value) << 32
        ident = self._new_id(key)
        return _word(head) + ident + b"".join(self.words(item, depth + 1) for parts in items for item in parts)

    def _new_id(self, key: str) -> bytes:
        self.written[key], self.next_id = self.next_id, self.next_id + 1
        return _word(self.written[key])


def shown(value: object, depth: int = 0) -> str:
    """The bounded text of a value."""
    if value is None or isinstance(value, bool | float) or value is Ellipsis:
        return repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= MOST_BITS else f"<int of {value.bit_length()} bits>"
    if isinstance(value, str):
        raw, cut = _bounded(value.encode(), whole_characters=True)
        return "'" + "".join(map(_escaped, raw.decode())) + "'" + "…" * cut
    if isinstance(value, bytes):
        raw, cut = _bounded(value, whole_characters=False)
        return "b'" + "".join(_escaped(chr(byte), most=0x7F) for byte in raw) + "'" + "…" * cut
    if depth >= MOST_DEPTH:
        return "…"
    assert isinstance(value, list | tuple | set | frozenset | dict)
    if isinstance(value, dict):
        told = [f"{shown(key, depth + 1)}: {shown(item, depth + 1)}" for key, item in _first(value.items())]
    else:
        told = [shown(item, depth + 1) for item in _first(value)]
    told += ["…"] * (len(value) > len(told))
    if isinstance(value, set) and not value:
        return "set()"
    opening, closing = _BRACKETS[type(value)]
    return opening + ", ".join(told) + ("," if isinstance(value, tuple) and len(value) == 1 else "") + closing


def arguments(names: Iterable[str], values: Iterable[object]) -> str:
    """The bounded text of a call's arguments."""
    told = [f"{name}={shown(value)}" for name, value in zip(names, values, strict=True)]
    return bounded(", ".join([*told[:16], *(["…"] if len(told) > 16 else [])]))


def bounded(text: str) -> str:
    """At most 1 000 bytes, and a mark behind what was cut."""
    raw = text.encode()
    return text if len(raw) <= 1000 else raw[:1000].decode(errors="ignore") + "…"


def _first(items: Iterable[object]) -> list:  # type: ignore[type-arg]
    return list(itertools.islice(items, MOST_ITEMS))


def _escaped(character: str, most: int = 0x10FFFF) -> str:
    if character in "'\\":
        return "\\" + character
    if character in "\n\t":
        return {"\n": "\\n", "\t": "\\t"}[character]
    number = ord(character)
    is_plain = 0x20 <= number < 0x7F or 0x80 <= number <= most
    return character if is_plain else f"\\x{number:02x}"


def _bounded(raw: bytes, *, whole_characters: bool) -> tuple[bytes, bool]:
    if len(raw) <= MOST_BYTES:
        return raw, False
    cut = raw[:MOST_BYTES]
    return (cut.decode(errors="ignore").encode() if whole_characters else cut), True


def _word(number: int) -> bytes:
    return struct.pack("<Q", number & (1 << 64) - 1)
