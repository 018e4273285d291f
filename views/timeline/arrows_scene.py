"""Paints what made what possible as arrows from lane to lane; those of the focused lane stand out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from dags.analyses.lod import Array
from views.drawing.theme import Colours, qcolor
from views.drawing.time_scale import px_from_ns
from views.drawing.vectors import keeps_shapes
from views.timeline.lanes import Lane
from views.words.figures import count_text

HEAD_PX = 5.0
MARK_PX = 2.5
ROOM_PX = 8.0
FOCUS_ALPHA, OTHER_ALPHA = 160, 70
FEW_ARROWS = 12  # that many are painted at full strength; more must not hide the calls below them
_QUIET = (Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
_STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)


def paint_arrows(
    painter: QPainter,
    arrows: Array,
    lanes: Sequence[Lane],
    visible_ns: tuple[int, int],
    across: tuple[int, int],
    *,
    shown: Colours,
    focus_track_id: int,
) -> None:
    """Solid: a thread was started or waited for. Dashed: a value was written over by another thread.

    `across`: (x where the lanes begin, how wide they are). All of those that touch the focused lane are painted; of the
    others the solid ones, at least ROOM_PX from one another: more of them would hide the calls.
    """
    left, lanes_width = across
    by_id: Mapping[int, Lane] = {track_id: lane for lane in lanes for track_id in lane.track_ids}
    painter.save()
    painter.setClipRect(QRectF(left, -1e6, lanes_width, 2e6), Qt.ClipOperation.IntersectClip)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    crowd = min(1.0, (FEW_ARROWS / max(len(arrows), 1)) ** 0.5)
    taken_px = -ROOM_PX
    for cause_ns, effect_ns, cause_track, effect_track, kind in arrows.tolist():
        cause, effect = by_id.get(cause_track), by_id.get(effect_track)
        if cause is None or effect is None or cause is effect:
            continue
        px = [left + px_from_ns(t, visible_ns, lanes_width) for t in (cause_ns, effect_ns)]
        is_of_focus = focus_track_id in (cause_track, effect_track)
        if not is_of_focus and (_STYLES[kind] in _QUIET or px[1] - taken_px < ROOM_PX):
            continue
        taken_px = taken_px if is_of_focus else px[1]
        strength = FOCUS_ALPHA if is_of_focus else OTHER_ALPHA
        colour = qcolor(shown.text, round(strength * (crowd if _STYLES[kind] in _QUIET else 1.0)))
        line = _line(cause, effect, px)
        painter.setPen(QPen(colour, 1.2, _STYLES[kind]))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawLine(_cut(line, left, left + lanes_width) if keeps_shapes(painter) else line)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        if left <= px[1] <= left + lanes_width:
            painter.drawPolygon(_head(line))
        if left <= px[0] <= left + lanes_width:
            painter.drawEllipse(line.p1(), 2.0, 2.0)
    painter.restore()


def left_out_text(more: int) -> str:
    """What is said when not all arrows are painted, '' when they are."""
    return f"{count_text(more)} more arrows when zoomed in" if more else ""


def _line(cause: Lane, effect: Lane, px: Sequence[float]) -> QLineF:
    """From the head of one lane, where its event has its mark, to that of the other."""
    return QLineF(px[0], cause.y + MARK_PX, px[1], effect.y + MARK_PX)


def _cut(line: QLineF, left: float, right: float) -> QLineF:
    """What of a line is between two x: where shapes are kept, no edge cuts it."""
    if not line.dx():
        return line
    shares = sorted(min(max((x - line.x1()) / line.dx(), 0.0), 1.0) for x in (left, right))
    return QLineF(line.pointAt(shares[0]), line.pointAt(shares[1]))


def _head(line: QLineF) -> QPolygonF:
    """A triangle at the effect's end."""
    back = QLineF(line.p2(), line.p1())
    if not back.length():
        return QPolygonF()
    sides = []
    for turn in (-25.0, 25.0):
        side = QLineF(back)
        side.setAngle(back.angle() + turn)
        side.setLength(HEAD_PX * 1.6)
        sides.append(side.p2())
    return QPolygonF([QPointF(line.p2()), *sides])
