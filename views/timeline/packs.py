"""Threads that share a lane: those of one process whose names differ in their numbers, and of which few ran together.

    job-1   [####]            [###]             job-* · 5 threads, 2 at once
    job-2         [#####]                  ->    [####][#####][###][##]
    job-3             [##]        [##]               [##]

No Qt.
"""

from __future__ import annotations

import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from capture.events.definitions import TrackRow
from capture.events.track_kinds import HEADS

LEAST_PACKED, PACKED_SHARE = 8, 3
_NUMBER = re.compile(r"\d+")


class Member(msgspec.Struct, frozen=True):
    """One thread of a packed lane, and the row that it has there from `start_ns` to `end_ns`."""

    track_id: int
    row: int
    start_ns: int
    end_ns: int


class Pack(msgspec.Struct, frozen=True):
    """Threads of one process whose names differ in their numbers, and of which few ran together."""

    name: str
    members: tuple[Member, ...]
    rows: int


def packs_of(tracks: Iterable[TrackRow], end_ns: int) -> dict[int, Pack]:
    """The packs by the id of each thread in one; `end_ns` is when those that still run are seen for the last time.

    Threads are packed from LEAST_PACKED on, where at most one in PACKED_SHARE of them ran at the same time: a pool of
    workers keeps its lanes, a thread for each request does not get one.
    """
    groups: dict[tuple[int, str], list[TrackRow]] = defaultdict(list)
    for row in tracks:
        if row.kind not in HEADS and row.name and _NUMBER.search(row.name):
            groups[row.process_id, _NUMBER.sub("*", row.name)].append(row)
    found: dict[int, Pack] = {}
    for (_, name), rows in groups.items():
        if len(rows) < LEAST_PACKED:
            continue
        members = tuple(_in_rows(rows, end_ns))
        together = 1 + max(member.row for member in members)
        if together * PACKED_SHARE <= len(rows):
            found.update(dict.fromkeys((row.track_id for row in rows), Pack(name, members, together)))
    return found


def _in_rows(rows: Iterable[TrackRow], end_ns: int) -> Iterator[Member]:
    """Each thread in the lowest row that is free when it begins."""
    free: list[int] = []
    busy: list[tuple[int, int]] = []  # (until when, row)
    for row in sorted(rows, key=lambda row: (row.start_ns or 0, row.track_id)):
        start_ns = row.start_ns or 0
        until_ns = max(start_ns, end_ns if row.end_ns is None else row.end_ns)
        while busy and busy[0][0] < start_ns:
            heapq.heappush(free, heapq.heappop(busy)[1])
        place = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (until_ns, place))
        yield Member(row.track_id, place, start_ns, until_ns)
