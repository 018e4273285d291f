"""Where steps lead, against a plain walk over the events the session was built from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from capture.events.kinds import KINDS
from capture.session.session import Session
from tests.sessions import Truth, build_session
from views.loop.state import Over, Selection, Stride
from views.reading.source import Source
from views.reading.steps import (
    edge_end,
    event_place,
    least_seen_ns,
    sites_matching,
    span_of,
    step_target,
    stride_target,
)

OPENS, CLOSES = ({kind for kind in KINDS if kind.row.depth.step == step} for step in (1, -1))
TRACK = 2


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return build_session(tmp_path_factory.mktemp("finding") / "a.scope", events=600, tracks=3, segments=5)


@pytest.fixture
def source(truth: Truth) -> Iterator[Source]:
    with Session.open(truth.path) as session:
        yield Source(session)


def times(truth: Truth, track_id: int | None) -> list[int]:
    rows = zip(truth.events.time_ns.tolist(), truth.events.track_id.tolist(), strict=True)
    return sorted({time_ns for time_ns, track in rows if track_id is None or track == track_id})


@pytest.mark.parametrize("over", ["track", "all"])
@pytest.mark.parametrize("count", [1, 10, -1, -10])
def test_a_step_leads_to_that_many_events_away_across_segments(
    truth: Truth, source: Source, over: str, count: int
) -> None:
    known = times(truth, TRACK if over == "track" else None)
    for cursor_ns in [*known[::17], known[0], known[-1], known[40] + 1]:
        ahead = [t for t in known if t > cursor_ns] if count > 0 else [t for t in known if t < cursor_ns][::-1]
        expected = ahead[min(abs(count), len(ahead)) - 1] if ahead else cursor_ns
        found_ns = step_target(source, cursor_ns, TRACK, count, "track" if over == "track" else "all")
        assert found_ns == expected


@pytest.mark.parametrize("over", ["track", "all", "calls"])
@pytest.mark.parametrize("count", [1, 10, -1, -10])
def test_a_held_key_moves_no_less_than_can_be_seen_while_there_is_anything(
    truth: Truth, source: Source, over: Over, count: int
) -> None:
    known = times(truth, None if over == "all" else TRACK)
    least_ns = abs(count) * least_seen_ns((known[0], known[-1] * 12))
    assert least_ns > 2 * (known[30] - known[29])
    moved = 0
    for cursor_ns in [*known[::7], known[0], known[-1]]:
        found_ns = stride_target(source, cursor_ns, TRACK, Stride(count, over, held=True), least_ns)
        once_ns = step_target(source, cursor_ns, TRACK, count, over)
        beyond = [t for t in known if (t - cursor_ns >= least_ns if count > 0 else cursor_ns - t >= least_ns)]
        assert (found_ns - cursor_ns) * count >= 0
        assert abs(found_ns - cursor_ns) >= abs(once_ns - cursor_ns)
        if abs(found_ns - cursor_ns) < least_ns:
            assert found_ns == once_ns
            assert over == "calls" or not beyond
        elif over != "calls" and found_ns != once_ns:
            assert found_ns == (min(beyond) if count > 0 else max(beyond))
            moved += 1
    assert moved > 5 or over == "calls"
    assert stride_target(source, known[40], TRACK, Stride(count, over), 0) == step_target(
        source, known[40], TRACK, count, over
    )


@pytest.mark.parametrize("count", [1, -1])
def test_a_step_over_calls_lands_no_deeper_than_it_began(truth: Truth, source: Source, count: int) -> None:
    depth, depths = 0, []
    for time_ns, kind, track in zip(truth.events.time_ns, truth.events.kind, truth.events.track_id, strict=True):
        if int(track) == TRACK and (kind in OPENS or kind in CLOSES):
            depth += 1 if kind in OPENS else -1
            depths.append((int(time_ns), depth))
    ends = {1: depths[-1][0], -1: source.session.start_ns if source.session else 0}
    for at in range(0, len(depths), 7):
        cursor_ns, here = depths[at]
        candidates = depths[at + 1 :] if count > 0 else depths[:at][::-1]
        expected = next((time_ns for time_ns, depth in candidates if depth <= here), None)
        found_ns = step_target(source, cursor_ns, TRACK, count, "calls")
        assert found_ns == (expected if expected is not None else found_ns)
        if expected is None:
            assert found_ns in {cursor_ns, ends[count]}


def test_a_step_on_a_track_without_events_stays(source: Source) -> None:
    assert step_target(source, 5_000, 99, 1, "track") == 5_000
    assert step_target(source, 5_000, 99, -1, "calls") == 5_000


def test_without_a_session_there_is_nothing_to_find() -> None:
    nothing = Source()
    assert step_target(nothing, 7, TRACK, 1, "all") == 7
    assert span_of(nothing, Selection("track", TRACK), 0) is None
    assert edge_end(nothing, 0, TRACK, 1) is None
    assert event_place(nothing, 1) is None
    assert sites_matching(nothing.names, "put") == ()
    assert len(nothing.events_between(None, 0, 10)) == 0
    assert len(nothing.calls_between(0, 10)) == 0


def test_functions_are_found_by_any_part_of_their_name(source: Source) -> None:
    def found(text: str) -> list[str]:
        return [source.names.site(site_id) for site_id in sites_matching(source.names, text)]

    assert found("STORE.") == ["Store.get", "Store.put"]
    assert found("put") == ["Store.put"]
    assert found("orders.parse") == ["parse"]
    assert found("  ") == found("nowhere") == []


def test_a_call_is_as_long_as_its_row_says(truth: Truth, source: Source) -> None:
    session = source.session
    assert session is not None
    for call in truth.tables["calls"].to_pylist()[::23]:
        span = span_of(source, Selection("call", call["call_id"], call["track_id"]), call["start_ns"])
        assert span == (call["start_ns"], session.end_ns if call["end_ns"] is None else call["end_ns"])
    assert span_of(source, Selection("track", TRACK), 0) == (session.start_ns, session.end_ns)
    assert span_of(source, Selection("site", 1), 0) is None
    assert span_of(source, Selection("track", 99), 0) is None


def test_every_event_has_its_place(truth: Truth, source: Source) -> None:
    for row in range(0, len(truth.events), 50):
        expected = (int(truth.events.time_ns[row]), int(truth.events.track_id[row]))
        assert event_place(source, truth.events.first_event_id + row) == expected
    assert event_place(source, 10**9) is None


def test_an_edge_leads_from_its_effect_to_its_cause_and_back(truth: Truth, source: Source) -> None:
    edge = truth.tables["edges"].to_pylist()[2]
    cause, effect = event_place(source, edge["cause_event_id"]), event_place(source, edge["effect_event_id"])
    assert cause is not None
    assert effect is not None
    assert edge_end(source, effect[0], effect[1], -1) == (*cause, edge["cause_event_id"])
    assert edge_end(source, cause[0], cause[1], 1) == (*effect, edge["effect_event_id"])
    assert edge_end(source, 0, 99, 1) is None


def test_events_between_are_those_of_the_stretch_and_the_track(truth: Truth, source: Source) -> None:
    start_ns, end_ns = int(truth.events.time_ns[100]), int(truth.events.time_ns[400])
    everything = source.events_between(None, start_ns, end_ns)
    assert everything.time_ns.tolist() == truth.events.time_ns[100:401].tolist()
    own = source.events_between(TRACK, start_ns, end_ns)
    rows = [row for row in range(100, 401) if truth.events.track_id[row] == TRACK]
    assert own.time_ns.tolist() == truth.events.time_ns[rows].tolist()
    assert [own.value_of(at) for at in range(len(own))] == [truth.events.value_of(row) for row in rows]


def test_a_closed_session_answers_with_nothing(truth: Truth) -> None:
    session = Session.open(truth.path)
    source = Source(session)
    source.show(None)
    session.close()
    assert len(source.events_between(None, 0, 10**9)) == 0
    assert source.names.track(5) == "track 5"


def test_a_pinned_source_goes_on_with_the_segments_it_had(truth: Truth, source: Source) -> None:
    pinned = source.pinned()
    start_ns, end_ns = int(truth.events.time_ns[0]), int(truth.events.time_ns[-1])
    source.show(None)
    assert len(source.events_between(None, start_ns, end_ns)) == 0
    assert pinned.events_between(None, start_ns, end_ns).time_ns.tolist() == truth.events.time_ns.tolist()
    assert step_target(pinned, start_ns, TRACK, 10**6, "all") == end_ns
