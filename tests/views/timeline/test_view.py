"""The timeline as a person sees and uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from capture.session.session import Session
from tests.sessions import build_session
from tests.views.frames import frame, track
from views.drawing.theme import colours
from views.loop.choosing_lanes import FilterLanes, ShowAllLanes
from views.loop.events import Event, Pan, SeekTo, Select, Show, ToggleFold, Zoom
from views.loop.lane_choice import LaneChoice, in_lane_order
from views.loop.state import Assigns, Bookmark, Selection, SessionRef
from views.loop.stretch import PickStretch
from views.reading.opening import lanes_of
from views.reading.source import Source
from views.timeline.gutter import ends_words
from views.timeline.lanes import END_PX, Ends
from views.timeline.layout import GUTTER, MARGIN, OVERVIEW, RULER
from views.timeline.overlay import overview_colour
from views.timeline.state import EnlargeLane, KeepOpen, TimelineState, UnfoldMetrics
from views.timeline.view import TimelineView
from views.words.figures import duration_text

ALL = TimelineView.reads
LEFT = Qt.MouseButton.LeftButton


class Shown:
    """A timeline with a session, and what it sent."""

    def __init__(self, path: Path | None) -> None:
        self.session = Session.open(path) if path else None
        self.sent: list[Event] = []
        self.view = TimelineView(self.sent.append, Source(self.session))
        self.view.resize(1000, 400)
        self.view.show()
        whole = (0, self.session.end_ns) if self.session else (0, 0)
        ref = SessionRef(key=1, path=str(path), name="s") if self.session else None
        self.assigns = Assigns(session=ref, range_ns=whole, visible_ns=whole)
        self.patch()

    def patch(self, **fields: object) -> None:
        changed = frozenset(fields) if fields else ALL
        known = {name: value for name, value in fields.items() if name in Assigns.__struct_fields__}
        self.assigns = replace(self.assigns, **known)
        self.view.patch(self.assigns, changed)
        self.view.wait_until_loaded()

    def picture(self) -> QImage:
        made = QImage(self.view.size(), QImage.Format.Format_RGB32)
        self.view.render(made)
        return made

    def close(self) -> None:
        self.view.close()
        self.view.deleteLater()
        if self.session:
            self.session.close()


@pytest.fixture
def shown(tmp_path: Path, qapp: QApplication) -> Iterator[Shown]:
    made = Shown(build_session(tmp_path / "s.scope", 3_000, 2, seed=4, segments=5).path)
    yield made
    made.close()


def count_of(picture: QImage, colour: str, x: int, y: int, width: int, height: int) -> int:  # noqa: PLR0917
    wanted = QColor(colour).rgb()
    return sum(
        picture.pixel(column, row) == wanted
        for column in range(x, min(x + width, picture.width()))
        for row in range(y, min(y + height, picture.height()))
    )


def a_call(shown: Shown) -> tuple[int, QPoint]:
    """(row in the content, the middle of it on the screen) of the widest call of depth 1."""
    spans = shown.view.shown().spans
    low, high = shown.assigns.visible_ns
    inner = [
        at
        for at, (start_ns, end_ns, depth) in enumerate(spans[["start_ns", "end_ns", "depth"]].tolist())
        if depth == 1 and start_ns > low and end_ns < high
    ]
    best = max(inner, key=lambda at: int(spans["end_ns"][at] - spans["start_ns"][at]))
    middle = int(spans["start_ns"][best] + spans["end_ns"][best]) // 2
    return best, shown.view.point_of(int(spans["track_id"][best]), 1, middle)


def test_without_a_session_it_says_so(qapp: QApplication) -> None:
    empty = Shown(None)
    picture = empty.picture()
    assert count_of(picture, colours("dark").panel, 0, 0, 1000, 180) == 180_000
    assert count_of(picture, colours("dark").muted, 400, 190, 200, 20) > 8
    empty.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_lanes_overview_and_hatched_gaps_are_painted_in_both_themes(shown: Shown, theme: str) -> None:
    shown.patch(theme=theme)
    picture = shown.picture()
    palette = colours("dark" if theme == "dark" else "light")
    assert count_of(picture, overview_colour(palette), GUTTER, 0, 832, OVERVIEW) > 500
    lanes = shown.view.lanes()
    assert [lane.name for lane in lanes] == ["Memory", "orders.py 4711", "worker-2", "worker-3"]
    top = OVERVIEW + RULER + lanes[2].first_row_y
    seen = {picture.pixel(x, top + 3) for x in range(GUTTER, 1000)}
    assert len(seen) > 2
    assert count_of(picture, palette.warning, GUTTER, OVERVIEW + RULER, 832, 200) > 50


def test_the_cursor_moves_over_a_picture_that_stays(shown: Shown) -> None:
    shown.picture()
    before = shown.view._picture
    shown.view.patch(replace(shown.assigns, cursor_ns=shown.assigns.range_ns[1] // 2), {"cursor_ns"})
    x = GUTTER + shown.view.lanes_width() // 2
    assert count_of(shown.picture(), colours("dark").cursor, x - 1, 300, 3, 50) == 50
    assert shown.view._picture is before


def test_the_overview_stays_until_more_is_known_or_it_looks_otherwise(shown: Shown) -> None:
    shown.picture()
    pulled, before = shown.view.pulled, shown.view.pulled.overview
    painted = shown.view._top
    shown.view._loaded()  # as when calls have been read
    shown.picture()
    assert pulled.overview is before
    assert shown.view._top is painted
    shown.patch(theme="light")
    shown.picture()
    assert pulled.overview is before
    assert shown.view._top is not painted
    shown.patch(revision=1)
    assert pulled.overview is not before


def test_bookmarks_and_the_mark_are_on_ruler_and_overview(shown: Shown) -> None:
    end_ns = shown.assigns.range_ns[1]
    shown.patch(bookmarks=(Bookmark(time_ns=end_ns // 4, text="here"),), marked_ns=end_ns // 2, cursor_ns=end_ns)
    picture, dark = shown.picture(), colours("dark")
    x = round(shown.view.pointing().x_of(end_ns // 4))
    assert count_of(picture, dark.bookmark, x - 2, OVERVIEW + 1, 12, 12) > 20
    assert count_of(picture, dark.bookmark, x - 2, 0, 8, 6) > 15
    assert count_of(picture, dark.mark, GUTTER + shown.view.lanes_width() // 2 + 9, OVERVIEW, 100, 3) > 200


def test_a_click_on_a_call_selects_it_and_goes_there(shown: Shown) -> None:
    end_ns = shown.assigns.range_ns[1]
    shown.patch(visible_ns=(end_ns // 3, end_ns // 3 + end_ns // 40))
    assert shown.view.shown().exact
    at, point = a_call(shown)
    QTest.mouseClick(shown.view, LEFT, pos=point)
    span = shown.view.shown().spans[at]
    assert shown.sent[0] == Select(selection=Selection("call", int(span["call_id"]), int(span["track_id"])))
    moved = shown.sent[1]
    assert isinstance(moved, SeekTo) and moved.visit
    assert int(span["start_ns"]) <= moved.time_ns <= int(span["end_ns"])
    shown.patch(selection=Selection("call", int(span["call_id"]), int(span["track_id"])))
    around = count_of(shown.picture(), colours("dark").text, GUTTER, point.y() - 9, 832, 2)
    assert around > 4


def test_the_gutter_folds_and_picks_lanes(shown: Shown) -> None:
    metric, process, lane, _ = shown.view.lanes()
    for x, below in ((12, metric), (12, process), (12, lane), (90, lane)):
        QTest.mouseClick(shown.view, LEFT, pos=QPoint(x, OVERVIEW + RULER + below.y + 10))
    assert shown.sent == [
        UnfoldMetrics(),
        ToggleFold(track_id=1),
        KeepOpen(track_id=2),
        Select(selection=Selection("track", 2, 2)),
    ]
    shown.patch(folded=frozenset({1}))
    assert [lane.track_id for lane in shown.view.lanes()] == [-1, 1]


def test_the_ruler_scrubs_and_the_overview_moves_the_window(shown: Shown) -> None:
    end_ns = shown.assigns.range_ns[1]
    middle = GUTTER + shown.view.lanes_width() // 2
    QTest.mousePress(shown.view, LEFT, pos=QPoint(middle, OVERVIEW + 5))
    QTest.mouseMove(shown.view, QPoint(middle + 50, OVERVIEW + 5))
    QTest.mouseRelease(shown.view, LEFT, pos=QPoint(middle + 50, OVERVIEW + 5))
    first, second = shown.sent[0], shown.sent[-1]
    assert isinstance(first, SeekTo) and first.visit and abs(first.time_ns - end_ns // 2) < end_ns // 400
    assert isinstance(second, SeekTo) and not second.visit and second.time_ns > first.time_ns
    shown.patch(visible_ns=(0, end_ns // 10))
    QTest.mouseClick(shown.view, LEFT, pos=QPoint(middle, 10))
    window = shown.sent[-1]
    assert isinstance(window, Show) and window.range_ns is not None
    assert window.range_ns[1] - window.range_ns[0] == end_ns // 10
    assert abs(sum(window.range_ns) // 2 - end_ns // 2) < end_ns // 400


def test_dragging_lanes_pans_with_shift_picks_the_stretch_and_with_ctrl_shows_it(shown: Shown) -> None:
    y = OVERVIEW + RULER + 60
    QTest.mousePress(shown.view, LEFT, pos=QPoint(600, y))
    QTest.mouseMove(shown.view, QPoint(500, y))
    QTest.mouseRelease(shown.view, LEFT, pos=QPoint(500, y))
    assert shown.sent == [Pan(share=100 / shown.view.lanes_width())]
    shown.sent.clear()
    for held, event in ((Qt.KeyboardModifier.ShiftModifier, PickStretch), (Qt.KeyboardModifier.ControlModifier, Show)):
        shown.sent.clear()
        QTest.mousePress(shown.view, LEFT, held, QPoint(600, y))
        QTest.mouseMove(shown.view, QPoint(400, y))
        QTest.mouseRelease(shown.view, LEFT, held, QPoint(400, y))
        [sent] = shown.sent
        assert isinstance(sent, PickStretch | Show) and type(sent) is event
        assert sent.range_ns is not None and sent.range_ns[0] < sent.range_ns[1]


def test_a_picked_stretch_is_a_band_with_a_line_at_each_end(shown: Shown) -> None:
    end_ns = shown.assigns.range_ns[1]
    before = shown.picture()
    shown.patch(stretch_ns=(end_ns // 4, end_ns // 2))
    after = shown.picture()
    wide = shown.view.lanes_width()
    for left, right, differs in ((0.05, 0.2, False), (0.3, 0.45, True), (0.55, 0.95, False)):
        area = QRect(GUTTER + round(left * wide), OVERVIEW + RULER, round((right - left) * wide), 200)
        assert (before.copy(area) != after.copy(area)) is differs
    for end in (end_ns // 4, end_ns // 2):
        x = round(shown.view.pointing().x_of(end))
        assert count_of(after, colours("dark").accent, x - 1, OVERVIEW + RULER, 3, 200) >= 200


def test_ctrl_wheel_zooms_at_the_pointer(shown: Shown) -> None:
    middle = GUTTER + shown.view.lanes_width() // 2
    turned = QWheelEvent(
        QPointF(middle, 200),
        QPointF(middle, 200),
        QPoint(),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ControlModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(shown.view, turned)
    zoomed = shown.sent[0]
    assert isinstance(zoomed, Zoom) and zoomed.factor < 1 and zoomed.around_ns is not None
    assert abs(zoomed.around_ns - shown.assigns.range_ns[1] // 2) < shown.assigns.range_ns[1] // 400


def test_patching_sends_nothing(shown: Shown) -> None:
    end_ns = shown.assigns.range_ns[1]
    shown.patch(visible_ns=(end_ns // 2, end_ns), cursor_ns=end_ns // 2, focus_track_id=3, revision=1)
    shown.patch(search_sites=(3,), folded=frozenset({3}), theme="light")
    assert shown.sent == []


def test_a_growing_session_shows_its_new_end_without_losing_what_was_seen(tmp_path: Path, qapp: QApplication) -> None:
    path = build_session(tmp_path / "live.scope", 900, 2, segments=3, finish=False).path
    shown = Shown(path)
    assert shown.session is not None and shown.session.live
    before = shown.view.shown()
    assert before.exact and len(before.spans) > 100
    end_ns = shown.session.end_ns
    shown.view.pulled._loader = None  # as after a merge: all of it has to be read anew
    shown.assigns = replace(shown.assigns, revision=1, range_ns=(0, end_ns + 50), visible_ns=(0, end_ns + 50))
    shown.view.patch(shown.assigns, {"revision", "range_ns", "visible_ns"})
    assert shown.view.shown() is before
    shown.view.wait_until_loaded()
    assert not shown.view.is_reading
    assert shown.view.shown() is not before
    assert len(shown.view.shown().spans) == len(before.spans)
    shown.close()


def test_a_click_on_an_exception_leads_to_the_first_of_those_that_share_its_mark(shown: Shown) -> None:
    shown.picture()
    mark = next(one for one in shown.view._exceptions if one["count"] > 1)
    lane = shown.view._placed[int(mark["lane"])]
    at = QPoint(shown.view.gutter + int(mark["column"]) + 4, OVERVIEW + RULER + lane.y + lane.height - 4)
    assert shown.view.pointing().exception_at(at.x(), at.y()) == int(mark["time_ns"])
    QTest.mouseClick(shown.view, LEFT, pos=at)
    assert shown.sent[-1] == SeekTo(time_ns=int(mark["time_ns"]), visit=True)
    red = count_of(shown.picture(), colours("dark").hot, at.x() - 8, at.y() - 6, 8, 9)
    assert red >= 12
    assert shown.view.pointing().exception_at(at.x(), OVERVIEW + RULER + lane.y + 2) is None


def test_the_gutter_says_what_each_thread_does_at_the_cursor(shown: Shown) -> None:
    without = shown.picture()
    waits = track(2, status="waiting", wait_kind="lock", status_confidence="sampled")
    shown.patch(frame=frame(tracks=[waits]), focus_track_id=2)
    said = shown.view.accessibleDescription().split(", ")
    assert said[:3] == [f"cursor at {duration_text(0)}", "lane worker-2", "waiting for a lock"]
    assert said[3].endswith("/s")
    lane = next(lane for lane in shown.view.lanes() if lane.track_id == 2)
    area = QRect(0, OVERVIEW + RULER + lane.y, shown.view.gutter, lane.height)
    assert shown.picture().copy(area) != without.copy(area)


def test_a_kept_or_pinned_lane_is_so_until_it_is_let_go(shown: Shown) -> None:
    assert [lane.stays for lane in shown.view.lanes() if lane.track_id == 3] == [False]
    shown.patch(timeline=None, views=(TimelineState(pinned=frozenset({3}), kept_open=frozenset({2})),))
    lanes = {lane.track_id: lane for lane in shown.view.lanes()}
    assert (lanes[3].stays, lanes[2].kept_open) == (True, True)
    assert lanes[3].y < lanes[1].y < lanes[2].y


def test_the_filter_is_typed_in_the_gutter_and_says_how_many_threads_it_hides(shown: Shown) -> None:
    shown.patch(lanes=lanes_of(shown.view._source.names), focus_track_id=3)
    shown.view.filter.take_keyboard()
    [field] = shown.view.filter.findChildren(QLineEdit)
    QTest.keyClicks(field, "3")
    shown.patch(lane_choice=LaneChoice(text="3"))
    assert [lane.track_id for lane in shown.view.lanes()] == [-1, 1, 3]
    assert shown.view.ends() == Ends(left_out=1)
    assert ends_words(shown.view.ends())[1] == "1 hidden · click shows all"
    QTest.mouseClick(shown.view, LEFT, pos=QPoint(60, shown.view.height() - 5))
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert shown.sent == [FilterLanes(text="3"), ShowAllLanes(), FilterLanes(text="")]
    left: list[bool] = []
    shown.view.filter.left.connect(lambda: left.append(True))
    for key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Down):
        QTest.keyClick(field, key)
    assert left == [True] * 3


def test_the_order_of_the_lanes_is_the_one_of_the_state(shown: Shown) -> None:
    lanes = lanes_of(shown.view._source.names)
    shown.patch(lanes=in_lane_order(lanes, (1, 3, 2)), lane_choice=LaneChoice(ranked=(1, 3, 2)))
    assert [lane.track_id for lane in shown.view.lanes()] == [-1, 1, 3, 2]


def test_a_lane_s_edge_is_dragged_and_the_strips_lead_to_what_lies_beyond(shown: Shown) -> None:
    lane = next(lane for lane in shown.view.lanes() if lane.track_id == 2)
    edge = QPoint(60, OVERVIEW + RULER + lane.y + lane.height)
    QTest.mousePress(shown.view, LEFT, pos=edge)
    QTest.mouseMove(shown.view, edge + QPoint(0, 400))
    QTest.mouseRelease(shown.view, LEFT, pos=edge + QPoint(0, 400))
    assert shown.sent == [EnlargeLane(factor=(lane.height + 400) / lane.height, track_id=2)]
    shown.patch(timeline=None, views=(TimelineState(larger=((2, (lane.height + 400) / lane.height),)),))
    after = {lane.track_id: lane for lane in shown.view.lanes()}
    assert after[2].height == lane.height + 400
    assert shown.view.ends() == Ends(below=1)
    QTest.mouseClick(shown.view, LEFT, pos=QPoint(60, shown.view.height() - 5))
    assert shown.view.pose() > 100
    shown.patch(focus_track_id=3)
    below = shown.view.point_of(3, 0, 0).y()
    assert OVERVIEW + RULER < below < shown.view.height() - END_PX


def test_the_first_and_the_last_event_are_seen_and_can_be_picked(shown: Shown) -> None:
    end_ns, seen = shown.assigns.range_ns[1], shown.view.pointing()
    first, last = seen.x_of(0), seen.x_of(end_ns)
    right = shown.view.gutter + shown.view.lanes_width()
    assert (round(first - shown.view.gutter), round(right - last)) == (MARGIN, MARGIN)
    for x, there_ns in ((first, 0), (shown.view.gutter + 1, 0), (last, end_ns), (right - 2, end_ns)):
        for y in (5, OVERVIEW + 5):
            assert abs(shown.view.pointing().time_at(x, y) - there_ns) <= end_ns // 800
    shown.patch(visible_ns=(0, 2_000))
    spans = shown.view.shown().spans
    span = spans[spans["depth"] == 0][0]
    at = shown.view.point_of(int(span["track_id"]), 0, int(span["start_ns"]))
    assert at.x() >= shown.view.gutter + MARGIN
    hit = shown.view.pointing().hit(at.x() - 1, at.y())
    assert hit is not None and hit.span is not None
    middle = (end_ns // 3, end_ns // 2)
    shown.patch(visible_ns=middle)
    assert shown.view.drawn_ns() == middle


def test_a_click_on_a_metric_s_name_or_on_its_dot_leads_to_its_peak(shown: Shown) -> None:
    metric = shown.view.lanes()[0]
    line = shown.view.pulled.metrics[metric.metric]
    peak = line.peak(shown.assigns.visible_ns)
    assert peak is not None and peak[1] == max(line.values)
    y = OVERVIEW + RULER + metric.y + 10
    x = round(shown.view.pointing().x_of(peak[0]))
    for at in (QPoint(90, y), QPoint(x - 4, y)):
        QTest.mouseClick(shown.view, LEFT, pos=at)
    assert shown.sent == [SeekTo(time_ns=peak[0], visit=True)] * 2
    QTest.mouseClick(shown.view, LEFT, pos=QPoint(x - 60, y))
    moved = shown.sent[-1]
    assert isinstance(moved, SeekTo) and moved.time_ns < peak[0]


def test_the_focused_lane_stays_in_sight_while_lanes_become_higher_until_one_scrolls(shown: Shown) -> None:
    def is_seen(track_id: int) -> bool:
        lane = next((lane for lane in shown.view.pointing().lanes if lane.track_id == track_id), None)
        room = shown.view.height() - OVERVIEW - RULER
        return lane is not None and lane.y >= 0 and lane.y + lane.height <= room

    shown.patch(focus_track_id=3)
    assert is_seen(3)
    higher = TimelineState(larger=((2, 3.0),))
    shown.patch(timeline=None, views=(higher,))
    assert is_seen(3)
    shown.view.scroll_by(-10_000)
    assert shown.view.pose() == 0
    shown.patch(timeline=None, views=(TimelineState(larger=((2, 3.5),)),))
    assert shown.view.pose() == 0
    shown.patch(focus_track_id=2)
    shown.patch(focus_track_id=3)
    assert is_seen(3)
