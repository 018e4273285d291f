"""Sets lists of names with figures, trees, and charts on the inspector's page.

A list has one line a row: the name, which may be pressed, and figures in columns under the words of its title. A thin
line below shows how large a share it is. A bar of a chart can be pressed over the chart's whole height.
"""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF

from views.drawing.theme import mixed
from views.inspector.scene_page import CHART, PAD, RIGHT, Fonts, Page, Spot, Words
from views.inspector.sections import Chart, Row, Section

CHART_PX, LEAST_BAR_PX, BAR_GAP_PX, LINE_PX = 56.0, 2.0, 1.0, 1.0
INDENT_PX, TRIANGLE_PX = 12.0, 14.0
LEAST_NAME_PX, COLUMN_GAP_PX = 110.0, 12.0
SHARE_PX, SHARE_STRENGTH = 2.0, 0.55
OPEN, SHUT = "\N{BLACK DOWN-POINTING SMALL TRIANGLE}", "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"


def column_widths(section: Section, fonts: Fonts, width: float) -> tuple[float, ...]:
    """How wide each column of figures is; where names would have no room the first ones go."""
    metrics = QFontMetricsF(fonts.text)
    lines = [section.columns, *(row.figures for row in section.rows)]
    widths = [
        max(metrics.horizontalAdvance(texts[at]) for texts in lines if len(texts) > at) + COLUMN_GAP_PX
        for at in range(len(section.columns))
    ]
    for at in range(len(widths) - 1):
        if sum(widths) + LEAST_NAME_PX + 2 * PAD > width:
            widths[at] = 0.0
    return tuple(widths)


def set_heads(page: Page, section: Section, band: QRectF, widths: tuple[float, ...], fonts: Fonts) -> float:
    """The words of the columns at the right end of a title; gives how wide they are together."""
    right = band.right() - PAD
    for text, wide in zip(section.columns[::-1], widths[::-1], strict=True):
        if wide:
            box = QRectF(right - wide, band.top(), wide, band.height())
            page.words.append(Words(box, text, fonts.shown.muted, fonts.text, RIGHT))
        right -= wide
    return sum(widths)


def set_table_row(page: Page, section: Section, row: Row, widths: tuple[float, ...], fonts: Fonts) -> None:
    """One line of a list or a tree."""
    shown, top, right = fonts.shown, page.height, page.width - PAD
    strong = section.columns.index(section.sorted_by) if section.sorted_by else len(section.columns) - 1
    for at in range(len(row.figures) - 1, -1, -1):
        if widths[at]:
            colour = shown.text if at == strong else shown.muted
            box = QRectF(right - widths[at], top, widths[at], fonts.line_px)
            page.words.append(Words(box, row.figures[at], colour, fonts.text, RIGHT))
        right -= widths[at]
    left, group = PAD + row.level * INDENT_PX, f"{section.key} {row.key}"
    if row.opens is not None:
        box = QRectF(left, top, TRIANGLE_PX, fonts.line_px)
        page.words.append(Words(box, OPEN if row.is_open else SHUT, shown.accent, fonts.text, elide=None))
        page.spots.append(Spot(box, f"{'close' if row.is_open else 'open'} {row.label}", row.opens, by_key=False))
    left += TRIANGLE_PX if section.is_tree else 0.0
    name = QRectF(left, top, max(right - left, 0.0), fonts.line_px)
    page.words.append(Words(name, row.label, shown.text if row.leads is None else shown.accent, fonts.text,
                            elide=Qt.TextElideMode.ElideMiddle))  # fmt: skip
    if row.leads is not None or row.opens is not None:
        wide = min(QFontMetricsF(fonts.text).horizontalAdvance(row.label) + 2, name.width())
        spot = Spot(QRectF(left, top, wide, fonts.line_px), row.label, row.leads or row.opens, group=group)
        page.spots.append(spot if row.opens is None else spot.folding(row.opens, row.is_open, row.level))
    if row.share > 0:
        long = max(row.share * (page.width - 2 * PAD), LEAST_BAR_PX)
        bar = QRectF(PAD, top + fonts.line_px - SHARE_PX, long, SHARE_PX)
        page.bands.append((bar, mixed(shown.panel, shown.accent, SHARE_STRENGTH)))
    page.height += fonts.line_px


def set_chart(page: Page, section: Section, chart: Chart, fonts: Fonts) -> None:
    """Bars, the lines through them, and what the ends of the axis are."""
    shown, left, width = fonts.shown, PAD, page.width - 2 * PAD
    top = page.height + (fonts.line_px if chart.marks else 0.0)
    step = width / max(len(chart.bars), 1)
    page.bands.append((QRectF(left, top, width, CHART_PX), shown.window))
    for at, bar in enumerate(chart.bars):
        high = max(bar.share * (CHART_PX - 4), LEAST_BAR_PX) if bar.share > 0 else 0.0
        gap = BAR_GAP_PX if step > 3 else 0.0
        page.bands.append((QRectF(left + at * step, top + CHART_PX - high, step - gap, high), shown.accent))
        if bar.says:
            whole = QRectF(left + at * step, top, step, CHART_PX)
            spot = Spot(whole, bar.says, bar.event, says=bar.says, group=f"{CHART} {section.key}")
            page.spots.append(spot if bar.event is not None else replace(spot, by_key=False))
    metrics, free = QFontMetricsF(fonts.text), left
    for mark in chart.marks:
        x = left + mark.at * width
        page.bands.append((QRectF(x, top, LINE_PX, CHART_PX), shown.warning))
        wide = metrics.horizontalAdvance(mark.text) + 2
        begin = max(min(max(x - wide / 2, left), left + width - wide), free)
        if begin <= x + wide:
            page.words.append(
                Words(QRectF(begin, page.height, wide, fonts.line_px), mark.text, shown.warning, fonts.text)
            )
            free = begin + wide + 4
    if chart.cursor is not None:
        page.bands.append((QRectF(left + chart.cursor * width, top, LINE_PX, CHART_PX), shown.cursor))
    below = QRectF(left, top + CHART_PX, width, fonts.line_px)
    page.words.append(Words(below, chart.ends[0], shown.muted, fonts.text))
    page.words.append(Words(below, chart.ends[1], shown.muted, fonts.text, RIGHT))
    page.height = below.bottom() + 2
