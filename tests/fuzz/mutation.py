"""Changes to inputs that know what they change: numbers at their limits, nodes of trees, stretches of bytes.

Every function takes the dice that decide, so that one seed makes one input.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, NamedTuple

import msgspec

EDGES = (0, 1, 2, 3, 4, 7, 8, 15, 16, 48, 63, 64, 127, 128, 255, 256, 4095, 4096, 65535, 65536)
WIDTHS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}
ODD_TEXTS = ("", "\0", "a" * 300, "\ud7ff\ue000", "é" * 40, "\x1b[31m", "{}", "segments/00000001.events.parquet", "-1")
_MOST_COPIES = 4


class Field(NamedTuple):
    """A number of a fixed layout: where it lies, and its bytes."""

    at: int
    size: int


def odd_number(dice: Random, old: int, bits: int = 64) -> int:
    """A number near the old one, near a limit of `bits`, or any; not negative."""
    most = (1 << bits) - 1
    choice = dice.randrange(6)
    if choice == 0:
        found = old + dice.choice((-8, -2, -1, 1, 2, 8))
    elif choice == 1:
        found = dice.choice(EDGES)
    elif choice == 2:
        found = (1 << dice.randrange(bits + 1)) + dice.choice((-1, 0, 1))
    elif choice == 3:
        found = most - dice.choice(EDGES)
    elif choice == 4:
        found = old ^ 1 << dice.randrange(bits)
    else:
        found = dice.getrandbits(bits)
    return found & most


def some_bytes(data: bytes, dice: Random) -> bytes:
    """Bits, bytes, words, copies and cuts, as a fuzzer without any knowledge makes them."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        choice = dice.randrange(7)
        at = dice.randrange(len(changed) + 1)
        if choice == 0 or not changed:
            changed[at:at] = dice.randbytes(dice.choice((1, 2, 4, 8)))
        elif choice == 1:
            del changed[at : at + dice.choice((1, 1, 4, 16, 64))]
        elif choice == 2:
            start, length = dice.randrange(len(changed)), dice.choice((4, 16, 48, 64, 256))
            changed[at:at] = changed[start : start + length]
        elif choice == 3:
            del changed[at:]
        elif choice == 4:
            at = min(at, len(changed) - 1)
            changed[at] ^= 1 << dice.randrange(8)
        elif choice == 5:
            changed[min(at, len(changed) - 1)] = dice.randrange(256)
        else:
            size = dice.choice((1, 2, 4, 8))
            at = at & -size
            if at + size <= len(changed):
                set_number(changed, Field(at, size), dice)
    return bytes(changed)


def set_number(data: bytearray, field: Field, dice: Random) -> None:
    """Another number in a field of a fixed layout, little-endian; nothing where the data ends before it."""
    if field.at + field.size <= len(data):
        kind = WIDTHS[field.size]
        old = struct.unpack_from(kind, data, field.at)[0]
        struct.pack_into(kind, data, field.at, odd_number(dice, old, 8 * field.size))


def some_fields(data: bytes, fields: Sequence[Field], dice: Random) -> bytes:
    """One to three numbers of a fixed layout are others."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 2, 3))):
        set_number(changed, dice.choice(fields), dice)
    return bytes(changed)


def node(value: Any, dice: Random, inner: Callable[[bytes, Random], bytes] = some_bytes) -> Any:
    """A tree of dictionaries and lists in which one node is another; `inner` changes bytes in it."""
    if isinstance(value, (dict, list)) and value and dice.random() < 0.85:
        return _with_other_child(value, dice, inner)
    return _other(value, dice, inner)


def _with_other_child(value: Any, dice: Random, inner: Callable[[bytes, Random], bytes]) -> Any:
    if isinstance(value, dict):
        changed = dict(value)
        key = dice.choice(list(changed))
        choice = dice.randrange(12)
        if choice == 0:
            del changed[key]
        elif choice == 1:
            changed[dice.choice([*map(str, EDGES[:4]), "nosuch", key * 2 if isinstance(key, str) else key])] = changed[
                key
            ]
        elif choice == 2:
            changed[key] = changed[dice.choice(list(changed))]
        else:
            changed[key] = node(changed[key], dice, inner)
        return changed
    items = list(value)
    at = dice.randrange(len(items))
    choice = dice.randrange(12)
    if choice == 0:
        del items[at]
    elif choice == 1:
        items[at:at] = [items[dice.randrange(len(items))]] * dice.randint(1, _MOST_COPIES)
    elif choice == 2:
        other = dice.randrange(len(items))
        items[at], items[other] = items[other], items[at]
    else:
        items[at] = node(items[at], dice, inner)
    return items


def _other(value: Any, dice: Random, inner: Callable[[bytes, Random], bytes]) -> Any:
    if dice.random() < 0.12:
        return dice.choice([None, True, 0, -1, 1 << 62, 1 << 63, -(1 << 63), 0.5, float("1e308"), "", [], {}, [[]] * 3])
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        found = odd_number(dice, value & ((1 << 64) - 1), dice.choice((8, 16, 31, 32, 62, 63, 64)))
        return -min(found, 1 << 63) if dice.random() < 0.2 else found
    if isinstance(value, float):
        return dice.choice([0.0, -0.0, 1e308, -1e308, 5e-324, value * 2, -value])
    if isinstance(value, str):
        at = dice.randrange(len(value) + 1)
        return dice.choice([*ODD_TEXTS, value[:at], value + value, value[:at] + dice.choice(ODD_TEXTS) + value[at:]])
    if isinstance(value, bytes):
        return inner(value, dice)
    return value


def json_node(data: bytes, dice: Random) -> bytes:
    """A JSON document in which one node is another; any bytes where it is none."""
    try:
        return msgspec.json.encode(node(msgspec.json.decode(data), dice))
    except (msgspec.MsgspecError, ValueError, RecursionError, UnicodeError, OverflowError):
        return some_bytes(data, dice)


def msgpack_node(data: bytes, dice: Random) -> bytes:
    """The same of MessagePack; bytes in it that are MessagePack again are changed inside."""
    try:
        tree = msgspec.msgpack.decode(data)
        if not isinstance(tree, (dict, list)):
            return some_bytes(data, dice)
        return msgspec.msgpack.encode(node(tree, dice, msgpack_node))
    except (msgspec.MsgspecError, ValueError, RecursionError, UnicodeError, OverflowError):
        return some_bytes(data, dice)
