"""What the words of a payload say, read with plain `struct`: a second reader, written from scope_values.h.

And `SHOWN`, how a program says the same of its own values, for it to be compared with.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import NamedTuple

SPECIAL, INT, SHORT, FLOAT, TEXT, SAME, CONTAINER, OBJECT = range(8)
SPECIALS = ("<unbound>", "None", "False", "True", "Ellipsis", "<redacted>", "…")
STR, BYTES, DIGITS, _ = range(4)
LIST, TUPLE, SET, FROZENSET, DICT = range(5)
BOUND, IN_PLACE, UNBOUND = 1, 2, 3
BRACKETS = {LIST: "[]", TUPLE: "()", SET: ("{", "}"), FROZENSET: ("frozenset(", ")"), DICT: "{}"}

SHOWN = """
def shown(value, depth=0):
    kind = type(value)
    if value is None or kind in (bool, float, type(...)):
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() <= 256 else "<int of %d bits>" % value.bit_length()
    if kind in (str, bytes):
        raw = value.encode(errors="backslashreplace") if kind is str else value
        cut = raw[:200]
        cut = cut.decode(errors="ignore") if kind is str else cut
        return repr(cut) + "…" * (len(raw) > 200)
    if kind in (list, tuple, set, frozenset, dict):
        if depth == 2:
            return "…"
        both = value.items() if kind is dict else [(item,) for item in value]
        items = [": ".join(shown(one, depth + 1) for one in some) for some in list(both)[:8]]
        brackets = {list: "[]", tuple: "()", set: "{}", frozenset: ("frozenset(", ")"), dict: "{}"}[kind]
        return brackets[0] + ", ".join(items + ["…"] * (len(value) > 8)) + brackets[1]
    return "<%s.%s at 0x%x>" % (kind.__module__, kind.__qualname__, id(value))
"""


class Change(NamedTuple):
    """What has become of one local variable; `value` is None where it is not bound any more."""

    name: str
    how: int
    value: str | None


class WordReader:
    """The values of one chunk, in the order of its records."""

    def __init__(self, types: Mapping[int, str], names: Mapping[int, str]) -> None:
        self._types, self._names = types, names
        self._known: dict[int, str] = {}

    def read(self, raw: bytes) -> list[str]:
        """Every value of one payload. Raises: AssertionError where the words break a promise."""
        assert len(raw) % 8 == 0
        words = list(struct.unpack(f"<{len(raw) // 8}Q", raw))
        at, values = 0, []
        while at < len(words):
            at, value = self._value(words, at)
            values.append(value)
        return values

    def read_changes(self, raw: bytes) -> list[Change]:
        """Every change of local variables in one payload. Raises: AssertionError where the words break a promise."""
        assert len(raw) % 8 == 0
        words = list(struct.unpack(f"<{len(raw) // 8}Q", raw))
        at, changes = 0, []
        while at < len(words):
            number, how = words[at] & 0xFFFF_FFFF, words[at] >> 32
            assert how in (BOUND, IN_PLACE, UNBOUND)
            at, value = (at + 1, None) if how == UNBOUND else self._value(words, at + 1)
            changes.append(Change(self._names[number], how, value))
        assert len({change.name for change in changes}) == len(changes), "a name comes twice"
        return changes

    def _value(self, words: list[int], at: int) -> tuple[int, str]:
        word = words[at]
        match word & 15:
            case 0:
                return at + 1, SPECIALS[word >> 4]
            case 1:
                return at + 1, str((word >> 4) - (1 << 60 if word >> 63 else 0))
            case 2:
                return at + 1, repr(word.to_bytes(8, "little")[1 : 1 + (word >> 4 & 15)].decode())
            case 3:
                assert word == FLOAT
                return at + 2, repr(struct.unpack("<d", struct.pack("<Q", words[at + 1]))[0])
            case 4:
                return self._text(words, at)
            case 5:
                return at + 1, self._known[word >> 4]
            case 6:
                return self._container(words, at)
            case 7:
                number = word >> 48
                name = self._types[number] if number else "?"
                return at + 1, f"<{name if '.' in name else f'builtins.{name}'} at {word & 0xFFFF_FFFF_FFF0:#x}>"
        raise AssertionError(f"no value begins with {word:#x}")

    def _text(self, words: list[int], at: int) -> tuple[int, str]:
        word, number = words[at : at + 2]
        size = word >> 16 & 0xFFFF
        end = at + 2 + (size + 7) // 8
        padded = struct.pack(f"<{end - at - 2}Q", *words[at + 2 : end])
        raw, what = padded[:size], word >> 4 & 15
        assert not any(padded[size:])
        shown = repr(raw.decode()) if what == STR else repr(raw) if what == BYTES else raw.decode()
        return end, self._keep(number, shown + "…" * (word >> 8 & 1))

    def _container(self, words: list[int], at: int) -> tuple[int, str]:
        word, number = words[at : at + 2]
        what, count, length = word >> 4 & 7, word >> 16 & 0xFF, word >> 32
        assert bool(word >> 8 & 1) == (count < length)
        at += 2
        items = []
        for _ in range(count):
            at, item = self._value(words, at)
            if what == DICT:
                at, value = self._value(words, at)
                item = f"{item}: {value}"
            items.append(item)
        begin, end = BRACKETS[what]
        return at, self._keep(number, begin + ", ".join(items + ["…"] * (count < length)) + end)

    def _keep(self, number: int, shown: str) -> str:
        assert 0 < number < 1 << 60
        assert number not in self._known
        self._known[number] = shown
        return shown
