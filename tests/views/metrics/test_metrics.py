"""Samples as lines, with worked values, and the strip as it is seen."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from capture.events import metrics
from capture.events.metrics import METRICS, Metric
from capture.session.session import Session
from tests.sessions import build_session
from views.drawing.theme import colours, number_font, text_font
from views.loop.events import Event, SeekTo
from views.loop.state import Assigns, SessionRef
from views.metrics.layout import GUTTER, VALUE_PX, MetricLine, columns, metric_lines, round_above, row_tops
from views.metrics.scene import FONT_POINTS, corners
from views.metrics.view import MetricsView
from views.reading.source import Source
from views.words.figures import THIN


def line(*points: tuple[int, float], name: str = "threads") -> MetricLine:
    times, values = zip(*points, strict=True)
    return MetricLine(name, np.array(times, np.int64), np.array(values, float))


def test_processes_add_up_and_stop_counting_when_they_end() -> None:
    samples = {"threads": (np.array([10, 10, 20]), np.array([1, 2, 1]), np.array([5.0, 7.0, 6.0]))}
    (found,) = metric_lines(samples, {2: 15, 3: 12})
    assert list(zip(found.times_ns.tolist(), found.values.tolist(), strict=True)) == [(10, 12), (15, 5), (20, 6)]


@given(st.data())
def test_the_most_of_any_process_is_that_of_a_replay(data: st.DataObject) -> None:
    """Against the obvious way: every process's latest value at every instant."""
    rows = data.draw(st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5), st.integers(0, 9)), min_size=1))
    ends = data.draw(st.dictionaries(st.integers(1, 5), st.integers(0, 14)))
    expected: dict[int, float] = {}
    changes = [(at, process, float(value)) for at, process, value in rows if at < ends.get(process, 99)]
    changes += [(at, process, -1.0) for process, at in ends.items() if process in {process for _, process, _ in rows}]
    now: dict[int, float] = {}
    for at, process, value in sorted(changes, key=lambda row: row[0]):
        now[process] = value
        expected[at] = max(now.values())
    expected = {at: np.nan if value < 0 else value for at, value in expected.items()}
    times, processes, values = (np.array(column) for column in zip(*rows, strict=True))
    with patch.object(metrics, "METRICS", (Metric(name="longest", title="Longest", unit="count", together="max"),)):
        found = metric_lines({"longest": (times, processes, values.astype(float))}, ends)
        assert all(one.told(0).endswith("the most that a recorded process had") for one in found)
    seen = {at: value for one in found for at, value in zip(one.times_ns.tolist(), one.values.tolist(), strict=True)}
    if np.isfinite(list(expected.values())).any():
        assert list(seen) == sorted(expected)
        assert np.array_equal(list(seen.values()), [expected[at] for at in seen], equal_nan=True)
    else:
        assert not found


def test_a_sample_that_comes_after_the_end_does_not_revive_a_process() -> None:
    samples = {"threads": (np.array([10, 20]), np.array([1, 1]), np.array([5.0, 6.0]))}
    (found,) = metric_lines(samples, {1: 20})
    assert np.array_equal(found.values, [5, np.nan], equal_nan=True)


def test_the_end_of_all_processes_is_no_figure_and_spoils_no_scale() -> None:
    samples = {"rss_bytes": (np.array([10, 20, 30]), np.array([1, 2, 1]), np.array([500e6, 100e6, 510e6]))}
    (found,) = metric_lines(samples, {1: 50, 2: 40})
    assert np.array_equal(found.values, [500e6, 600e6, 610e6, 510e6, np.nan], equal_nan=True)
    assert found.bounds((0, 90)) == (500e6, 610e6)
    assert found.peak((0, 90)) == (30, 610e6)
    assert found.peak((50, 90)) is found.bounds((60, 90)) is None
    assert (found.text_at(5), found.text_at(45), found.text_at(50)) == ("not sampled", found.text(510e6), "ended")
    low, high = columns(found, (0, 100), 10)
    assert np.isnan([low[0], high[0], *low[6:], *high[6:]]).all()
    assert (low[5], high[5]) == (510e6, 510e6)  # where it ends it still comes from there
    assert metric_lines({"rss_bytes": (np.array([60]), np.array([1]), np.array([5.0]))}, {1: 50}) == []


def test_a_level_line_is_painted_from_its_ends_alone() -> None:
    x, y = corners(np.arange(6.0), np.array([5.0, 5.0, 5.0, 9.0, 4.0, 4.0]))
    assert list(zip(x.tolist(), y.tolist(), strict=True)) == [(0, 5), (2, 5), (3, 9), (4, 4), (5, 4)]
    assert [part.tolist() for part in corners(np.array([3.0]), np.array([1.0]))] == [[3], [1]]


def test_known_metrics_come_first_and_unknown_ones_keep_their_name() -> None:
    one = (np.array([1]), np.array([1]), np.array([2048.0]))
    found = metric_lines({"queue_length": one, "rss_bytes": one, "cpu_percent": one}, {})
    assert [line.title for line in found] == ["CPU", "Memory", "queue length"]
    assert found[1].text(found[1].at(5)).startswith("2")
    assert found[1].text(found[1].at(0)) == "not sampled"


def test_a_column_shows_the_least_and_the_most_and_carries_values_on() -> None:
    low, high = columns(line((5, 2), (41, 9), (45, 1), (49, 4), (200, 7)), (0, 100), 10)
    assert low.tolist() == [2, 2, 2, 2, 1, 4, 4, 4, 4, 4]
    assert high.tolist() == [2, 2, 2, 2, 9, 4, 4, 4, 4, 4]


def test_before_the_first_sample_nothing_is_shown() -> None:
    low, high = columns(line((55, 2)), (0, 100), 10)
    assert np.isnan(high[:5]).all() and (low[5:] == 2).all()
    low, _ = columns(line((55, 2)), (0, 50), 10)
    assert np.isnan(low).all()


def test_every_known_metric_says_what_it_is_and_what_it_was_at_an_instant() -> None:
    for metric in METRICS:
        if metric.together != "none":
            told = line((10, 5.0), name=metric.name).told(20)
            assert told.startswith(metric.title) and metric.says in told
    assert "not sampled" in line((10, 5.0), name="queue_length").told(5)


def test_the_title_of_every_metric_has_room_beside_the_longest_value(qapp: QApplication) -> None:
    titles, values = QFontMetricsF(text_font(FONT_POINTS)), QFontMetricsF(number_font(FONT_POINTS))
    one = line((10, 1023.0 * 2**20), name="rss_bytes")
    assert max(values.horizontalAdvance(text) for text in (one.text_at(0), one.text_at(20))) <= VALUE_PX
    shown = [metric for metric in METRICS if metric.together != "none"]
    assert all(titles.horizontalAdvance(metric.title) <= GUTTER - VALUE_PX - 8 for metric in shown)


def test_rows_share_the_height() -> None:
    few = [line((1, 1)), line((1, 1))]
    assert row_tops(few, 100) == [(0, 50), (50, 50)]
    assert row_tops([], 100) == []


def test_the_strip_shows_memory_and_its_value_at_the_cursor(tmp_path: Path, qapp: QApplication) -> None:
    sent: list[Event] = []
    with Session.open(build_session(tmp_path / "s.scope", 2_000, 2).path) as session:
        view = MetricsView(sent.append, Source(session))
        view.resize(800, 80)
        view.show()
        whole = (0, session.end_ns)
        assigns = Assigns(
            session=SessionRef(key=1, path="s", name="s"), range_ns=whole, visible_ns=whole, cursor_ns=session.end_ns
        )
        view.patch(assigns, MetricsView.reads)
        view.wait_until_loaded()
        (memory,) = view.lines()
        assert memory.values.tolist() == [1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3]
        picture = QImage(view.size(), QImage.Format.Format_RGB32)
        view.render(picture)
        accent = QColor(colours("dark").accent)
        near = sum(_is_near(picture.pixelColor(x, y), accent) for x in range(GUTTER, 800) for y in range(80))
        assert near > 200
        view.patch(replace(assigns, theme="light", cursor_ns=0), {"theme", "cursor_ns"})
        view.render(picture)
        assert picture.pixelColor(GUTTER + 40, 60).name() == colours("light").panel
        assert "not sampled" in view.accessibleDescription()
        QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(GUTTER + (800 - GUTTER) // 2, 40))
        moved = sent[0]
        assert isinstance(moved, SeekTo) and moved.visit
        assert abs(moved.time_ns - session.end_ns // 2) < session.end_ns // 50
        view.close()
        view.shut()


def _is_near(one: QColor, other: QColor) -> bool:
    return abs(one.red() - other.red()) + abs(one.green() - other.green()) + abs(one.blue() - other.blue()) < 60


def test_a_scale_ends_at_a_round_value_with_air_above_the_line() -> None:
    assert [round_above(most, 1) for most in (0.0, 0.95, 4.6, 16, 31, 91, 727)] == [1, 2, 10, 20, 50, 200, 1000]
    assert [round_above(mib * 2**20, 2**20, is_size=True) / 2**20 for mib in (0.5, 75.5, 450, 1_010)] == [
        1,
        100,
        500,
        2048,
    ]


MIB, MINUTE = 1 << 20, 60_000_000_000


def test_a_steady_growth_is_told_by_the_minute_and_noise_is_not() -> None:
    grows = line(*((at * MINUTE // 10, 100 * MIB + at * 3 * MIB) for at in range(11)), name="rss_bytes")
    assert grows.slope_text((0, MINUTE)) == (f"+30{THIN}MiB/min ▲", True)
    shrinks = line(*((at * MINUTE // 10, 200 * MIB - at * MIB) for at in range(11)), name="rss_bytes")
    assert shrinks.slope_text((0, MINUTE)) == (f"\N{MINUS SIGN}10{THIN}MiB/min ▼", False)
    swings = line(*((at * MINUTE // 10, 100 * MIB + (at % 2) * 9 * MIB) for at in range(11)), name="rss_bytes")
    assert swings.slope_text((0, MINUTE)) == ("", False)
    level = line(*((at * MINUTE // 10, 100 * MIB) for at in range(11)), name="rss_bytes")
    assert level.slope_text((0, MINUTE)) == ("", False)
    few = line((0, MIB), (MINUTE, 90 * MIB), name="rss_bytes")
    assert few.slope_text((0, MINUTE)) == ("", False)


def test_where_little_is_visible_the_minute_before_says_how_it_grows() -> None:
    grows = line(*((at * MINUTE // 10, 100 * MIB + at * 3 * MIB) for at in range(11)), name="rss_bytes")
    assert grows.slope_text((MINUTE - 10, MINUTE)) == grows.slope_text((0, MINUTE))


def test_a_lane_is_scaled_from_the_least_to_the_most_that_is_visible() -> None:
    held = line((0, 5.0), (10, 50.0), (20, 8.0), (30, 6.0))
    assert held.bounds((15, 40)) == (6.0, 50.0)
    assert held.bounds((25, 28)) == (7.0, 9.0)
    assert line((100, 5.0)).bounds((0, 50)) is None
    assert line((0, 20.0), name="cpu_percent").bounds((0, 50)) == (0.0, 100.0)
    assert line((0, 98.0 * MIB), (5, 99.5 * MIB), name="rss_bytes").between_text((98.0 * MIB, 99.5 * MIB)) == (
        f"98 … 99.5{THIN}MiB"
    )


def test_the_peak_is_the_first_of_the_highest_samples_and_of_what_is_visible() -> None:
    held = line((0, 5.0), (10, 50.0), (20, 8.0), (30, 50.0))
    assert held.peak((0, 40)) == (10, 50.0)
    assert held.peak((12, 25)) == (12, 50.0)
    assert held.peak((22, 25)) == (22, 8.0)
    assert line((100, 5.0)).peak((0, 50)) is None
    assert "peak of what is visible: 50 at 10" in held.told(25, (0, 40))
