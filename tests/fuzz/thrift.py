"""Thrift's compact protocol as trees that can be changed and written again, for footers and page headers of Parquet.

Source: doc/specs/thrift-compact-protocol.md of Apache Thrift.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.fuzz.mutation import odd_number, some_bytes

STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, STRUCT = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
_NUMBERS = (I16, I32, I64)


@dataclass
class Item:
    """A value with its type; of a struct `value` is a list of (field number, item), of a list (item type, items)."""

    type: int
    value: Any = None


@dataclass
class Reader:
    """Reads on from a place; what is not whole raises IndexError or ValueError."""

    data: bytes
    at: int = 0
    depth: int = field(default=0)

    def varint(self) -> int:
        value = shift = 0
        while True:
            one = self.data[self.at]
            self.at += 1
            value |= (one & 127) << shift
            if not one & 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("too long")

    def number(self) -> int:
        raw = self.varint()
        return raw >> 1 ^ -(raw & 1)

    def item(self, kind: int, *, in_list: bool = False) -> Item:
        self.depth += 1
        if self.depth > 20:
            raise ValueError("too deep")
        item = Item(kind, self._value(kind, in_list))
        self.depth -= 1
        return item

    def _value(self, kind: int, in_list: bool) -> Any:
        if kind in _NUMBERS:
            return self.number()
        if kind in (TRUE, FALSE):
            return self._taken(1) if in_list else None
        if kind in (BYTE, DOUBLE):
            return self._taken(8 if kind == DOUBLE else 1)
        if kind == BINARY:
            return self._taken(self.varint())
        if kind in (LIST, SET):
            head = self._taken(1)[0]
            count = self.varint() if head >> 4 == 15 else head >> 4
            if count > len(self.data):
                raise ValueError("cut off")
            return head & 15, [self.item(head & 15, in_list=True) for _ in range(count)]
        if kind != STRUCT:
            raise ValueError("no type")
        fields, number = [], 0
        while (head := self._taken(1)[0]) & 15:
            number = number + (head >> 4) if head >> 4 else self.number()
            fields.append((number, self.item(head & 15)))
        return fields

    def _taken(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise IndexError("cut off")
        self.at += count
        return taken


def written(item: Item) -> bytes:
    """The bytes of a value without its type."""
    if item.type in _NUMBERS:
        return varint((item.value << 1 ^ item.value >> 63) & (1 << 64) - 1)
    if item.type == BINARY:
        return varint(len(item.value)) + bytes(item.value)
    if item.type in (LIST, SET):
        kind, items = item.value
        head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + varint(len(items))
        return head + b"".join(map(written, items))
    if item.type != STRUCT:
        return item.value or b""
    parts, last = [], 0
    for number, one in item.value:
        step = number - last
        head = bytes([step << 4 | one.type]) if 0 < step < 16 else bytes([one.type]) + varint(number << 1)
        parts += [head, written(one)]
        last = number
    return b"".join(parts) + b"\0"


def varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def get(struct: Item, number: int) -> Item | None:
    """The first field of that number."""
    return next((item for at, item in struct.value if at == number), None)


def change(root: Item, dice: Random) -> None:
    """One value of the tree is another, or a field or an item is missing, there twice, or of another number or type."""
    nodes = list(_nodes(root))
    item = dice.choice(nodes)
    if item.type in _NUMBERS:
        found = odd_number(dice, item.value & (1 << 32) - 1, dice.choice((4, 8, 31, 32, 63)))
        item.value = -found if dice.random() < 0.2 else found
    elif item.type == BINARY:
        item.value = some_bytes(item.value, dice)
    elif item.type in (LIST, SET):
        kind, items = item.value
        if items and dice.random() < 0.6:
            at = dice.randrange(len(items))
            items[at : at + 1] = items[at : at + 1] * dice.choice((0, 2, 3))
        else:
            item.value = (dice.choice((kind, dice.randrange(16))), items)
    elif item.type == STRUCT and item.value:
        at = dice.randrange(len(item.value))
        number, one = item.value[at]
        item.value[at : at + 1] = dice.choice(
            ([], [(number, one)] * 2, [(dice.choice((number + 1, 0, 40, 1 << 15)), one)], [(number, Item(I32, 1))])
        )


def _nodes(item: Item) -> list[Item]:
    found = [item]
    if item.type == STRUCT:
        for _, one in item.value:
            found += _nodes(one)
    elif item.type in (LIST, SET):
        for one in item.value[1]:
            found += _nodes(one)
    return found
