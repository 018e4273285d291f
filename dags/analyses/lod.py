"""How much happened when, at any scale: a pyramid over the events of one segment, four bins to one per level.

A bin of level k is 4**k ns wide and begins at a multiple of that, in every segment alike, so that the rows of
neighbouring segments add up. Only bins with events have rows. Every number is exact at every level; nothing is sampled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.events.batch import EventBatch, Int64, mask_of
from capture.events.kinds import KIND, KINDS, Depth, Kind
from dags.code.dag import told_stack
from dags.columns import dense

MAX_BINS = 4096  # of the finest level; finer than that, a view reads the calls themselves
MAX_ROWS = 65_536
MAX_LEVEL = 31  # 4**31 ns are 146 years
LEAST_PAIRS = 1 << 14

Array = npt.NDArray[Any]
ROW_DTYPE = np.dtype(
    [
        ("bin", "<i8"),
        ("dropped", "<i8"),
        ("track_id", "<i4"),
        ("count", "<i4"),
        ("raised", "<i4"),
        ("min_depth", "<i4"),
        ("max_depth", "<i4"),
        ("site_id", "<i4"),
        ("site_count", "<i4"),
    ]
)

_DELTA = np.zeros(256, np.int32)
_DELTA[list(KINDS)] = [kind.row.depth.step for kind in KINDS]
_SETS_DEPTH = mask_of(kind for kind in KINDS if kind.row.depth in (Depth.TOLD, Depth.LOST, Depth.ENDS))
_RAISES = mask_of(kind for kind in KINDS if kind.row.depth is Depth.RAISES)


@dataclass(frozen=True, slots=True)
class Level:
    """The rows of one level, by bin, then track.

    Shape: rows of ROW_DTYPE. dropped: events known to be lost; raised: calls left by an exception; min_depth and
    max_depth: open calls of the track, least and most; site_id: the site of most events (the lower id of two), 0 for
    events without one; site_count: how many those are.
    """

    level: int
    rows: Array

    @property
    def width_ns(self) -> int:
        """How long a bin is."""
        return 1 << (2 * self.level)

    def between(self, start_ns: int, end_ns: int) -> Array:
        """The rows of bins that share an instant with start_ns <= t < end_ns."""
        low, high = start_ns >> (2 * self.level), max(start_ns, end_ns - 1) >> (2 * self.level)
        at = np.searchsorted(self.rows["bin"], [low, high + 1])
        return self.rows[at[0] : at[1]]


def level_for(width_ns: float) -> int:
    """The coarsest level whose bins are at most that wide. level_for(1) = 0, level_for(16) = level_for(63) = 2"""
    level = (max(1, int(width_ns)).bit_length() - 1) // 2
    return min(level, MAX_LEVEL)


def pyramid(batch: EventBatch, depths: Mapping[int, int]) -> list[Level]:
    """The levels of a batch, the finest first, up to the one that has it in at most two bins.

    `depths`: how many calls are open on each track before the first event.
    """
    if not len(batch):
        return []
    span = int(batch.time_ns[-1]) - int(batch.time_ns[0])
    level = level_for(max(1, span // MAX_BINS))
    while (span >> (2 * level)) >= MAX_BINS and level < MAX_LEVEL:
        level += 1
    rows, sites = _finest(batch, depths, level)
    while len(rows) > MAX_ROWS and level < MAX_LEVEL:
        rows, sites = _coarser(rows, sites)
        level += 1
    levels = [(level, rows)]
    while level < MAX_LEVEL and (span >> (2 * level)) > 1:
        rows, sites = _coarser(rows, sites)
        level += 1
        levels.append((level, rows))
    return [Level(at, some[np.argsort(some["bin"], kind="stable")]) for at, some in levels]


def depths_after(batch: EventBatch, order: Int64, depths: Mapping[int, int]) -> tuple[Array, Array]:
    """(open calls before, open calls after) each event, in the order given: by track, then time.

    The rules are those of `dags.code.dag`, short of names: what ends without having begun ends nothing, a snapshot says
    how deep the stack is, a gap or the end of the thread leaves nothing known to be open.
    """
    kind, track = batch.kind[order], batch.track_id[order]
    delta = _DELTA[kind]
    starts = _run_starts(track)
    base = {int(row): depths.get(int(track[row]), 0) for row in starts}
    special = np.flatnonzero(_SETS_DEPTH[kind])
    for row in special.tolist():
        frames, is_first = _told_depth(batch, int(order[row]), int(kind[row]))
        if is_first:
            base[row], delta[row] = frames, 0
        else:
            delta[row] = frames
    at = np.array(sorted(base), np.int64)
    summed = np.cumsum(delta, dtype=np.int64)
    offset = np.array([base[row] for row in at.tolist()], np.int64) - (summed[at] - delta[at])
    after = summed + np.repeat(offset, np.diff(np.append(at, len(order))))
    low = np.minimum.reduceat(after, at)
    for piece in np.flatnonzero(low < 0).tolist():
        part = slice(int(at[piece]), int(at[piece + 1]) if piece + 1 < len(at) else len(order))
        after[part] -= np.minimum(np.minimum.accumulate(after[part]), 0)
    return after - delta, after


def _told_depth(batch: EventBatch, row: int, kind: int) -> tuple[int, bool]:
    """(open calls, whether they replace what was known) that an event says."""
    if KIND[kind].row.depth is not Depth.TOLD:
        return 0, True
    told = told_stack(batch, row)
    return (0, False) if told is None else (len(told.frames), told.part in ("first", "whole"))


def _finest(batch: EventBatch, depths: Mapping[int, int], level: int) -> tuple[Array, Array]:
    """(rows, events per row and site), by track, then bin."""
    tracks = batch.track_id
    narrow = tracks.astype(np.uint16) if int(tracks.min()) >= 0 and int(tracks.max()) < 1 << 16 else tracks
    order = np.argsort(narrow, kind="stable")
    before, after = depths_after(batch, order, depths)
    track, bins, kind = tracks[order], batch.time_ns[order] >> (2 * level), batch.kind[order]
    first = _run_starts(track, bins)
    rows = np.zeros(len(first), ROW_DTYPE)
    rows["track_id"], rows["bin"] = track[first], bins[first]
    rows["count"] = np.diff(np.append(first, len(order)))
    rows["raised"] = np.add.reduceat(_RAISES[kind], first, dtype=np.int32)
    rows["min_depth"] = np.minimum.reduceat(np.minimum(before, after), first)
    rows["max_depth"] = np.maximum.reduceat(np.maximum(before, after), first)
    gaps = np.flatnonzero(kind == Kind.GAP)
    if len(gaps):
        np.add.at(rows["dropped"], np.searchsorted(first, gaps, side="right") - 1, batch.ref[order][gaps])
    row_of = np.repeat(np.arange(len(first)), rows["count"])
    sites = _counted(row_of, np.maximum(batch.site_id[order], 0).astype(np.int64))
    _lead(rows, sites)
    return rows, sites


def _coarser(rows: Array, sites: Array) -> tuple[Array, Array]:
    """The next level, from rows by track, then bin."""
    bins = rows["bin"] >> 2
    first = _run_starts(rows["track_id"], bins)
    out = rows[first]
    out["bin"] = bins[first]
    _sum_up(out, rows, first)
    row_of = np.repeat(np.arange(len(first)), np.diff(np.append(first, len(rows))))
    summed = _counted(row_of[sites["key"] >> 31], sites["key"] & 0x7FFFFFFF, sites["count"])
    _lead(out, summed)
    return out, summed


def _sum_up(out: Array, rows: Array, first: Int64) -> None:
    for name in ("count", "raised", "dropped"):
        out[name] = np.add.reduceat(rows[name], first)
    out["min_depth"] = np.minimum.reduceat(rows["min_depth"], first)
    out["max_depth"] = np.maximum.reduceat(rows["max_depth"], first)


def _counted(row_of: Int64, site: Int64, counts: Array | None = None) -> Array:
    """(key, count) of distinct keys, ascending. A key is row << 31 | site; rows count from 0.

    Where there are not many more pairs of a row and a site than entries, nothing is sorted.
    """
    sites, at = dense(site)
    pairs = (int(row_of[-1]) + 1) * len(sites)
    if pairs <= 4 * len(row_of) + LEAST_PAIRS:
        summed = np.bincount(row_of * len(sites) + at, counts, pairs).astype(np.int64)
        found = np.flatnonzero(summed)
        keys, summed = (found // len(sites) << 31) | sites[found % len(sites)], summed[found]
    else:
        every = (row_of << 31) | site
        order = np.argsort(every)  # not stable: seven times as fast, and equal keys are added up anyway
        every = every[order]
        first = _run_starts(every)
        keys, summed = every[first], np.diff(np.append(first, len(every)))
        summed = summed if counts is None else np.add.reduceat(counts[order], first)
    out = np.zeros(len(keys), [("key", "<i8"), ("count", "<i8")])
    out["key"], out["count"] = keys, summed
    return out


def _lead(rows: Array, sites: Array) -> None:
    """Fills in the site of most events; every row has at least one."""
    first = _run_starts(sites["key"] >> 31)
    best = np.maximum.reduceat((sites["count"] << 31) | (0x7FFFFFFF - (sites["key"] & 0x7FFFFFFF)), first)
    rows["site_id"], rows["site_count"] = 0x7FFFFFFF - (best & 0x7FFFFFFF), best >> 31


def _run_starts(*columns: Array) -> Int64:
    """Where a new run of equal values begins."""
    changed = np.ones(len(columns[0]), np.bool_)
    changed[1:] = False
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changed)
