"""Words of the timeline: views.timeline.scene says what one looks at, views.timeline.overlay what is left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter
from pytestqt.qtbot import QtBot

from capture.events.definitions import SiteRow, TrackRow
from dags.analyses.detail import GAP_DTYPE, SPAN_DTYPE
from dags.analyses.lod import Array
from tests.views.pictures import near
from views.drawing.theme import colours
from views.loop.state import Bookmark
from views.reading.source import Names
from views.timeline.content import Content
from views.timeline.lanes import Wanted, lanes_height, stacked
from views.timeline.layout import OVERVIEW, RULER, TOP
from views.timeline.overlay import Moving, paint_moving
from views.timeline.scene import Scene, SiteColours, captions, paint, without_calls

WIDTH = 900


def scene_of(content: Content, threads: tuple[int, int]) -> Scene:
    return Scene(
        width=WIDTH,
        height=300,
        ratio=1.0,
        lanes=(),
        visible_ns=(0, 8_080_000_000),
        range_ns=(0, 8_080_000_000),
        content=content,
        names=Names(None),
        theme="dark",
        threads=threads,
    )


@pytest.mark.parametrize(
    ("counts", "threads", "said"),
    [
        ([], (10, 10), ("8.08 s · every call · 10 of 10 threads", "8.08 s · 10 of 10 threads", "8.08 s · 10 of 10")),
        ([], (0, 0), ("8.08 s · every call", "8.08 s", "8.08 s")),
        (
            [(10, np.empty(0))],
            (3, 1_198),
            ("8.08 s · counts per 1.05 ms · 3 of 1 198 threads", "8.08 s · 3 of 1 198 threads", "8.08 s · 3 of 1 198"),
        ),
    ],
)
def test_the_caption_gives_up_words_before_it_gives_up_figures(
    counts: list[tuple[int, Array]], threads: tuple[int, int], said: tuple[str, ...]
) -> None:
    content = replace(Content.empty(), exact=not counts, counts=counts)
    words = captions(scene_of(content, threads))
    assert tuple(one.replace("\N{NARROW NO-BREAK SPACE}", " ").replace("\N{THIN SPACE}", " ") for one in words) == said


def test_what_is_left_out_gives_way_to_a_note_at_the_end_of_the_ruler(qtbot: QtBot) -> None:
    def ruler(bookmarks: tuple[Bookmark, ...], left_out: str) -> QImage:
        image = QImage(WIDTH, 200, QImage.Format.Format_RGB32)
        image.fill(colours("dark").window)
        painter = QPainter(image)
        paint_moving(painter, Moving((0, 1_000), (0, 1_000), 0, None, bookmarks, WIDTH, 200, left_out=left_out), "dark")
        painter.end()
        return image.copy(300, OVERVIEW, WIDTH - 300, RULER)

    words = "1 072 more arrows when zoomed in"
    muted = colours("dark").muted
    assert near(ruler((), words), muted, 40) > 100 > near(ruler((), ""), muted, 40)
    for late in (Bookmark(time_ns=900, text="stock goes below zero"), Bookmark(time_ns=950)):
        assert ruler((late,), words) == ruler((late,), "")
    early = (Bookmark(time_ns=100, text="first order"),)
    assert ruler(early, words) != ruler(early, "")


def test_lanes_without_a_call_say_so_and_what_to_do_but_never_of_what_is_not_known() -> None:
    empty = scene_of(Content.empty(), (3, 3))
    assert without_calls(empty).startswith("No call is recorded in what you see: show more of the time")
    assert without_calls(replace(empty, is_live=True)).startswith("No call yet")
    unknown = [
        replace(Content.empty(), missing=[1]),
        replace(Content.empty(), missing_calls=[1]),
        replace(Content.empty(), unread=[(0, 5)]),
        replace(Content.empty(), gaps=np.zeros(1, GAP_DTYPE)),
        replace(Content.empty(), spans=np.zeros(1, SPAN_DTYPE)),
    ]
    assert [without_calls(replace(empty, content=content)) for content in unknown] == [""] * len(unknown)


@pytest.mark.parametrize("width", [WIDTH, 460])
def test_why_nothing_is_there_is_written_beside_the_gutter_and_never_cut_by_it(qtbot: QtBot, width: int) -> None:
    scene = replace(scene_of(Content.empty(), (0, 0)), width=width)
    image = QImage(width, scene.height, QImage.Format.Format_RGB32)
    image.fill(colours("dark").panel)
    painter = QPainter(image)
    paint(painter, scene, SiteColours(scene.names, "dark", frozenset()))
    painter.end()
    below, muted = TOP + RULER, colours("dark").muted
    gutter = image.copy(0, below, scene.gutter + 4, scene.height - below)
    lanes = image.copy(scene.gutter + 4, below, scene.lanes_width - 4, scene.height - below)
    assert near(lanes, muted, 40) > 100
    assert near(gutter, muted, 40) == 0


def test_where_metrics_fill_the_room_the_sentence_stands_in_the_highest_lane(qtbot: QtBot) -> None:
    """Nothing is in any of them: what can be done about it has to be said somewhere."""
    rows = [TrackRow(track_id=1, process_id=1, kind="process"), TrackRow(track_id=2, process_id=1, name="main")]
    room = 300 - TOP
    lanes = stacked(rows, [], {2: 2}, room_px=room, metrics={"cpu_percent": "CPU"})
    assert lanes_height(lanes) == room
    picture = QImage(WIDTH, 300, QImage.Format.Format_RGB32)
    painter = QPainter(picture)
    empty = replace(scene_of(replace(Content.empty(), exact=True), (1, 1)), lanes=lanes)
    paint(painter, empty, SiteColours(Names(None), "dark", frozenset()))
    painter.end()
    thread = lanes[-1]
    box = (empty.gutter, TOP + thread.y, WIDTH - empty.gutter, thread.height)
    assert near(picture.copy(*box), colours("dark").muted, 60) > 100


def test_how_many_calls_lie_deeper_is_read_over_the_name_of_a_call_that_ends_there(qtbot: QtBot) -> None:
    """Names are painted at the left end of their calls, which may lie under the note."""
    rows = [TrackRow(track_id=1, process_id=1, kind="process"), TrackRow(track_id=2, process_id=1, name="main")]
    lanes = stacked(rows, [], {2: 90}, Wanted(focus=2), room_px=300 - TOP)
    lane = lanes[-1]
    spans = np.zeros(1, SPAN_DTYPE)
    spans["track_id"], spans["depth"], spans["site_id"] = 2, lane.rows - 1, 1
    late_ns = 8_080_000_000 * 8 // 10
    spans["start_ns"], spans["end_ns"] = late_ns, 8_080_000_000

    def painted(function: str) -> QImage:
        names = Names(None)
        names.sites[1] = SiteRow(1, function, "", "", 1)
        content = replace(Content.empty(), exact=True, spans=spans)
        picture = QImage(WIDTH, 300, QImage.Format.Format_RGB32)
        painter = QPainter(picture)
        shown = replace(scene_of(content, (1, 1)), lanes=lanes, names=names)
        paint(painter, shown, SiteColours(names, "dark", frozenset()))
        wide = painter.fontMetrics().horizontalAdvance(f"and {90 - lane.rows} deeper")
        painter.end()
        return picture.copy(WIDTH - wide - 4, TOP + round(lane.row_y(lane.rows - 1)), wide, round(lane.row_px) - 1)

    assert painted("a_function_with_a_name_that_is_long_enough") == painted("")
