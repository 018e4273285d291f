"""Paints the lanes: a picture of everything that stays while the cursor moves. See `overlay` for what moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QFontMetricsF, QImage, QPainter, QPen, QPolygonF

from capture.events.kinds import Kind
from capture.events.track_kinds import HEADS
from dags.analyses.lod import Array
from views.drawing.theme import Colours, colours, qcolor, span_colour, text_font
from views.loop.state import Selection, Theme
from views.reading.source import Names
from views.timeline.arrows import arrows_in_sight
from views.timeline.arrows_scene import left_out_text, paint_arrows
from views.timeline.content import Content
from views.timeline.layout import GUTTER, HEADER, OVERVIEW, RULER, Lane, in_view, pinned, px_from_ns
from views.timeline.raster import Raster, blended
from views.timeline.ruler import ticks
from views.words.figures import count_text, duration_text
from views.words.plain_text import plain

TOP = OVERVIEW + RULER
MAX_SITES = 1 << 16
EDGE_PX = 3
RAISED_ALPHA = 80
MIN_GAP_PX = 5
FONT_POINTS = 8.5
_MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)


@dataclass(frozen=True, slots=True)
class Scene:
    """All that the picture depends on. Units: logical px; `ratio` device pixels to one."""

    width: int
    height: int
    ratio: float
    scroll: int
    lanes: Sequence[Lane]
    visible_ns: tuple[int, int]
    content: Content
    names: Names
    theme: Theme
    focus_track_id: int = 0
    selection: Selection | None = None
    found_sites: frozenset[int] = frozenset()
    progress: float = 1.0

    @property
    def lanes_width(self) -> int:
        """From the gutter to the right edge."""
        return max(1, self.width - GUTTER)


class SiteColours:
    """The colour of every site of a session in one theme, as a table that numpy can look up."""

    def __init__(self, names: Names, theme: Theme, found: frozenset[int]) -> None:
        """Sites that were not found are paled when there are found ones."""
        shown = colours(theme)
        panel = argb(shown.panel)
        size = min(max(names.sites, default=0) + 2, MAX_SITES)
        table = np.full(size, argb(shown.muted), np.uint32)
        for site_id, row in names.sites.items():
            if 0 <= site_id < size:
                table[site_id] = argb(span_colour(theme, row.function))
        if found:
            paled = blended(table, panel, 0.28)
            for site_id in found & set(range(size)):
                paled[site_id] = table[site_id]
            table = paled
        self.full = table
        self.steady = blended(table, panel, 0.68)
        self.moving = blended(table, panel, 0.46)


def argb(colour: str) -> int:
    """#rrggbb as 0xFFrrggbb."""
    return 0xFF000000 | int(colour[1:], 16)


def paint(painter: QPainter, scene: Scene, sites: SiteColours) -> Raster:
    """Paints the lanes, their names and the ruler; returns the raster, for those who want to know what is where."""
    shown = colours(scene.theme)
    painter.setFont(text_font(FONT_POINTS))
    painter.fillRect(0, TOP, scene.width, scene.height - TOP, qcolor(shown.panel))
    visible = in_view(scene.lanes, scene.scroll, scene.height - TOP)
    raster = Raster(visible, scene.visible_ns, round(scene.lanes_width * scene.ratio), argb(shown.panel))
    for level, rows in scene.content.counts:
        raster.fill_counts(level, rows, sites.full, (sites.steady, sites.moving))
    raster.fill_spans(scene.content.spans, sites.full)
    raised, marks = _raised(scene, raster), _marks(scene, raster)
    painter.save()
    painter.setClipRect(0, TOP, scene.width, scene.height - TOP)
    painter.translate(0, TOP - scene.scroll)
    for at, lane in enumerate(visible):
        _paint_lane(painter, scene, raster, lane, (marks[at : at + 1], raised[at : at + 1]))
    _paint_labels(painter, scene, raster)
    arrows, _ = _arrows(scene)
    paint_arrows(
        painter,
        arrows,
        scene.lanes,
        scene.visible_ns,
        scene.lanes_width,
        shown=shown,
        focus_track_id=scene.focus_track_id,
    )
    _paint_unread(painter, scene, visible)
    _paint_gaps(painter, scene, visible)
    _paint_selected(painter, scene, visible)
    for lane in visible:
        _paint_gutter(painter, scene, lane)
    over = pinned(scene.lanes, scene.scroll)
    if over is not None:
        _paint_lane(painter, scene, raster, over, (marks[:0], raised[:0]))
        _paint_gutter(painter, scene, over)
    painter.restore()
    _paint_ruler(painter, scene, shown)
    if not scene.lanes:
        area = QRect(0, TOP, scene.width, scene.height - TOP)
        _paint_sentence(painter, area, _without_lanes(scene.content), shown)
    return raster


def _without_lanes(content: Content) -> str:
    """Why there is no lane."""
    if len(content.spans) or any(len(rows) for _, rows in content.counts):
        return "The names of the threads are lost, and with them their lanes"
    return "Nothing is recorded yet"


def paint_backdrop(painter: QPainter, width: int, height: int, theme: Theme) -> None:
    """What lies behind everything."""
    painter.fillRect(0, 0, width, height, qcolor(colours(theme).panel))


def paint_nothing(painter: QPainter, width: int, height: int, theme: Theme) -> None:
    """The timeline while no session is open."""
    painter.setFont(text_font(FONT_POINTS))
    _paint_sentence(painter, QRect(0, 0, width, height), "No session is open", colours(theme))


def _paint_sentence(painter: QPainter, area: QRect, sentence: str, shown: Colours) -> None:
    painter.setFont(text_font())
    painter.setPen(qcolor(shown.muted))
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, sentence)


def _raised(scene: Scene, raster: Raster) -> Array:
    """One row per lane: where calls were left by an exception; the more of all events that is, the stronger."""
    share = np.zeros((len(raster.lanes), raster.width))
    for level, rows in scene.content.counts:
        some = rows[rows["raised"] > 0]
        middle_ns = (some["bin"] << (2 * level)) + (1 << (2 * level)) // 2
        _mark(share, raster, some, middle_ns, some["raised"] / some["count"])
    if scene.content.exact:
        some = scene.content.spans[scene.content.spans["raised"] > 0]
        _mark(share, raster, some, some["end_ns"], np.ones(len(some)))
    alpha = np.where(share > 0, RAISED_ALPHA + (255 - RAISED_ALPHA) * np.minimum(1, share * 20), 0)
    red = qcolor(colours(scene.theme).hot)
    parts = [np.round(alpha * part / 255).astype(np.uint32) for part in (255, red.red(), red.green(), red.blue())]
    marks: Array = parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]
    return marks


def _marks(scene: Scene, raster: Raster) -> Array:
    """One row per lane: events that are no calls, state changes in the accent colour."""
    shown = colours(scene.theme)
    painted = np.zeros((len(raster.lanes), raster.width), np.uint32)
    of_states = scene.content.marks["kind"] == Kind.STATE
    for rows, colour in ((of_states, shown.accent), (~of_states, shown.muted)):
        marks = scene.content.marks[rows]
        lane = raster.lanes_of(marks)
        left, _ = raster.extent(marks["time_ns"], marks["time_ns"])
        for more in (0, 1):
            painted[lane[lane >= 0], np.minimum(left[lane >= 0] + more, raster.width - 1)] = argb(colour)
    return painted


def raised_alpha(share: float) -> int:
    """How strongly exceptions are marked where they are that share of all events."""
    return round(RAISED_ALPHA + (255 - RAISED_ALPHA) * min(1.0, share * 20))


def _mark(share: Array, raster: Raster, rows: Array, at_ns: Array, values: Array) -> None:
    lane = raster.lanes_of(rows)
    seen = (lane >= 0) & (at_ns >= raster.visible_ns[0]) & (at_ns <= raster.visible_ns[1])
    left, _ = raster.extent(at_ns[seen], at_ns[seen])
    for more in (0, 1):
        np.maximum.at(share, (lane[seen], np.minimum(left + more, raster.width - 1)), values[seen])


def _paint_lane(painter: QPainter, scene: Scene, raster: Raster, lane: Lane, edges: tuple[Array, Array]) -> None:
    shown = colours(scene.theme)
    left = float(GUTTER)
    if lane.kind in HEADS:
        painter.fillRect(0, lane.y, scene.width, lane.height, qcolor(shown.raised))
        painter.setPen(qcolor(shown.muted))
        painter.drawText(QRectF(left + 8, lane.y, scene.lanes_width, lane.height), _MIDDLE, lane.note)
        return
    rows = np.ascontiguousarray(raster.rows_of(lane))
    target = QRectF(left, lane.first_row_y, scene.lanes_width, lane.rows * lane.row_px)
    painter.drawImage(target, _image(rows), QRectF(0, 0, raster.width, lane.rows))
    for row in range(1, lane.rows + 1):  # a line of a pen would lie half a pixel off on a dense screen
        painter.fillRect(QRectF(left, lane.row_y(row) - 1, scene.lanes_width, 1), qcolor(shown.panel))
    for edge, y in zip(edges, (lane.y + 1, lane.y + lane.height - EDGE_PX - 1), strict=True):
        if edge.any():
            painter.drawImage(QRectF(left, y, scene.lanes_width, EDGE_PX), _image(edge), QRectF(0, 0, raster.width, 1))
    painter.setPen(qcolor(shown.line))
    painter.drawLine(GUTTER, lane.y + lane.height - 1, scene.width, lane.y + lane.height - 1)
    if not lane.folded and lane.depth > lane.rows:
        note = f"and {count_text(lane.depth - lane.rows)} deeper"
        painter.setPen(qcolor(shown.muted))
        area = QRectF(left, lane.row_y(lane.rows - 1), scene.lanes_width - 6, lane.row_px)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), note)


def _paint_labels(painter: QPainter, scene: Scene, raster: Raster) -> None:
    """The names of calls that are wide enough, cut to what fits."""
    shown = colours(scene.theme)
    metrics = QFontMetricsF(painter.font())
    bases = [lane.row_y(row) + (lane.row_px + 6) // 2 for lane in raster.lanes for row in range(lane.rows)]
    site_of = scene.content.spans["site_id"]
    cut: dict[tuple[int, int], str] = {}
    pale = scene.found_sites
    for row, x, px, at in raster.labelled(scene.content.spans):
        site_id = int(site_of[at])
        room = int(px / scene.ratio) - 8
        key = (site_id, min(room, 600))
        if key not in cut:
            cut[key] = _name_that_fits(scene.names.site(site_id), key[1], metrics)
        if cut[key]:
            painter.setPen(qcolor(shown.muted if pale and site_id not in pale else label_colour(scene.theme, shown)))
            painter.drawText(QPointF(GUTTER + x / scene.ratio + 4, bases[row]), cut[key])


def label_colour(theme: Theme, shown: Colours) -> str:
    """What can be read on a call's colour: both themes have calls lighter than this."""
    return shown.window if theme == "dark" else shown.text


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
            painter.fillRect(QRectF(GUTTER + left, lane.y, right - left, lane.height - 1), shade)


def _paint_gaps(painter: QPainter, scene: Scene, lanes: Sequence[Lane]) -> None:
    """Hatched where events are known to be lost, with how many."""
    shown = colours(scene.theme)
    by_id = {lane.track_id: lane for lane in lanes}
    for start_ns, end_ns, dropped, track_id in scene.content.gaps.tolist():
        left = GUTTER + max(0.0, px_from_ns(start_ns, scene.visible_ns, scene.lanes_width))
        right = GUTTER + min(float(scene.lanes_width), px_from_ns(end_ns, scene.visible_ns, scene.lanes_width))
        if right - left < MIN_GAP_PX:
            middle = (left + right) / 2
            left, right = middle - MIN_GAP_PX / 2, middle + MIN_GAP_PX / 2
        for lane in lanes if not track_id else [by_id[track_id]] if track_id in by_id else []:
            if lane.kind in HEADS and track_id == 0:
                continue
            area = QRectF(max(left, GUTTER), lane.y, right - max(left, GUTTER), lane.height - 1)
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
        lane = next((lane for lane in lanes if lane.track_id == int(span["track_id"])), None)
        if lane is None or int(span["depth"]) >= lane.rows:
            continue
        ends = (int(span["start_ns"]), min(int(span["end_ns"]), scene.visible_ns[1]))
        left, right = (px_from_ns(t, scene.visible_ns, scene.lanes_width) for t in ends)
        left, right = max(left, -4.0), min(right, scene.lanes_width + 4.0)
        painter.setPen(QPen(qcolor(colours(scene.theme).text), 2))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        y = lane.row_y(int(span["depth"]))
        painter.drawRect(QRectF(GUTTER + left, y, max(2.0, right - left), lane.row_px - 1))


def _paint_gutter(painter: QPainter, scene: Scene, lane: Lane) -> None:
    shown = colours(scene.theme)
    is_focus = lane.track_id == scene.focus_track_id
    back = shown.selected if is_focus else shown.raised if lane.kind in HEADS else shown.window
    painter.fillRect(0, lane.y, GUTTER - 1, lane.height - (lane.kind not in HEADS), qcolor(back))
    if is_focus:
        painter.fillRect(0, lane.y, 3, lane.height - 1, qcolor(shown.accent))
    x = 8 + 12 * lane.indent
    middle = lane.y + (HEADER if lane.kind in HEADS else min(lane.height, lane.row_px + 10)) / 2
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(qcolor(shown.muted))
    sides = ((-2, -4), (3, 0), (-2, 4)) if lane.folded else ((-4, -2), (4, -2), (0, 3))
    painter.drawPolygon(QPolygonF([QPointF(x + 4 + dx, middle + dy) for dx, dy in sides]))
    painter.setPen(qcolor(shown.text if is_focus or lane.kind in HEADS else shown.muted))
    painter.setFont(text_font(FONT_POINTS, bold=lane.kind in HEADS))
    room = GUTTER - x - 22
    name = painter.fontMetrics().elidedText(plain(lane.name, 200), Qt.TextElideMode.ElideMiddle, room)
    area = QRectF(x + 14, middle - 10, room, 20)
    painter.drawText(area, _MIDDLE, name)
    painter.setFont(text_font(FONT_POINTS))
    painter.setPen(qcolor(shown.line))
    painter.drawLine(GUTTER - 1, lane.y, GUTTER - 1, lane.y + lane.height)


def _paint_ruler(painter: QPainter, scene: Scene, shown: Colours) -> None:
    painter.fillRect(0, OVERVIEW, scene.width, RULER, qcolor(shown.window))
    lines, marks = [], ticks(scene.visible_ns, scene.lanes_width)
    painter.setPen(qcolor(shown.muted))
    metrics = painter.fontMetrics()
    for time_ns, label in marks:
        x = GUTTER + round(px_from_ns(time_ns, scene.visible_ns, scene.lanes_width))
        lines.append(QLineF(x, TOP - 6, x, TOP))
        if x + 4 + metrics.horizontalAdvance(label) <= scene.width:
            painter.drawText(QPointF(x + 4, TOP - 6), label)
    painter.setPen(qcolor(shown.line))
    painter.drawLines(lines)
    painter.drawLine(0, TOP - 1, scene.width, TOP - 1)
    painter.drawLine(0, OVERVIEW, scene.width, OVERVIEW)
    painter.fillRect(0, OVERVIEW + 1, GUTTER, RULER - 2, qcolor(shown.window))
    painter.setPen(qcolor(shown.muted))
    painter.drawText(QRectF(8, OVERVIEW, GUTTER - 12, RULER), _MIDDLE, caption(scene))
    left_out = left_out_text(_arrows(scene)[1]) if scene.content.exact else ""
    if left_out:
        width = metrics.horizontalAdvance(left_out) + 16
        area = QRectF(scene.width - width, OVERVIEW + 1, width, RULER - 3)
        painter.fillRect(area, qcolor(shown.window))
        painter.drawText(area.adjusted(8, 0, 0, 0), _MIDDLE, left_out)


def caption(scene: Scene) -> str:
    """What one looks at: how much time, and whether calls or counts."""
    span = duration_text(scene.visible_ns[1] - scene.visible_ns[0])
    if scene.content.exact:
        return f"{span} · every call"
    widths: Mapping[int, Array] = dict(scene.content.counts)
    if not widths:
        return f"{span} · reading" if scene.progress < 1 else span
    return f"{span} · counts per {duration_text(1 << (2 * max(widths)))}"


def _arrows(scene: Scene) -> tuple[Array, int]:
    return arrows_in_sight(scene.content.arrows, scene.visible_ns, scene.focus_track_id)


def _image(pixels: Array) -> QImage:
    """A view on the pixels; they have to outlive it, which they do while it is painted."""
    rows, width = pixels.shape
    kind = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(pixels.data, width, rows, 4 * width, kind)
