"""A neighbourhood of events has the edges that the tables hold, and program order."""

from pathlib import Path

from capture.events.kinds import Kind
from dags.causality.subgraph import edges_of, neighbourhood
from tests.dags.frame.test_reader import seal, story


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
        assert len(neighbourhood(session, 10_000)) == 0
        assert len(neighbourhood(session, joins[0], steps=50, max_nodes=5)) == 5
