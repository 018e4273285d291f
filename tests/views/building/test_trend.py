"""How quantities go through the visible stretch, looked at in a bounded number of moments."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.views.building.houses import begun
from tests.views.frames import SECOND_NS, built_session, calls_of
from views.building.moments import Moments, look_ahead, moments_of_view
from views.building.trend import LEAST_FOR_SLOPE, MOMENTS, NO_TREND, Moment, Trend, moment_at, moments_of, summed_up
from views.loop.state import Assigns
from views.reading.source import Source


def trend_of(*totals: int) -> Trend:
    return Trend(
        tuple(Moment(at * SECOND_NS, {"calls": total}, {"calls": {2: total, 3: 5}}) for at, total in enumerate(totals))
    )


def test_the_slope_is_that_of_a_line_through_all_moments() -> None:
    assert trend_of(10, 20, 30, 40, 50).per_minute("calls", {2}) == pytest.approx(600)
    assert trend_of(10, 20, 30, 40, 50).per_minute("calls", {3}) == pytest.approx(0)
    assert trend_of(50, 40, 30, 20, 10).per_minute("calls", {2, 3}) == pytest.approx(-600)
    assert trend_of(10, 90, 10, 90, 10).per_minute("calls", {2}) == pytest.approx(0)


def test_of_too_few_moments_no_slope_is_told() -> None:
    assert trend_of(*range(LEAST_FOR_SLOPE - 1)).per_minute("calls", {2}) is None
    assert NO_TREND.peak("calls") == 0


def test_the_peak_is_the_highest_room_of_all_moments() -> None:
    assert trend_of(10, 90, 20).peak("calls") == 90
    assert trend_of(10).peak("bytes") == 0


def test_a_moment_sums_up_each_measure_by_thread() -> None:
    rows = [*begun(3, 2, 1, 100, 10), *begun(4, 2, 2, 200, 10), *begun(5, 3, 1, 300, 10)]
    moment = summed_up(calls_of(rows, None, 0, 10_000))
    assert moment.totals["calls"] == {2: 7, 3: 5}
    assert moment.totals["time"] == {2: 70, 3: 50}
    assert moment.highest == {"calls": 5, "time": 50, "cpu": 50}


def test_moments_are_bounded_and_each_has_a_whole_stretch_before_it() -> None:
    for end_ns in (10**9, 10**12, 10**15):
        found = moments_of((0, end_ns), 0, 10**8)
        assert len(found) <= MOMENTS
        assert min(found) >= 10**8
        assert found[-1] == end_ns
    assert moments_of((0, 10**7), 0, 10**8) == ()


def test_a_session_is_looked_at_in_the_background_and_each_moment_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("views.reading.recent_calls.WINDOWS_NS", (20_000,))
    looked: list[int] = []

    def counted(source: Source, time_ns: int) -> Moment:
        looked.append(time_ns)
        return moment_at(source, time_ns)

    monkeypatch.setattr("views.building.moments.moment_at", counted)
    session, source = built_session(tmp_path)
    told: list[bool] = []
    with session:
        moments = Moments(source, lambda: told.append(True))
        visible = session.start_ns, session.end_ns
        for _ in range(2):
            moments.want(visible)
            moments.wait()
        trend = moments.trend
        assert [moment.time_ns for moment in trend.moments] == looked == sorted(set(looked))
        assert len(looked) > LEAST_FOR_SLOPE
        assert trend.peak("calls") > 0
        assert trend.per_minute("calls", {2, 3}) is not None
        assert told == [True]
        moments.close()
        moments.follow(session)
        assert moments.trend == trend
        moments.follow(None)
        assert moments.trend == NO_TREND


def test_what_was_looked_at_before_there_was_a_view_is_not_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("views.reading.recent_calls.WINDOWS_NS", (20_000,))
    session, source = built_session(tmp_path)
    with session:
        visible = session.start_ns, session.end_ns
        close = look_ahead(source, Assigns(visible_ns=visible))
        moments = moments_of_view(source, lambda: None)
        moments.wait()
        known = moments.trend
        assert len(known.moments) > LEAST_FOR_SLOPE
        monkeypatch.setattr("views.building.moments.moment_at", lambda source, time_ns: pytest.fail("looked again"))
        moments.follow(session)
        moments.want(visible)
        moments.wait()
        assert moments.trend == known
        assert moments_of_view(source, lambda: None) is not moments
        close()


def test_looking_that_was_ended_goes_on_where_the_same_is_wanted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A panel that was hidden meanwhile had a scale of the moments looked at until then."""
    monkeypatch.setattr("views.reading.recent_calls.WINDOWS_NS", (20_000,))
    session, source = built_session(tmp_path)
    looked: list[int] = []

    def ended_after_the_first(source: Source, time_ns: int) -> Moment:
        looked.append(time_ns)
        if len(looked) == 1:
            moments._missing.clear()  # as `close` does, but for waiting for this very thread
        return moment_at(source, time_ns)

    monkeypatch.setattr("views.building.moments.moment_at", ended_after_the_first)
    with session:
        moments = Moments(source, lambda: None)
        for count in (1, MOMENTS):
            moments.want((session.start_ns, session.end_ns))
            moments.wait()
            assert len(moments.trend.moments) == min(count, len(looked))
        assert len(looked) == len(set(looked)) > LEAST_FOR_SLOPE
        moments.close()
