"""Calls and counts as pixels: one row of colours per depth, filled with numpy. Pure, no Qt.

A row of the raster is one depth of one lane, one pixel high; the scene paints it as high as it likes. So twenty million
events cost as much as the screen has pixels, and no painter object is made per call.

Shape: rasters are (rows, width) uint32, 0xAARRGGBB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dags.analyses.lod import Array
from views.timeline.layout import Lane, columns_of

MIN_LABEL_PX = 26


class Raster:
    """The rows of the lanes in view."""

    def __init__(self, lanes: Sequence[Lane], visible_ns: tuple[int, int], width: int, background: int) -> None:
        """All pixels are background."""
        self.lanes = list(lanes)
        self.visible_ns = visible_ns
        self.width = width
        rows = [lane.rows for lane in self.lanes]
        self.first_row = dict(zip((lane.track_id for lane in self.lanes), np.cumsum([0, *rows]).tolist(), strict=False))
        self.pixels = np.full((sum(rows), width), background, np.uint32)
        ids = np.array([lane.track_id for lane in self.lanes], np.int64)
        self._by_id = np.argsort(ids)
        self._ids = ids[self._by_id]
        self._rows = np.array([*rows, 0], np.int32)
        self._first = np.cumsum([0, *rows, 0])[: len(rows) + 1].astype(np.int32)

    def rows_of(self, lane: Lane) -> Array:
        """The part of the raster that belongs to a lane."""
        first = self.first_row[lane.track_id]
        return self.pixels[first : first + lane.rows]

    def fill_counts(self, level: int, rows: Array, site_colours: Array, shades: tuple[Array, Array]) -> None:
        """Paints bins of a pyramid: each column as high as its deepest call, in the colour of its busiest site.

        `shades` map colours for depths that are open throughout a bin, and for those that come and go in it.
        """
        lane = self.lanes_of(rows)
        keep = (lane >= 0) & (self._rows[lane] > 0)
        rows, lane = rows[keep], lane[keep]
        if not len(rows):
            return
        start_ns = rows["bin"] << (2 * level)
        left, right = self.extent(start_ns, start_ns + (1 << (2 * level)))
        order = np.argsort(rows["site_count"], kind="stable")  # the busiest site is painted last
        lane, left, right, rows = lane[order], left[order], right[order], rows[order]
        cells, of_row = _runs(lane.astype(np.int64) * self.width + left, right - left)
        shape = (len(self.lanes), self.width)
        deep, low = np.zeros(shape, np.int32), np.full(shape, np.iinfo(np.int32).max, np.int32)
        site = np.zeros(shape, np.int32)
        np.maximum.at(deep.reshape(-1), cells, np.maximum(rows["max_depth"], 1)[of_row])
        np.minimum.at(low.reshape(-1), cells, rows["min_depth"][of_row])
        site.reshape(-1)[cells] = rows["site_id"][of_row]
        depth = np.concatenate([np.arange(lane.rows) for lane in self.lanes] or [np.empty(0, np.int64)])[:, None]
        lane_row = np.repeat(np.arange(len(self.lanes)), self._rows[:-1])
        picked = np.clip(site[lane_row], 0, len(site_colours) - 1)
        steady, moving = (shade[picked] for shade in shades)
        colours = np.where(depth < low[lane_row], steady, moving)
        covered = depth < deep[lane_row]
        self.pixels[covered] = colours[covered]

    def fill_spans(self, spans: Array, site_colours: Array) -> None:
        """Paints calls at their depth. One narrower than a pixel gets that pixel; wider ones are painted last."""
        row, keep = self._rows_of_spans(spans)
        spans, row = spans[keep], row[keep]
        if not len(spans):
            return
        left, right = self.extent(spans["start_ns"], spans["end_ns"])
        colours = site_colours[np.clip(spans["site_id"], 0, len(site_colours) - 1)]
        narrow = right - left <= 1
        at = row.astype(np.int64) * self.width + left
        self.pixels.reshape(-1)[at[narrow]] = colours[narrow]
        wide = ~narrow
        lengths = right[wide] - left[wide]
        cells, of_span = _runs(at[wide], lengths - (lengths > 2))  # a pixel between neighbours of one function
        self.pixels.reshape(-1)[cells] = colours[wide][of_span]

    def labelled(self, spans: Array) -> list[tuple[int, int, int, int]]:
        """(row, x, px, row of `spans`) of the calls that are wide enough for a name."""
        row, keep = self._rows_of_spans(spans)
        at = np.flatnonzero(keep)
        left, right = self.extent(spans["start_ns"][at], spans["end_ns"][at])
        fits = right - left >= MIN_LABEL_PX
        columns = (row[at][fits], left[fits], (right - left)[fits], at[fits])
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def lanes_of(self, rows: Array) -> Array:
        """Which lane each row belongs to, -1 for those out of view."""
        if not len(self._ids):
            return np.full(len(rows), -1)
        at = np.minimum(np.searchsorted(self._ids, rows["track_id"]), len(self._ids) - 1)
        return np.where(self._ids[at] == rows["track_id"], self._by_id[at], -1)

    def _rows_of_spans(self, spans: Array) -> tuple[Array, Array]:
        """(raster row, whether it is seen); what is deeper than the lane has rows is left to the lane's own note."""
        lane = self.lanes_of(spans)
        depth = spans["depth"]
        seen = (lane >= 0) & (depth >= 0) & (depth < self._rows[lane])
        seen &= (spans["end_ns"] >= self.visible_ns[0]) & (spans["start_ns"] <= self.visible_ns[1])
        return self._first[lane] + depth, seen

    def extent(self, start_ns: Array, end_ns: Array) -> tuple[Array, Array]:
        """(first column, column after the last): at least one, within the raster."""
        left = np.clip(columns_of(start_ns, self.visible_ns, self.width), 0, self.width - 1)
        right = np.clip(columns_of(end_ns, self.visible_ns, self.width), 0, self.width)
        return left, np.maximum(right, left + 1)


def column_sums(
    pieces: Sequence[tuple[int, Array]], visible_ns: tuple[int, int], width: int, names: Sequence[str]
) -> dict[str, Array]:
    """Sums of pyramid rows per pixel column; a bin wider than a pixel is spread evenly. For the overview."""
    sums = {name: np.zeros(width) for name in names}
    for level, rows in pieces:
        start_ns = rows["bin"] << (2 * level)
        left = np.clip(columns_of(start_ns, visible_ns, width), 0, width - 1)
        right = np.clip(columns_of(start_ns + (1 << (2 * level)), visible_ns, width), 0, width)
        px = np.maximum(right - left, 1)
        cells, of_row = _runs(left.astype(np.int64), px)
        for name in names:
            sums[name] += np.bincount(cells, (rows[name] / px)[of_row], width)[:width]
    return sums


def blended(colours: Array, background: int, share: float) -> Array:
    """Colours mixed with a background: share 1 keeps them, 0 is the background. blended([0xFF204060], 0xFF000000, 0.5)
    -> [0xFF102030]"""
    parts = [(colours >> shift & 0xFF) * share + (background >> shift & 0xFF) * (1 - share) for shift in (16, 8, 0)]
    mixed = [np.round(part).astype(np.uint32) << shift for part, shift in zip(parts, (16, 8, 0), strict=True)]
    result: Array = np.uint32(0xFF000000) | mixed[0] | mixed[1] | mixed[2]
    return result


def _runs(starts: Array, lengths: Array) -> tuple[Array, Array]:
    """(every position start..start + length of all runs, the run each belongs to)."""
    lengths = np.maximum(lengths, 0).astype(np.int64)
    of_run = np.repeat(np.arange(len(starts)), lengths)
    before = np.cumsum(lengths) - lengths
    return np.arange(len(of_run)) - before[of_run] + starts[of_run], of_run
