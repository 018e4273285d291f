"""Calls and counts as pixels: one row of colours per depth, filled with numpy. Pure, no Qt.

A row of the raster is one depth of one lane, one pixel high; the scene paints it as high as it likes. So twenty million
events cost as much as the screen has pixels, and no painter object is made per call.

Shape: rasters are (rows, width) uint32, 0xAARRGGBB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dags.analyses.lod import Array
from views.drawing.time_scale import columns_of
from views.timeline.lanes import Lane

MIN_LABEL_PX = 26
PALE, FAINT = 0.3, 0.4


class Raster:
    """The rows of the lanes in view.

    A lane is one strip of rows, a packed lane a strip of one row for each thread that ran at the same time; in such a
    strip all depths share the row, and the innermost call is seen.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        visible_ns: tuple[int, int],
        width: int,
        background: int,
        recorded_ns: tuple[int, int] | None = None,
    ) -> None:
        """All pixels are background. `recorded_ns`: beyond it nothing is recorded, though it is visible."""
        self.lanes = list(lanes)
        self.visible_ns = visible_ns
        within = recorded_ns or visible_ns
        self._whole_ns = (max(visible_ns[0], within[0]), min(visible_ns[1], within[1]))
        self.width = width
        self._background = background
        rows = [lane.rows for lane in self.lanes]
        self.first_row = dict(zip((lane.track_id for lane in self.lanes), np.cumsum([0, *rows]).tolist(), strict=False))
        self.pixels = np.full((sum(rows), width), background, np.uint32)
        strips = [_strips(lane) for lane in self.lanes]
        self._rows = np.array([*(rows for lane in strips for rows in lane), 0], np.int32)
        self._first = np.cumsum([0, *self._rows])[: len(self._rows)].astype(np.int32)
        shared = [bool(lane.members) for lane, made in zip(self.lanes, strips, strict=True) for _ in made]
        self._shared = np.array([*shared, False], np.bool_)
        firsts = np.cumsum([0, *(len(made) for made in strips)]).tolist()
        places = [one for at, lane in enumerate(self.lanes) for one in _places(lane, at, firsts[at])]
        ids, lane_of, strip_of = np.array([*places, (-1, -1, -1)], np.int64).T
        by_id = np.argsort(ids, kind="stable")
        self._ids, self._lane_of, self._strip_of = ids[by_id], lane_of[by_id], strip_of[by_id]

    def rows_of(self, lane: Lane) -> Array:
        """The part of the raster that belongs to a lane."""
        first = self.first_row[lane.track_id]
        return self.pixels[first : first + lane.rows]

    def fill_counts(self, level: int, rows: Array, shades: Array) -> None:
        """Paints bins of a pyramid: each column as high as its deepest call, in the colour of its busiest site.

        A depth is the stronger, the more of the column's time lies in bins that reach it; one that is open throughout
        is as strong as can be. So a burst is told from a call now and then, also where a column has thousands of both.

        Shape: shades (n, sites) are the colours of sites, from the weakest to the strongest.
        """
        strip = self._strips_of(rows)
        keep = (strip >= 0) & (self._rows[strip] > 0)
        rows, strip = rows[keep], strip[keep]
        if not len(rows):
            return
        start_ns = rows["bin"] << (2 * level)
        left, right = self.extent(start_ns, start_ns + (1 << (2 * level)))
        order = np.argsort(rows["site_count"], kind="stable")  # the busiest site is painted last
        strip, left, right, rows = strip[order], left[order], right[order], rows[order]
        column, of_row = _runs(left.astype(np.int64), right - left)
        cells = strip[of_row].astype(np.int64) * self.width + column
        size = (len(self._rows) - 1) * self.width
        low, site = np.full(size, np.iinfo(np.int32).max, np.int32), np.zeros(size, np.int32)
        np.minimum.at(low, cells, rows["min_depth"][of_row])
        site[cells] = np.clip(rows["site_id"], 0, shades.shape[1] - 1)[of_row]
        deepest = self._first[strip] + np.clip(rows["max_depth"], 1, self._rows[strip]) - 1
        reached = self._reached(deepest[of_row].astype(np.int64) * self.width + column, level)
        painted = np.flatnonzero(reached)
        row = painted // self.width
        strip_of_row = np.repeat(np.arange(len(self._rows) - 1), self._rows[:-1])
        depth = np.arange(len(self.pixels)) - self._first[strip_of_row]
        of_strip = strip_of_row[row] * self.width + painted % self.width
        strength = np.ceil(reached[painted] * len(shades)).astype(np.int32) - 1
        strength[depth[row] < low[of_strip]] = len(shades) - 1
        self.pixels.reshape(-1)[painted] = shades[strength, site[of_strip]]

    def _reached(self, deepest: Array, level: int) -> Array:
        """The share of each pixel's time that lies in bins that reach its depth. Shape: flat, as the pixels.

        `deepest`: the pixel of each bin's deepest call.
        """
        column_ns = max(1.0, (self.visible_ns[1] - self.visible_ns[0]) / self.width)
        share = min((1 << (2 * level)) / column_ns, 1.0)
        bins = np.bincount(deepest, minlength=self.pixels.size).astype(np.float32).reshape(self.pixels.shape)
        for first, rows in zip(self._first[:-1].tolist(), self._rows[:-1].tolist(), strict=True):
            for row in range(first + rows - 2, first - 1, -1):
                bins[row] += bins[row + 1]  # what is deeper has reached this depth too
        reached: Array = np.minimum(bins * share, 1.0).reshape(-1)
        return reached

    def fill_spans(self, spans: Array, site_colours: Array) -> None:
        """Paints calls at their depth; the longer ones last.

        Calls narrower than a pixel share it: the more of its time they take, the stronger. One that spans all that is
        visible tells nothing apart and is pale.
        """
        row, keep = self._rows_of_spans(spans)
        spans, row = spans[keep], row[keep]
        if not len(spans):
            return
        left, right = self.extent(spans["start_ns"], spans["end_ns"])
        colours = site_colours[np.clip(spans["site_id"], 0, len(site_colours) - 1)]
        through = self.spans_all(spans)
        colours[through] = blended(colours[through], self._background, PALE)
        narrow = right - left <= 1
        at = row.astype(np.int64) * self.width + left
        self._fill_narrow(at[narrow], spans[narrow], colours[narrow])
        wide = np.flatnonzero(~narrow)
        if self._shared.any():
            wide = wide[np.argsort(spans["depth"][wide], kind="stable")]
        lengths = right[wide] - left[wide]
        cells, of_span = _runs(at[wide], lengths - (lengths > 2))  # a pixel between neighbours of one function
        self.pixels.reshape(-1)[cells] = colours[wide][of_span]

    def spans_all(self, spans: Array) -> Array:
        """Which calls were open from before what is visible until after it."""
        found: Array = (spans["start_ns"] <= self._whole_ns[0]) & (spans["end_ns"] >= self._whole_ns[1])
        return found

    def _fill_narrow(self, at: Array, spans: Array, colours: Array) -> None:
        if not len(at):
            return
        lasted = (spans["end_ns"] - spans["start_ns"]).astype(np.float64)
        order = np.argsort(lasted, kind="stable")
        cells, of_cell = np.unique(at, return_inverse=True)
        colour = np.zeros(len(cells), np.uint32)
        colour[of_cell[order]] = colours[order]
        column_ns = max(1.0, (self.visible_ns[1] - self.visible_ns[0]) / self.width)
        busy = np.minimum(np.bincount(of_cell, lasted, len(cells)) / column_ns, 1.0)
        self.pixels.reshape(-1)[cells] = blended(colour, self._background, FAINT + (1 - FAINT) * busy)

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
        return self._found(rows, self._lane_of)

    def _strips_of(self, rows: Array) -> Array:
        return self._found(rows, self._strip_of)

    def _found(self, rows: Array, places: Array) -> Array:
        at = np.minimum(np.searchsorted(self._ids, rows["track_id"]), len(self._ids) - 1)
        return np.where(self._ids[at] == rows["track_id"], places[at], -1)

    def _rows_of_spans(self, spans: Array) -> tuple[Array, Array]:
        """(raster row, whether it is seen); what is deeper than the lane has rows is left to the lane's own note."""
        strip = self._strips_of(spans)
        depth = np.where(self._shared[strip], np.minimum(spans["depth"], 0), spans["depth"])
        seen = (strip >= 0) & (depth >= 0) & (depth < self._rows[strip])
        seen &= (spans["end_ns"] >= self.visible_ns[0]) & (spans["start_ns"] <= self.visible_ns[1])
        return self._first[strip] + depth, seen

    def extent(self, start_ns: Array, end_ns: Array) -> tuple[Array, Array]:
        """(first column, column after the last): at least one, within the raster."""
        left = np.clip(columns_of(start_ns, self.visible_ns, self.width), 0, self.width - 1)
        right = np.clip(columns_of(end_ns, self.visible_ns, self.width), 0, self.width)
        return left, np.maximum(right, left + 1)


def _strips(lane: Lane) -> list[int]:
    """How many rows each strip of a lane has."""
    return [1] * lane.rows if lane.members else [lane.rows]


def _places(lane: Lane, at: int, first: int) -> list[tuple[int, int, int]]:
    """(track, lane, strip) of each thread of a lane."""
    if not lane.members:
        return [(lane.track_id, at, first)]
    return [(one.track_id, at, first + one.row) for one in lane.members if one.row < lane.rows]


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


def blended(colours: Array, background: int, share: float | Array) -> Array:
    """Colours mixed with a background: share 1 keeps them, 0 is the background. blended([0xFF204060], 0xFF000000, 0.5)
    -> [0xFF102030]; a share for each colour, or one for all."""
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
