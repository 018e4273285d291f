"""What made what possible across lanes, against the session's own edges and events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage, QPainter

from capture.events.batch import make_batch
from capture.events.kinds import Kind
from capture.session.rows import as_table
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.analyses.detail_reader import DetailReader
from dags.analyses.lod import Array
from tests.sessions import SESSION_ID
from views.drawing.theme import DARK
from views.reading.worker_pool import WorkerPool
from views.timeline.arrows import ARROW_DTYPE, KINDS, MAX_ARROWS, arrows_in_sight, arrows_of
from views.timeline.arrows_scene import left_out_text, paint_arrows
from views.timeline.content import Loader, content_of
from views.timeline.lanes import Lane
from views.timeline.layout import GUTTER

EDGES = [
    {"cause_event_id": 2, "effect_event_id": 3, "kind": "start"},
    {"cause_event_id": 3, "effect_event_id": 5, "kind": "overwrites"},
    {"cause_event_id": 1, "effect_event_id": 2, "kind": "overwrites"},
    {"cause_event_id": 4, "effect_event_id": 6, "kind": "join"},
]
TRACKS = np.array([2, 2, 3, 4, 2, 3], np.int32)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """Six events on three tracks in two segments, 100 ns apart, and the edges between them."""
    store = SegmentStore.create(tmp_path / "s.scope", {"session_id": SESSION_ID, "created_real_ns": 1}, sync=False)
    store._may_merge = False
    times = np.arange(1, 7, dtype=np.int64) * 100
    batch = make_batch(1, times, np.full(6, Kind.STATE, np.uint8), TRACKS)
    for low, high in ((0, 3), (3, 6)):
        edges = [edge for edge in EDGES if low < int(str(edge["effect_event_id"])) <= high]
        store.seal(batch.slice(low, high), {"edges": as_table("edges", edges)}, end_ns=high * 100)
    store.finish()
    with Session.open(tmp_path / "s.scope") as opened:
        yield opened


def found(session: Session, index: int) -> list[tuple[int, ...]]:
    rows: list[tuple[int, ...]] = arrows_of(session, index, session.events(index, ("time_ns", "track_id"))).tolist()
    return rows


def test_arrows_are_the_stored_edges_between_different_tracks(session: Session) -> None:
    assert found(session, 0) == [(200, 300, 2, 3, KINDS.index("start"))]


def test_a_cause_in_an_earlier_segment_is_looked_up_there(session: Session) -> None:
    assert found(session, 1) == [
        (300, 500, 3, 2, KINDS.index("overwrites")),
        (400, 600, 4, 3, KINDS.index("join")),
    ]


def test_the_timeline_has_the_arrows_of_all_that_it_shows(session: Session) -> None:
    loader = Loader(DetailReader(session), lambda: None, WorkerPool())
    shown = content_of(loader, (0, 700), 100)
    while loader.want(shown.missing, shown.missing_calls):
        loader.wait()
        shown = content_of(loader, (0, 700), 100)
    assert shown.arrows["effect_ns"].tolist() == [300, 500, 600]


OVERWRITES = KINDS.index("overwrites")


def made(*ends: tuple[int, int, int, int], kind: int = 0) -> Array:
    return np.array([(*one, kind) for one in ends], ARROW_DTYPE)


def test_only_arrows_of_the_visible_stretch_are_in_sight() -> None:
    arrows = made((0, 10, 1, 2), (5, 60, 1, 2), (70, 80, 1, 2))
    seen, more = arrows_in_sight(arrows, (20, 65), 1)
    assert (seen["effect_ns"].tolist(), more) == ([60], 0)


def test_of_too_many_starts_and_those_of_the_focused_lane_stay_and_the_rest_is_counted() -> None:
    many = made(*((at, at + 1, 2, 3) for at in range(MAX_ARROWS)), (5, 9, 7, 2), kind=OVERWRITES)
    arrows = np.concatenate([many, made((6, 9, 1, 3))])
    seen, more = arrows_in_sight(arrows, (0, 10_000), 7)
    assert (seen["cause_track"].tolist(), more) == ([7, 1], MAX_ARROWS)
    assert left_out_text(more).startswith(f"{MAX_ARROWS} more arrows")
    assert left_out_text(0) == ""


def test_a_lane_with_too_many_of_its_own_shows_the_starts_alone_and_never_a_part() -> None:
    many = made(*((at, at + 1, 2, 3) for at in range(MAX_ARROWS + 1)), kind=OVERWRITES)
    seen, more = arrows_in_sight(np.concatenate([many, made((6, 9, 1, 3))]), (0, 10_000), 2)
    assert (seen["cause_track"].tolist(), more) == ([1], MAX_ARROWS + 1)
    seen, more = arrows_in_sight(made(*((at, at + 1, 2, 3) for at in range(MAX_ARROWS + 1))), (0, 10_000), 2)
    assert (len(seen), more) == (0, MAX_ARROWS + 1)


def lane(track_id: int, y: int) -> Lane:
    return Lane(track_id=track_id, kind="thread", name="t", y=y, height=30, rows=1, depth=1)


def test_an_arrow_leads_from_lane_to_lane_and_points_at_the_effect() -> None:
    picture = QImage(GUTTER + 100, 120, QImage.Format.Format_RGB32)
    picture.fill(QColor("black"))
    painter = QPainter(picture)
    lanes = [lane(1, 0), lane(2, 80)]
    paint_arrows(
        painter, made((50, 50, 1, 2), (0, 99, 1, 9)), lanes, (0, 100), (GUTTER, 100), shown=DARK, focus_track_id=1
    )
    painter.end()

    def ink(area: QRect) -> int:
        points = [(x, y) for x in range(area.left(), area.right()) for y in range(area.top(), area.bottom())]
        return sum(picture.pixelColor(x, y).lightness() > 60 for x, y in points)

    assert ink(QRect(GUTTER + 45, 35, 10, 40)) > 30
    assert ink(QRect(GUTTER + 45, 72, 10, 12)) > ink(QRect(GUTTER + 45, 45, 10, 12))  # the head is wider than the line
    assert ink(QRect(GUTTER + 60, 0, 40, 120)) == 0  # the other one leads to a lane that is not there
