"""Paints the overview of the whole session, and what moves over the lanes: cursor, mark, bookmarks, a dragged range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from dags.analyses.lod import Array
from views.drawing.theme import Colours, colours, mixed, qcolor, text_font
from views.drawing.time_scale import px_from_ns
from views.loop.state import Bookmark, Theme
from views.timeline.content import Overview
from views.timeline.layout import OVERVIEW, RULER, TOP, gutter_of
from views.timeline.scene import FONT_POINTS, paint_gap, raised_alpha
from views.words.figures import count_text
from views.words.plain_text import plain

NOTE_PX, LEAST_NOTE_PX = 180, 28
END_PX = 12
OVERVIEW_PALE = 0.35
"""The whole session is the ground of cursor and flags: at full strength it was what the eye found first."""


@dataclass(frozen=True, slots=True)
class Moving:
    """Where the things that move are."""

    range_ns: tuple[int, int]
    visible_ns: tuple[int, int]
    cursor_ns: int
    marked_ns: int | None
    bookmarks: Sequence[Bookmark]
    width: int
    height: int
    dragged_ns: tuple[int, int] | None = None
    changes_ns: Sequence[int] = ()  # when what is recorded has changed
    stretch_ns: tuple[int, int] | None = None
    left_out: str = ""  # what is not painted of the lanes, in words

    @property
    def gutter(self) -> int:
        """How wide the gutter is."""
        return gutter_of(self.width)

    @property
    def lanes_width(self) -> int:
        """From the gutter to the right edge."""
        return max(1, self.width - self.gutter)

    def x(self, time_ns: int) -> float:
        """Where an instant is over the lanes."""
        return self.gutter + px_from_ns(time_ns, self.visible_ns, self.lanes_width)

    def is_seen(self, first_ns: int, last_ns: int) -> bool:
        """Whether something of a stretch is over the lanes."""
        return first_ns <= self.visible_ns[1] and last_ns >= self.visible_ns[0]

    def small_x(self, time_ns: int) -> int:
        """Where an instant is in the overview."""
        return round(self.gutter + px_from_ns(time_ns, self.range_ns, self.lanes_width))


def paint_overview(painter: QPainter, overview: Overview, width: int, theme: Theme) -> None:
    """How busy the session was: the higher, the more events; the square root, so that quiet stretches are seen too."""
    shown, gutter = colours(theme), gutter_of(width)
    painter.fillRect(0, 0, width, OVERVIEW, qcolor(shown.window))
    painter.setFont(text_font(FONT_POINTS))
    total = round(float(overview.count.sum()))
    painter.setPen(qcolor(shown.muted))
    text = f"{count_text(total)} events" if overview.progress >= 1 else f"reading, {overview.progress:.0%}"
    painter.drawText(QPointF(8, 13), f"Overview · {text}")
    tall = OVERVIEW - 8
    most = float(overview.count.max()) if len(overview.count) else 0.0
    heights = np.ceil(np.sqrt(overview.count / most) * tall) if most else np.zeros(len(overview.count))
    lines = [QLineF(gutter + x + 0.5, OVERVIEW - h, gutter + x + 0.5, OVERVIEW) for x, h in enumerate(heights) if h]
    painter.setPen(qcolor(overview_colour(shown)))
    painter.drawLines(lines)
    for x in np.flatnonzero(overview.raised > 0).tolist():
        share = float(overview.raised[x] / max(1.0, overview.count[x]))
        painter.fillRect(gutter + x, 1, 1, 3, qcolor(shown.hot, raised_alpha(share)))
    for first, last in _stretches(~overview.known):
        painter.fillRect(QRectF(gutter + first, 6, last - first, OVERVIEW - 6), qcolor(shown.raised))
    lanes_width = max(1, width - gutter)
    for start_ns, end_ns, *_ in overview.gaps.tolist():
        left, right = (px_from_ns(t, overview.range_ns, lanes_width) for t in (start_ns, end_ns))
        left, right = max(0.0, left), min(float(lanes_width), max(right, left + 3))
        paint_gap(painter, QRectF(gutter + left, 0, right - left, OVERVIEW), shown)


def overview_colour(shown: Colours) -> str:
    """The colour of the bars."""
    return mixed(shown.accent, shown.window, OVERVIEW_PALE)


def paint_moving(painter: QPainter, moving: Moving, theme: Theme) -> None:
    """Everything that changes without the lanes changing."""
    if moving.range_ns[0] == moving.range_ns[1]:  # nothing is recorded: there is no time to be at
        return
    shown = colours(theme)
    _paint_window(painter, moving, shown)
    painter.setClipRect(moving.gutter, 0, moving.lanes_width, moving.height)
    for change_ns in moving.changes_ns:
        _paint_change(painter, change_ns, moving, shown)
    _paint_left_out(painter, moving, shown)
    ends_ns = [*(bookmark.time_ns for bookmark in moving.bookmarks[1:]), moving.range_ns[1]]
    for bookmark, next_ns in zip(moving.bookmarks, ends_ns, strict=False):
        _paint_bookmark(painter, bookmark, moving, shown)
        _paint_note(painter, bookmark, next_ns, moving, shown)
    if moving.stretch_ns is not None and moving.dragged_ns is None:
        _paint_stretch(painter, moving.stretch_ns, moving, shown)
    if moving.dragged_ns is not None:
        _paint_range(painter, (min(moving.dragged_ns), max(moving.dragged_ns)), moving, shown.accent)
    if moving.marked_ns is not None:
        between = (min(moving.marked_ns, moving.cursor_ns), max(moving.marked_ns, moving.cursor_ns))
        _paint_range(painter, between, moving, shown.mark)
        if moving.is_seen(moving.marked_ns, moving.marked_ns):
            x = round(moving.x(moving.marked_ns))
            painter.setPen(QPen(qcolor(shown.mark), 1, Qt.PenStyle.DashLine))
            painter.drawLine(x, OVERVIEW, x, moving.height)
    _paint_cursor(painter, moving, shown)
    painter.setClipping(False)


def _paint_change(painter: QPainter, time_ns: int, moving: Moving, shown: Colours) -> None:
    """What is recorded is something else from here on."""
    x = round(moving.x(time_ns))
    painter.setPen(QPen(qcolor(shown.muted), 1, Qt.PenStyle.DotLine))
    painter.drawLine(moving.small_x(time_ns), 0, moving.small_x(time_ns), OVERVIEW - 1)
    if moving.is_seen(time_ns, time_ns):
        painter.drawLine(x, OVERVIEW, x, moving.height)


def _paint_cursor(painter: QPainter, moving: Moving, shown: Colours) -> None:
    small, at = moving.small_x(moving.cursor_ns), round(moving.x(moving.cursor_ns))
    painter.setPen(qcolor(shown.cursor))
    painter.drawLine(small, 0, small, OVERVIEW - 1)
    if not moving.is_seen(moving.cursor_ns, moving.cursor_ns):
        return
    painter.drawLine(at, OVERVIEW, at, moving.height)
    painter.setBrush(qcolor(shown.cursor))
    painter.setPen(Qt.PenStyle.NoPen)
    handle = [QPointF(at - 5, OVERVIEW + 1), QPointF(at + 6, OVERVIEW + 1), QPointF(at + 0.5, OVERVIEW + 9)]
    painter.drawPolygon(QPolygonF(handle))


def _paint_window(painter: QPainter, moving: Moving, shown: Colours) -> None:
    """What of the session is visible: the rest of the overview lies in shade."""
    if moving.visible_ns == moving.range_ns:
        return
    left, right = (moving.small_x(t) for t in moving.visible_ns)
    right = max(right, left + 2)
    shade = qcolor(shown.window, 150)
    painter.fillRect(moving.gutter, 0, left - moving.gutter, OVERVIEW, shade)
    painter.fillRect(right, 0, moving.width - right, OVERVIEW, shade)
    painter.setPen(qcolor(shown.text))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(left, 0, right - left - 1, OVERVIEW - 1)


def _paint_range(painter: QPainter, between: tuple[int, int], moving: Moving, colour: str) -> None:
    if not moving.is_seen(*between):
        return
    left, right = (moving.x(min(max(t, moving.visible_ns[0]), moving.visible_ns[1])) for t in between)
    painter.fillRect(QRectF(left, OVERVIEW, right - left, moving.height - OVERVIEW), qcolor(colour, 34))
    painter.fillRect(QRectF(left, OVERVIEW, right - left, 3), qcolor(colour))


def _paint_stretch(painter: QPainter, stretch_ns: tuple[int, int], moving: Moving, shown: Colours) -> None:
    """A band with a line at each end, and a bar in the overview: the stretch that the inspector sums up."""
    _paint_range(painter, stretch_ns, moving, shown.accent)
    painter.setPen(QPen(qcolor(shown.accent), 1))
    for end_ns in stretch_ns:
        x = round(moving.x(end_ns))
        painter.drawLine(x, OVERVIEW, x, moving.height)
    left, right = (moving.small_x(end_ns) for end_ns in stretch_ns)
    painter.fillRect(left, OVERVIEW - 3, max(right - left, 2), 3, qcolor(shown.accent))


def _paint_bookmark(painter: QPainter, bookmark: Bookmark, moving: Moving, shown: Colours) -> None:
    """A flag in overview and ruler, a thin line through the lanes; a band when it lasts."""
    colour = qcolor(shown.bookmark)
    small, x = moving.small_x(bookmark.time_ns), round(moving.x(bookmark.time_ns))
    painter.setPen(colour)
    painter.drawLine(small, 0, small, OVERVIEW - 1)
    painter.fillRect(small, 0, 5, 5, colour)
    if bookmark.end_ns is not None and moving.is_seen(bookmark.time_ns, bookmark.end_ns):
        left, right = (max(moving.x(t), moving.gutter) for t in (bookmark.time_ns, bookmark.end_ns))
        band = QRectF(left, OVERVIEW, min(right, moving.width) - left, moving.height - OVERVIEW)
        painter.fillRect(band, qcolor(shown.bookmark, 30))
    if not moving.is_seen(bookmark.time_ns, bookmark.time_ns):
        return
    painter.setPen(QPen(colour, 1, Qt.PenStyle.DotLine))
    painter.drawLine(x, TOP, x, moving.height)
    corners = ((0, 2), (9, 2), (6, 6), (9, 10), (0, 10))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF([QPointF(x + dx, OVERVIEW + dy) for dx, dy in corners]))
    painter.fillRect(x, OVERVIEW + 2, 1, RULER - 2, colour)


def _paint_note(painter: QPainter, bookmark: Bookmark, next_ns: int, moving: Moving, shown: Colours) -> None:
    """The first words of a note on the ruler, beside its flag, as far as there is room before the next one."""
    x = round(moving.x(bookmark.time_ns)) + 12
    room = min(moving.x(next_ns) - 6, moving.width - 4, x + NOTE_PX) - x
    if not bookmark.text or room < LEAST_NOTE_PX or x < moving.gutter:
        return
    painter.setFont(text_font(FONT_POINTS))
    metrics = painter.fontMetrics()
    words = metrics.elidedText(plain(bookmark.text, 200), Qt.TextElideMode.ElideRight, round(room) - 6)
    area = QRectF(x, OVERVIEW + 2, metrics.horizontalAdvance(words) + 6, RULER - 4)
    painter.fillRect(area, qcolor(shown.window))
    painter.setPen(qcolor(shown.text))
    painter.drawText(area.adjusted(3, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), words)


def _paint_left_out(painter: QPainter, moving: Moving, shown: Colours) -> None:
    """At the right end of the ruler, unless a flag or its note stands there: they were put there by a person."""
    painter.setFont(text_font(FONT_POINTS))
    wide = painter.fontMetrics().horizontalAdvance(moving.left_out) + 12
    left = moving.width - wide - END_PX  # the head of a cursor at the end does not lie over it
    flags = (moving.x(one.time_ns) + (NOTE_PX if one.text else 0) for one in moving.bookmarks)
    if (
        not moving.left_out
        or left < moving.gutter + LEAST_NOTE_PX
        or any(left - 12 <= right <= moving.width + NOTE_PX for right in flags)
    ):
        return
    area = QRectF(left, OVERVIEW + 1, wide, RULER - 3)
    painter.fillRect(area, qcolor(shown.window))
    painter.setPen(qcolor(shown.muted))
    painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), moving.left_out)


def _stretches(mask: Array) -> list[tuple[int, int]]:
    """(first, one after the last) of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
