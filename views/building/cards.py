"""The cards left of the floors: name, total, change per minute, bar; and which one is under a point."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter

from views.building.floors import Floor
from views.building.layout import House
from views.building.projection import Projection
from views.building.regions import Area
from views.building.state import QUIET
from views.drawing.heat import faded, step_colours
from views.drawing.theme import colours, number_font, text_font
from views.loop.state import Theme
from views.words.elision import Part, cut_where_alike, telling_parts

TWO_LINES_PX = 23.0
BAR_PX = 3.0
MOST_PX = 40.0
PAD_PX = 10.0
END_LETTERS = 4
MINUS = "\N{MINUS SIGN}"
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


def card_of(view: Projection, area: Area, level: int) -> QRectF:
    """Where the card of a floor is: as high as its storey, but no higher than it needs."""
    _, bottom = view.at(0.0, 0.0, level)
    _, top = view.at(0.0, 0.0, level + 1)
    high = min(bottom - top - 1, MOST_PX)
    return QRectF(4, round((top + bottom - high) / 2), area[2] - 4, math.floor(high))


def card_at(plan: House, view: Projection, area: Area, point: QPointF) -> int | None:
    """The floor whose card is there."""
    found = (at for at in range(len(plan.floors)) if card_of(view, area, at).contains(point))
    return next(found, None) if area[1] <= point.y() <= area[1] + area[3] else None


def paint_cards(
    painter: QPainter,
    plan: House,
    view: Projection,
    area: Area,
    theme: Theme,
    *,
    picked: int | None,
    hovered: int | None,
) -> None:
    """Paints all of them that are in sight."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for at, floor in enumerate(plan.floors):
        card = card_of(view, area, at)
        if card.bottom() < area[1] - 2 or card.top() > area[1] + area[3] + 2 or card.height() < 5:
            continue
        if at in (picked, hovered):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(faded(colours(theme).selected, 1.0 if at == picked else 0.5))
            painter.drawRoundedRect(card, 3, 3)
        _paint_card(painter, plan, floor, card.adjusted(PAD_PX - 4, 0, -6, 0), theme, is_picked=at == picked)


def change_words(plan: House, floor: Floor) -> str:
    """How a floor changes, with its sign and without its unit; '' where that is not known or next to nothing."""
    change = floor.per_minute
    if change is None or abs(change) < max(floor.total, 1) * 0.005:
        return ""
    text = plan.measure.figure(round(abs(change))).removeprefix("≤").strip()
    return f"{'+' if change > 0 else MINUS}{text}/min"


def card_words(plan: House, floor: Floor) -> str:
    """A card in full."""
    notes = ["" if floor.known else "not captured", "" if floor.waits_known else "not looked at for waits"]
    change = change_words(plan, floor)
    words = (floor.name, floor.process, plan.measure.text(floor.total), change, *notes)
    return " · ".join(word for word in words if word)


def _paint_card(painter: QPainter, plan: House, floor: Floor, box: QRectF, theme: Theme, *, is_picked: bool) -> None:
    shown, most = colours(theme), max(floor.total for floor in plan.floors)
    muted = shown.text if is_picked else shown.muted
    two = box.height() >= TWO_LINES_PX
    line = QFontMetricsF(text_font()).height()
    first = max((box.height() - 2 * line + 3) / 2, -1.0) if two else (box.height() - line - 2) / 2
    upper = QRectF(box.left(), box.top() + first, box.width(), line)
    points = None if box.height() >= 15 else max(box.height() * 0.55, 6.0)
    name_font, digits = (text_font(), number_font()) if points is None else (text_font(points), number_font(points))
    total = plan.measure.figure(floor.total) if floor.known or floor.total else "not captured"
    wide = _paint(painter, upper, total, digits, shown.text if floor.total else muted)
    room = upper.adjusted(0, 0, -wide - 8, 0)
    painter.setFont(name_font)
    painter.setPen(QColor(shown.text if floor.total else muted))
    telling = telling_of(tuple(one.name for one in plan.floors))[floor.name] if floor.key != QUIET else None
    name = _fitted_name(floor.name, floor.process, telling, room.width(), name_font.toString())
    painter.drawText(room, _LEFT, name)
    lower = QRectF(box.left(), upper.bottom() - 3, box.width(), line)
    wide = 0.0
    if two:
        colour = shown.warning if (floor.per_minute or 0.0) > 0 and not is_picked else muted
        wide = _paint(painter, lower, change_words(plan, floor), number_font(8.0), colour) + 10
    top = lower.center().y() - BAR_PX / 2 if two else box.bottom() - BAR_PX + 1
    if box.height() < 12:
        return
    bar = QRectF(box.left(), round(top), box.width() - max(wide, 64.0 if two else 0.0), BAR_PX)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(shown.line))
    painter.drawRect(bar)
    painter.setBrush(step_colours(theme)[floor.step])
    painter.drawRect(
        QRectF(
            bar.left(), bar.top(), max(bar.width() * floor.total / max(most, 1), 1.5 if floor.total else 0.0), BAR_PX
        )
    )


def card_name(name: str, process: str, telling: Part | None, fits: Callable[[str], bool]) -> str:
    """The thread and its process, of which the number stays longest; the name is cut where it is like those of the
    other floors, `telling` not before the rest. Without it: how many share a floor, of which no figure is cut.
    """
    if telling is None:
        return name if fits(name) else name.removesuffix(" threads")
    long, short = (f" · {part}" if part else "" for part in (process, process.rpartition(" ")[2]))
    whole = next((text for text in (name + long, name + short) if fits(text)), "")
    if whole:
        return whole
    cut = cut_where_alike(name, telling, lambda text: fits(text + short))
    return cut + short if name[slice(*telling)] in cut else cut_where_alike(name, telling, fits)


@functools.lru_cache(maxsize=16)
def telling_of(names: tuple[str, ...]) -> Mapping[str, Part]:
    """What of each name stays longest: where it differs from the others; of one that is like none of them its end,
    where threads of pools differ.
    """
    parts = telling_parts(names)
    return {
        name: part if part != (0, len(name)) else (max(len(name) - END_LETTERS, 0), len(name))
        for name, part in parts.items()
    }


@functools.lru_cache(maxsize=4_096)
def _fitted_name(name: str, process: str, telling: Part | None, room_px: float, font: str) -> str:
    """The name on a card in a font, as `QFont.toString` says it. Cards are painted with each step."""
    made = QFont()
    made.fromString(font)
    metrics = QFontMetricsF(made)
    return card_name(name, process, telling, lambda text: metrics.horizontalAdvance(text) <= room_px)


def _paint(painter: QPainter, box: QRectF, text: str, font: QFont, colour: str) -> float:
    """Paints a text to the right and says how wide it is."""
    painter.setFont(font)
    painter.setPen(QColor(colour))
    painter.drawText(box, _RIGHT, text)
    return math.ceil(QFontMetricsF(font).horizontalAdvance(text))
