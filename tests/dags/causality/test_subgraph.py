"""A neighbourhood of events has the edges that the tables hold, and program order across segments."""

from pathlib import Path

import pytest

from capture.errors import SessionProblem
from capture.events.kinds import Kind
from capture.session.session import Session
from dags.causality.subgraph import edges_of, neighbourhood
from tests.dags.frame.test_reader import seal, story
from tests.damaged import flip_bit


def test_the_neighbourhood_of_a_join_reaches_back_to_the_start(tmp_path: Path) -> None:
    with seal(tmp_path / "s.scope", story(), segment_events=1000) as session:
        batch = session.events(0)
        joins = [n + 1 for n, kind in enumerate(batch.kind.tolist()) if kind == Kind.JOIN_END]
        starts = [n + 1 for n, kind in enumerate(batch.kind.tolist()) if kind == Kind.THREAD_START]
        assert {edge.kind for edge in edges_of(session, joins[0])} == {"order", "join"}
        graph = neighbourhood(session, joins[0], steps=12)
        assert graph.nodes[joins[0]]["distance"] == 0
        assert starts[0] in graph
        assert {kind for _, _, kind in graph.edges(data="kind")} == {"order", "join", "start", "overwrites"}
        assert all(cause < effect for cause, effect in graph.edges)
        assert not graph.graph["cut"]
        few = neighbourhood(session, joins[0], steps=50, max_nodes=5)
        assert len(few) == 5 and few.graph["cut"]
        with pytest.raises(SessionProblem, match=r"There is no event 10000 in .*; they go from 1 to"):
            neighbourhood(session, 10_000)


@pytest.mark.parametrize("segment_events", [1, 3, 7])
def test_where_segments_end_makes_no_difference(tmp_path: Path, segment_events: int) -> None:
    with seal(tmp_path / "whole.scope", story(), segment_events=1000) as whole:
        expected = [neighbourhood(whole, event_id, steps=4) for event_id in range(1, len(whole.events(0)) + 1)]
    with seal(tmp_path / "cut.scope", story(), segment_events) as cut:
        assert len(cut.segments) > 2
        for at, one in enumerate(expected):
            other = neighbourhood(cut, at + 1, steps=4)
            assert dict(other.nodes) == dict(one.nodes)
            assert sorted(other.edges(data="kind")) == sorted(one.edges(data="kind"))


def test_an_event_of_a_damaged_segment_is_said_to_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "s.scope"
    seal(path, story(), segment_events=7).close()
    flip_bit(path / "segments" / "00000002.events.parquet")
    with Session.open(path) as session:
        first = session.segments[1].first_event_id
        with pytest.raises(SessionProblem, match=f"Event {first} of .* is lost"):
            neighbourhood(session, first)
        assert first not in neighbourhood(session, 1, steps=100)
