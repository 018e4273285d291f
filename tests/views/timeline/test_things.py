"""What is under a point of the timeline, the most particular first: bookmark, exception, call, thread, moment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dags.analyses.detail import SPAN_DTYPE
from views.loop.events import SeekTo, Select
from views.loop.state import Bookmark, Selection
from views.metrics.layout import MetricLine
from views.reading.source import Names
from views.timeline.content import Content
from views.timeline.lanes import Lane
from views.timeline.pick import Hit
from views.timeline.things import FLAG_PX, Point, bookmark_at, things_at

NAMES = Names(None)
LANE = Lane(track_id=2, kind="thread", name="worker-1", y=0, height=40, rows=2, depth=2)
HIT = Hit(LANE, 500, 0, None, 0, 2)
CLICK = (Select(selection=Selection("track", 2, 2)),)


def test_a_point_of_the_lanes_is_a_thread_and_a_moment() -> None:
    thread, moment = things_at(Point("lanes", 500, HIT), Content.empty(), NAMES)
    assert (thread.kind, thread.id, thread.name, thread.click) == ("thread", 2, NAMES.track(2), CLICK)
    assert (moment.kind, moment.time_ns, moment.click) == ("moment", 500, (SeekTo(time_ns=500, visit=True),))


def test_the_gutter_has_no_moment_and_a_head_is_a_process() -> None:
    head = Lane(track_id=1, kind="process", name="orders 47", y=0, height=20, rows=0, depth=0, shape="head")
    [process] = things_at(Point("gutter", 500, Hit(head, 500, -1, None, 0, 1)), Content.empty(), NAMES)
    assert (process.kind, process.id) == ("process", 1)


def test_a_mark_of_an_exception_comes_before_the_call_and_leads_to_its_instant() -> None:
    span = np.zeros(1, SPAN_DTYPE)
    span["call_id"], span["track_id"], span["depth"], span["start_ns"], span["end_ns"] = 9, 2, 1, 400, 600
    content = replace(Content.empty(), spans=span)
    point = Point("lanes", 500, Hit(LANE, 500, 1, 0, 0, 2), exception_ns=490)
    exception, call, thread, moment = things_at(point, content, NAMES)
    assert [one.kind for one in (exception, call, thread, moment)] == ["exception", "call", "thread", "moment"]
    assert exception.click == (*CLICK, SeekTo(time_ns=490, visit=True))
    assert call.click == (Select(selection=Selection("call", 9, 2)), SeekTo(time_ns=500, visit=True))
    assert (call.depth, call.place, call.site_id) == (1, "", 0), "a function that is not known is said to be so"


def test_a_metric_says_its_value_there() -> None:
    line = MetricLine("threads", np.array([100, 450], np.int64), np.array([3.0, 4.0]))
    lane = Lane(track_id=0, kind="", name="Threads", y=0, height=22, rows=0, depth=0, shape="metric", metric="threads")
    metric, moment = things_at(Point("lanes", 500, Hit(lane, 500, -1, None)), Content.empty(), NAMES, line)
    assert (metric.kind, metric.name, metric.text, metric.time_ns) == ("metric", "Threads", "4", 500)
    assert moment.kind == "moment"


@pytest.mark.parametrize(
    ("x", "found"), [(100, 100), (100 + FLAG_PX[1], 100), (100 + FLAG_PX[0] - 1, None), (118, 120)]
)
def test_a_flag_is_meant_a_little_beside_its_instant_too(x: float, found: int | None) -> None:
    bookmarks = (Bookmark(time_ns=100, text="one"), Bookmark(time_ns=120))
    meant = bookmark_at(bookmarks, x, (0, 1_000), 1_000)
    assert (None if meant is None else meant.time_ns) == found


def test_a_bookmark_comes_first_and_has_its_note() -> None:
    point = Point("ruler", 505, bookmark=Bookmark(time_ns=500, end_ns=700, text="the stock goes wrong"))
    bookmark, moment = things_at(point, Content.empty(), NAMES)
    assert (bookmark.kind, bookmark.name, bookmark.time_ns, bookmark.end_ns) == (
        "bookmark",
        "the stock goes wrong",
        500,
        700,
    )
    assert moment.time_ns == 505
