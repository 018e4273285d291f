"""A table's file with the right checksum and any content: footer, page headers, pages, and the rows that they make.

The first byte chooses the table.
"""

from __future__ import annotations

import zlib
from random import Random
from typing import Any

import pyarrow as pa

from capture.session import parquet
from capture.session.tables import STORED_SCHEMAS
from tests.fuzz import thrift
from tests.fuzz.mutation import some_bytes
from tests.fuzz.small_session import forged, opened, read_all, sound_files, sound_manifest
from tests.fuzz.thrift import STRUCT, Item, Reader, change, get, written
from tests.fuzz.verdict import Wrong

TABLES = tuple(STORED_SCHEMAS)
_ZSTD = pa.Codec("zstd")
_MOST_RAW = 1 << 20
_SOME = 7  # of so many inputs one is read in a session, which takes a hundred times longer,
_FEWER = 8  # and of so many of those one is asked for by SQL


def seeds() -> dict[str, bytes]:
    files = {name.split(".")[1]: data for name, data in sound_files().items() if name.endswith(".parquet")}
    return {name: bytes([TABLES.index(name)]) + data for name, data in files.items()}


def mutated(data: bytes, dice: Random) -> bytes:
    if not data:
        return data
    try:
        file = File.of(data[1:])
    except (IndexError, ValueError, KeyError, TypeError):
        return data[:1] + some_bytes(data[1:], dice)
    for _ in range(dice.choice((1, 1, 2, 3))):
        file.change(dice)
    try:
        return data[:1] + file.bytes(honest=dice.random() < 0.8)
    except (ValueError, OverflowError, TypeError, AttributeError):
        return data[:1] + some_bytes(data[1:], dice)


def read(data: bytes) -> None:
    if not data:
        return
    name, file = TABLES[data[0] % len(TABLES)], data[1:]
    rows = parquet._shape(name, pa.py_buffer(file)).rows
    table = parquet.decode(name, pa.py_buffer(file), rows, events=_events)
    if len(table) != rows:
        raise Wrong("a table has other rows than its file claims")
    table.validate(full=True)
    table.slice(0, 1000).to_pylist()
    if zlib.crc32(data) % _SOME == 0:
        listed = [*sound_manifest().defs, *(one for part in sound_manifest().segments for one in part.files)]
        for entry in listed:
            if entry.table == name:
                with opened(forged(entry.name, file, rows)) as session:
                    read_all(session, sql_table=name if zlib.crc32(data) % (_FEWER * _SOME) == 0 else None)
                break


def _events(columns: Any) -> pa.Table:
    name = next(name for name in sound_files() if ".events." in name)
    data = sound_files()[name]
    rows = parquet._shape("events", pa.py_buffer(data)).rows
    return parquet.decode("events", pa.py_buffer(data), rows, list(columns))


class File:
    """A Parquet file taken apart: the footer, and by column chunk its pages, each a header and what it holds."""

    def __init__(self, footer: Item, chunks: list[tuple[Item, list[tuple[Item, bytes]]]]) -> None:
        self.footer = footer
        self.chunks = chunks

    @classmethod
    def of(cls, data: bytes) -> File:
        """Raises: IndexError, ValueError."""
        length = int.from_bytes(data[-8:-4], "little")
        footer = Reader(data[len(data) - 8 - length : -8]).item(STRUCT)
        chunks = []
        for group in _items(get(footer, 4)):
            for column in _items(get(group, 1)):
                meta = get(column, 3)
                if meta is None or meta.type != STRUCT:
                    raise ValueError("no column")
                chunks.append((meta, _pages(data, meta)))
        return cls(footer, chunks)

    def change(self, dice: Random) -> None:
        """The footer, a header, what a page holds, or the order of pages is another."""
        pages = [(chunk, at) for _, chunk in self.chunks for at in range(len(chunk))]
        choice = dice.randrange(8)
        if choice < 3 or not pages:
            change(self.footer, dice)
            return
        chunk, at = dice.choice(pages)
        header, payload = chunk[at]
        if choice < 5:
            change(header, dice)
        elif choice == 5:
            chunk[at : at + 1] = [chunk[at]] * dice.choice((0, 2, 3))
        else:
            chunk[at] = (header, _other_payload(header, payload, dice))

    def bytes(self, *, honest: bool) -> bytes:
        """The file; `honest`: with places and sizes as they are."""
        parts = [b"PAR1"]
        at = 4
        for meta, pages in self.chunks:
            start, raw, first_data = at, 0, None
            for header, payload in pages:
                head = written(header)
                kind, size = get(header, 1), get(header, 2)
                if first_data is None and (kind is None or kind.value != 2):
                    first_data = at
                raw += len(head) + (size.value if size is not None else 0)
                parts += [head, payload]
                at += len(head) + len(payload)
            if honest:
                told = {6: raw, 7: at - start, 9: first_data or start, 11: start}
                for number, value in told.items():
                    found = get(meta, number)
                    if found is not None:
                        found.value = value
        footer = written(self.footer)
        return b"".join([*parts, footer, len(footer).to_bytes(4, "little"), b"PAR1"])


def _items(found: Item | None) -> list[Item]:
    if found is None or found.type != thrift.LIST:
        raise ValueError("no list")
    items: list[Item] = found.value[1]
    return items


def _pages(data: bytes, meta: Item) -> list[tuple[Item, bytes]]:
    numbers = {number: item.value for number, item in meta.value}
    start = numbers.get(11) or numbers[9]
    end, pages = start + numbers[7], []
    reader = Reader(data, start)
    while reader.at < end:
        header = reader.item(STRUCT)
        size = get(header, 3)
        if size is None or not 0 <= size.value <= len(data) - reader.at:
            raise ValueError("no page")
        pages.append((header, data[reader.at : reader.at + size.value]))
        reader.at += size.value
    return pages


def _other_payload(header: Item, payload: bytes, dice: Random) -> bytes:
    """What a page holds, changed before it is compressed; the header says its sizes."""
    raw_size, size = get(header, 2), get(header, 3)
    try:
        if raw_size is None or size is None or not 0 <= raw_size.value < _MOST_RAW:
            raise ValueError("no sizes")
        raw = some_bytes(_ZSTD.decompress(payload, raw_size.value, asbytes=True), dice)
    except (OSError, ValueError):
        return some_bytes(payload, dice)
    payload = _ZSTD.compress(raw, asbytes=True)
    raw_size.value, size.value = len(raw), len(payload)
    return payload
