"""Paints the lanes: a picture of everything that stays while the cursor moves. See `overlay` for what moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QFontMetricsF, QPainter, QPen

from dags.analyses.lod import Array
from views.drawing.paths import polygon_of
from views.drawing.span_colours import Places
from views.drawing.theme import Colours, colours, is_dark, qcolor, text_font
from views.drawing.time_scale import px_from_ns
from views.drawing.vectors import paint_pixels
from views.loop.state import Selection, Theme
from views.metrics import scene as metrics
from views.metrics.layout import MetricLine
from views.reading.source import Names
from views.timeline.arrows import arrows_in_sight
from views.timeline.arrows_scene import left_out_text, paint_arrows
from views.timeline.content import Content
from views.timeline.lanes import LABELLED_ROW, Lane
from views.timeline.layout import OVERVIEW, RULER, TOP, gutter_of
from views.timeline.marks import MERGED_PX, exceptions_in, written_in
from views.timeline.raster import Raster, blended
from views.timeline.ruler import ticks
from views.words.figures import count_text, duration_text
from views.words.plain_text import plain

MAX_SITES = 1 << 16
EDGE_PX = 3
STRENGTHS = (0.24, 0.33, 0.42, 0.51, 0.6, 0.7)
"""Of colours where calls are counted: single calls, which are seen whole, are stronger."""
SEPARATED_ROW = 6
RAISED_ALPHA = 80
TRIANGLE_PX = 7
COUNTED_PX = 26
MIN_GAP_PX = 5
ASIDE_PX, LEAST_FREE_PX, LINE_PX = 12, 40, 20
FONT_POINTS = 8.5
_MENU = "menu\N{NO-BREAK SPACE}Session"
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the picture depends on. `lanes`: those in the zone; `threads`: (how many are seen, how many there are).
    `visible_ns` is what is drawn, margins included, of what is recorded, `range_ns`.

    Units: logical px; `ratio` device pixels to one.
    """

    width: int
    height: int
    ratio: float
    lanes: Sequence[Lane]
    visible_ns: tuple[int, int]
    range_ns: tuple[int, int]
    content: Content
    names: Names
    theme: Theme
    focus_track_id: int = 0
    selection: Selection | None = None
    found_sites: frozenset[int] = frozenset()
    progress: float = 1.0
    metrics: Mapping[str, MetricLine] = field(default_factory=dict)
    threads: tuple[int, int] = (0, 0)
    is_live: bool = False

    @property
    def gutter(self) -> int:
        """How wide the gutter is."""
        return gutter_of(self.width)

    @property
    def lanes_width(self) -> int:
        """From the gutter to the right edge."""
        return max(1, self.width - self.gutter)


class SiteColours:
    """The colour of every site of a session in one theme, as a table that numpy can look up."""

    def __init__(self, names: Names, theme: Theme, found: frozenset[int], places: Places | None = None) -> None:
        """Sites that were not found are paled when there are found ones. `places`: those that sites have already."""
        places = places or Places()
        places.add(names.sites.values())
        shown = colours(theme)
        panel = argb(shown.panel)
        size = min(max(names.sites, default=0) + 2, MAX_SITES)
        table = np.full(size, argb(shown.muted), np.uint32)
        for site_id, row in names.sites.items():
            if 0 <= site_id < size:
                table[site_id] = argb(places.colour(theme, row))
        if found:
            paled = blended(table, panel, 0.28)
            for site_id in found & set(range(size)):
                paled[site_id] = table[site_id]
            table = paled
        self.full = table
        self.shades = np.stack([blended(table, panel, strength) for strength in STRENGTHS])


def argb(colour: str) -> int:
    """#rrggbb as 0xFFrrggbb."""
    return 0xFF000000 | int(colour[1:], 16)


def paint(painter: QPainter, scene: Scene, sites: SiteColours) -> tuple[Raster, Array]:
    """Paints the lanes and the ruler; returns the raster and the marks of exceptions, to know what is where."""
    shown = colours(scene.theme)
    painter.setFont(text_font(FONT_POINTS))
    painter.fillRect(0, TOP, scene.width, scene.height - TOP, qcolor(shown.panel))
    raster = Raster(
        scene.lanes, scene.visible_ns, round(scene.lanes_width * scene.ratio), argb(shown.panel), scene.range_ns
    )
    for level, rows in scene.content.counts:
        raster.fill_counts(level, rows, sites.shades)
    raster.fill_spans(scene.content.spans, sites.full)
    exceptions = exceptions_in(scene.content, raster, MERGED_PX * scene.ratio)
    written = written_in(scene.content, raster, (argb(shown.accent), argb(shown.muted)))
    painter.save()
    painter.setClipRect(0, TOP, scene.width, scene.height - TOP)
    painter.translate(0, TOP)
    for over in (False, True):
        lanes = [lane for lane in scene.lanes if lane.lies_over is over]
        for at, lane in enumerate(scene.lanes):
            if lane.lies_over is not over:
                continue
            if over:  # it covers what was scrolled below it
                painter.fillRect(0, lane.y, scene.width, lane.height, qcolor(shown.panel))
            _paint_lane(painter, scene, raster, lane, written[at : at + 1])
            _paint_exceptions(painter, scene, lane, exceptions[exceptions["lane"] == at])
        _paint_labels(painter, scene, raster, lanes)
        _paint_deeper(painter, scene, lanes)
        if not over:
            arrows, _ = _arrows(scene)
            across = (scene.gutter, scene.lanes_width)
            paint_arrows(
                painter, arrows, lanes, scene.visible_ns, across, shown=shown, focus_track_id=scene.focus_track_id
            )
        _paint_unread(painter, scene, lanes)
        _paint_gaps(painter, scene, lanes)
        _paint_selected(painter, scene, lanes)
    painter.restore()
    _paint_ruler(painter, scene, shown)
    if not any(lane.shape != "metric" for lane in scene.lanes):
        top = TOP + max((lane.y + lane.height for lane in scene.lanes), default=0)
        _paint_beside_the_gutter(painter, scene, (top, scene.height), _without_lanes(scene), shown)
    elif sentence := without_calls(scene):
        _paint_beside_the_gutter(painter, scene, _room_for_words(scene), sentence, shown)
    return raster, exceptions


def _without_lanes(scene: Scene) -> str:
    """Why there is no lane, and what can be done about it."""
    content = scene.content
    if len(content.spans) or any(len(rows) for _, rows in content.counts):
        return "The names of the threads are lost, and with them their lanes"
    if scene.is_live:
        return "Nothing is recorded yet: threads and their calls appear here as the program makes them"
    return f"Nothing was recorded. Record a program from its start, or attach to one that is at work: {_MENU}"


def without_calls(scene: Scene) -> str:
    """What to say below lanes in which there is no call at all, and what can be done about it; '' when there are some,
    or might be.
    """
    content = scene.content
    has_some = len(content.spans) or len(content.marks) or any(len(rows) for _, rows in content.counts)
    if has_some or len(content.gaps) or content.missing or content.missing_calls or content.unread:
        return ""
    if scene.is_live:
        return "No call yet: calls appear here as the program makes them"
    return f"No call is recorded in what you see: show more of the time, or record calls (mode full: {_MENU})"


def paint_backdrop(painter: QPainter, width: int, height: int, theme: Theme) -> None:
    """What lies behind everything."""
    painter.fillRect(0, 0, width, height, qcolor(colours(theme).panel))


def paint_nothing(painter: QPainter, width: int, height: int, theme: Theme) -> None:
    """The timeline while no session is open."""
    painter.setFont(text_font(FONT_POINTS))
    _paint_sentence(painter, QRect(0, 0, width, height), "No session is open", colours(theme))


def _room_for_words(scene: Scene) -> tuple[int, int]:
    """(top, bottom) of what is free below the lanes, or where that is less than a line of the highest lane of a thread:
    there is nothing in any of them.
    """
    below = TOP + max(lane.y + lane.height for lane in scene.lanes)
    threads = [lane for lane in scene.lanes if lane.rows]
    if scene.height - below >= LEAST_FREE_PX or not threads:
        return below, scene.height
    highest = max(threads, key=lambda lane: lane.height)
    return TOP + highest.y, TOP + highest.y + highest.height


def _paint_beside_the_gutter(
    painter: QPainter, scene: Scene, rows: tuple[int, int], sentence: str, shown: Colours
) -> None:
    """The sentence in the middle of what is free from the first to the second of `rows`; nothing where no line fits."""
    area = QRect(scene.gutter, rows[0], scene.lanes_width, rows[1] - rows[0]).adjusted(ASIDE_PX, 0, -ASIDE_PX, 0)
    if area.height() >= LINE_PX:
        _paint_sentence(painter, area, sentence, shown)


def _paint_sentence(painter: QPainter, area: QRect, sentence: str, shown: Colours) -> None:
    painter.setFont(text_font())
    painter.setPen(qcolor(shown.muted))
    painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), sentence)


def _paint_lane(painter: QPainter, scene: Scene, raster: Raster, lane: Lane, written: Array) -> None:
    shown = colours(scene.theme)
    left = float(scene.gutter)
    if lane.shape == "head":
        painter.fillRect(0, lane.y, scene.width, lane.height, qcolor(shown.raised))
        painter.setPen(qcolor(shown.muted))
        painter.drawText(QRectF(left + 8, lane.y, scene.lanes_width, lane.height), _MIDDLE, lane.note)
        return
    area = QRectF(left, lane.y, scene.lanes_width, lane.height)
    if lane.shape == "metric":
        if lane.metric in scene.metrics:
            metrics.paint_line(painter, scene.metrics[lane.metric], scene.visible_ns, area, theme=scene.theme)
        _paint_below(painter, scene, lane, shown)
        return
    rows = np.ascontiguousarray(raster.rows_of(lane))
    target = QRectF(left, lane.first_row_y, scene.lanes_width, lane.rows * lane.row_px)
    paint_pixels(painter, target, rows)
    if lane.row_px >= SEPARATED_ROW:
        for row in range(1, lane.rows + 1):  # a line of a pen would lie half a pixel off on a dense screen
            painter.fillRect(QRectF(left, lane.row_y(row) - 1, scene.lanes_width, 1), qcolor(shown.panel))
    if written.any():
        paint_pixels(painter, QRectF(left, lane.y + 1, scene.lanes_width, EDGE_PX), written)
    _paint_below(painter, scene, lane, shown)


def _paint_deeper(painter: QPainter, scene: Scene, lanes: Sequence[Lane]) -> None:
    """How many calls lie below the last row; over the names of calls, which may reach there."""
    shown = colours(scene.theme)
    for lane in lanes:
        if lane.shape != "open" or lane.depth <= lane.rows:
            continue
        note = f"and {count_text(lane.depth - lane.rows)} deeper"
        painter.setPen(qcolor(shown.muted))
        wide = painter.fontMetrics().horizontalAdvance(note) + 12
        beside = QRectF(scene.width - wide, lane.row_y(lane.rows - 1), wide, lane.row_px)
        painter.fillRect(beside, qcolor(shown.panel))  # calls may lie there
        painter.drawText(beside, int(Qt.AlignmentFlag.AlignCenter), note)


def _paint_below(painter: QPainter, scene: Scene, lane: Lane, shown: Colours) -> None:
    """The line between a lane and the next."""
    painter.fillRect(scene.gutter, lane.y + lane.height - 1, scene.lanes_width, 1, qcolor(shown.line, 150))


def _paint_exceptions(painter: QPainter, scene: Scene, lane: Lane, marks: Array) -> None:
    """A triangle at the lane's foot for calls left by an exception; with how many, where there is room for it."""
    if not len(marks):
        return
    shown = colours(scene.theme)
    foot = lane.y + lane.height - 1
    painter.save()
    painter.setFont(text_font(FONT_POINTS - 1.5, bold=True))
    nexts = [*marks["column"][1:].tolist(), raster_end(scene)]
    for (_, column, count, _), following in zip(marks.tolist(), nexts, strict=True):
        x = scene.gutter + column / scene.ratio + 0.5
        tops = np.array([x, x - TRIANGLE_PX / 2, x + TRIANGLE_PX / 2]), np.array([foot - TRIANGLE_PX, foot, foot])
        painter.setPen(QPen(qcolor(shown.panel), 1))  # told apart from calls of any colour
        painter.setBrush(qcolor(shown.hot))
        painter.drawPolygon(polygon_of(*tops))
        if count > 1 and (following - column) / scene.ratio >= COUNTED_PX and lane.shape == "open":
            painter.setPen(qcolor(shown.hot))
            painter.drawText(QPointF(x + TRIANGLE_PX / 2 + 2, foot), count_text(count))
    painter.restore()


def raster_end(scene: Scene) -> int:
    """The column after the last, in device pixels."""
    return round(scene.lanes_width * scene.ratio)


def raised_alpha(share: float) -> int:
    """How strongly exceptions are marked in the overview where they are that share of all events."""
    return round(RAISED_ALPHA + (255 - RAISED_ALPHA) * min(1.0, share * 20))


def _paint_labels(painter: QPainter, scene: Scene, raster: Raster, lanes: Sequence[Lane]) -> None:
    """The names of calls that are wide enough, cut to what fits."""
    shown = colours(scene.theme)
    metrics = QFontMetricsF(painter.font())
    wanted = {lane.track_id for lane in lanes if lane.row_px >= LABELLED_ROW and not lane.members}
    bases = [
        lane.row_y(row) + (lane.row_px + 6) // 2 if lane.track_id in wanted else None
        for lane in raster.lanes
        for row in range(lane.rows)
    ]
    through = raster.spans_all(scene.content.spans)
    site_of = scene.content.spans["site_id"]
    cut: dict[tuple[int, int], str] = {}
    pale = scene.found_sites
    for row, x, px, at in raster.labelled(scene.content.spans):
        base = bases[row]
        if base is None:
            continue
        site_id = int(site_of[at])
        room = int(px / scene.ratio) - 8
        key = (site_id, min(room, 600))
        if key not in cut:
            cut[key] = _name_that_fits(scene.names.site(site_id), key[1], metrics)
        if cut[key]:
            is_quiet = through[at] or (pale and site_id not in pale)
            painter.setPen(qcolor(shown.text if is_quiet else label_colour(scene.theme, shown)))
            painter.drawText(QPointF(scene.gutter + x / scene.ratio + 4, base), cut[key])


def label_colour(theme: Theme, shown: Colours) -> str:
    """What can be read on a call's colour: all themes have calls lighter than this."""
    return shown.window if is_dark(theme) else shown.text


def _name_that_fits(name: str, room: int, metrics: QFontMetricsF) -> str:
    """The qualified name, else its last part, else as much of that as fits with an ellipsis."""
    name = plain(name, 200)
    if metrics.horizontalAdvance(name) <= room:
        return name
    return metrics.elidedText(name.rpartition(".")[2], Qt.TextElideMode.ElideRight, room)


def _paint_unread(painter: QPainter, scene: Scene, lanes: Sequence[Lane]) -> None:
    """Shaded where nothing has been read yet, so that it does not look as if nothing had happened."""
    shade = qcolor(colours(scene.theme).raised)
    for ends in scene.content.unread:
        left, right = (px_from_ns(t, scene.visible_ns, scene.lanes_width) for t in ends)
        left, right = max(0.0, left), min(float(scene.lanes_width), right)
        for lane in lanes:
            painter.fillRect(QRectF(scene.gutter + left, lane.y, right - left, lane.height - 1), shade)


def _paint_gaps(painter: QPainter, scene: Scene, lanes: Sequence[Lane]) -> None:
    """Hatched where events are known to be lost, with how many."""
    shown = colours(scene.theme)
    by_id = {one: lane for lane in lanes for one in lane.track_ids}
    for start_ns, end_ns, dropped, track_id in scene.content.gaps.tolist():
        left = scene.gutter + max(0.0, px_from_ns(start_ns, scene.visible_ns, scene.lanes_width))
        right = scene.gutter + min(float(scene.lanes_width), px_from_ns(end_ns, scene.visible_ns, scene.lanes_width))
        if right - left < MIN_GAP_PX:
            middle = (left + right) / 2
            left, right = middle - MIN_GAP_PX / 2, middle + MIN_GAP_PX / 2
        for lane in lanes if not track_id else [by_id[track_id]] if track_id in by_id else []:
            if lane.shape in ("head", "metric") and track_id == 0:
                continue
            area = QRectF(max(left, scene.gutter), lane.y, right - max(left, scene.gutter), lane.height - 1)
            paint_gap(painter, area, shown)
            text = f"{count_text(dropped)} lost" if dropped else "calls not recorded"
            if area.width() > 70:
                painter.setPen(qcolor(shown.text))
                words = painter.boundingRect(area, int(Qt.AlignmentFlag.AlignCenter), text)
                painter.fillRect(words.adjusted(-4, -1, 4, 1), qcolor(shown.panel, 220))
                painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), text)


def paint_gap(painter: QPainter, area: QRectF, shown: Colours) -> None:
    """The hatch that means lost events, everywhere on the timeline."""
    painter.fillRect(area, qcolor(shown.gap, 60))
    painter.fillRect(area, QBrush(qcolor(shown.warning), Qt.BrushStyle.BDiagPattern))
    painter.setPen(qcolor(shown.warning))
    painter.drawLine(area.topLeft(), area.bottomLeft())
    painter.drawLine(area.topRight(), area.bottomRight())


def _paint_selected(painter: QPainter, scene: Scene, lanes: Sequence[Lane]) -> None:
    """An outline around the selected call."""
    if scene.selection is None or scene.selection.kind != "call":
        return
    for span in scene.content.spans[scene.content.spans["call_id"] == scene.selection.id][:1]:
        track_id = int(span["track_id"])
        lane = next((lane for lane in lanes if track_id in lane.track_ids), None)
        if lane is None:
            continue
        rows = {one.track_id: one.row for one in lane.members}
        row = rows.get(track_id, int(span["depth"]))
        if row >= lane.rows:
            continue
        ends = (int(span["start_ns"]), min(int(span["end_ns"]), scene.range_ns[1]))
        left, right = (px_from_ns(t, scene.visible_ns, scene.lanes_width) for t in ends)
        left, right = max(left, -4.0), min(right, scene.lanes_width + 4.0)
        painter.setPen(QPen(qcolor(colours(scene.theme).text), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        tall = max(lane.row_px - 1, 3.0)
        painter.drawRect(QRectF(scene.gutter + left, lane.row_y(row), max(2.0, right - left), tall))


def _paint_ruler(painter: QPainter, scene: Scene, shown: Colours) -> None:
    painter.fillRect(0, OVERVIEW, scene.width, RULER, qcolor(shown.window))
    lines, marks = [], ticks(scene.visible_ns, scene.lanes_width)
    painter.setPen(qcolor(shown.muted))
    metrics = painter.fontMetrics()
    more = arrows_left_out(scene)
    end = scene.width - (metrics.horizontalAdvance(more) + 24 if more else 0)
    for time_ns, label in marks:
        x = scene.gutter + round(px_from_ns(time_ns, scene.visible_ns, scene.lanes_width))
        lines.append(QLineF(x, TOP - 6, x, TOP))
        if x + 4 + metrics.horizontalAdvance(label) <= end:
            painter.drawText(QPointF(x + 4, TOP - 6), label)
    painter.setPen(qcolor(shown.line))
    painter.drawLines(lines)
    painter.drawLine(0, TOP - 1, scene.width, TOP - 1)
    painter.drawLine(0, OVERVIEW, scene.width, OVERVIEW)
    painter.fillRect(0, OVERVIEW + 1, scene.gutter, RULER - 2, qcolor(shown.window))
    painter.setPen(qcolor(shown.muted))
    room = scene.gutter - 14
    said = next((one for one in captions(scene) if metrics.horizontalAdvance(one) <= room), captions(scene)[-1])
    painter.drawText(QRectF(8, OVERVIEW, room, RULER), _MIDDLE, said)


def arrows_left_out(scene: Scene) -> str:
    """How many arrows wait for a closer look, '' where all are painted."""
    return left_out_text(_arrows(scene)[1]) if scene.content.exact else ""


def captions(scene: Scene) -> tuple[str, ...]:
    """What one looks at: how much time, whether calls or counts, how many of the threads; in ever fewer words."""
    start_ns, end_ns = max(scene.visible_ns[0], scene.range_ns[0]), min(scene.visible_ns[1], scene.range_ns[1])
    span, detail = duration_text(end_ns - start_ns), _detail(scene)
    seen, there = scene.threads
    threads = f"{count_text(seen)} of {count_text(there)}" if there else ""
    parts = (
        (span, detail, threads and f"{threads} threads"),
        (span, threads and f"{threads} threads"),
        (span, threads),
    )
    return tuple(" · ".join(part for part in some if part) for some in parts)


def _detail(scene: Scene) -> str:
    if scene.content.exact:
        return "every call"
    widths: Mapping[int, Array] = dict(scene.content.counts)
    if not widths:
        return "reading" if scene.progress < 1 else ""
    return f"counts per {duration_text(1 << (2 * max(widths)))}"


def _arrows(scene: Scene) -> tuple[Array, int]:
    return arrows_in_sight(scene.content.arrows, scene.visible_ns, scene.focus_track_id)
