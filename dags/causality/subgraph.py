"""Small pieces of the causality DAG as networkx graphs, for questions that no column operation answers.

networkx needs some 800 bytes per edge, so this exports a neighbourhood, never a session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import networkx
import pyarrow.compute as pc

from capture.session.session import Session
from dags.base import Edge
from dags.temporal.dag import neighbour

MAX_NODES = 5_000


def edges_of(session: Session, event_id: int) -> Iterator[Edge]:
    """Every edge into or out of an event: stored ones, and program order within its segment.

    Stored edges are looked for in the event's own segment and, for its effects, in all later ones that have any.
    """
    index = _segment_of(session, event_id)
    if index is None:
        return
    batch = session.events(index)
    row = event_id - batch.first_event_id
    if row < len(batch):
        for step in (-1, 1):
            other = neighbour(batch, row, step)
            if other is not None:
                first, second = sorted((event_id, batch.first_event_id + other))
                yield Edge(first, second, "order")
    for at in range(index, len(session.segments)):
        if session.segments[at].file("edges") is None:
            continue
        table = session.segment_table(at, "edges")
        touching = pc.or_(pc.equal(table["cause_event_id"], event_id), pc.equal(table["effect_event_id"], event_id))
        for found in table.filter(touching).to_pylist():
            yield Edge(found["cause_event_id"], found["effect_event_id"], found["kind"])


def _segment_of(session: Session, event_id: int) -> int | None:
    for index, segment in enumerate(session.segments):
        if segment.first_event_id <= event_id < segment.first_event_id + segment.events:
            return index
    return None


def neighbourhood(session: Session, event_id: int, steps: int = 2, max_nodes: int = MAX_NODES) -> networkx.DiGraph:
    """The events within that many edges of one, either way; each edge has its kind, each node its distance."""
    graph = networkx.DiGraph()
    if _segment_of(session, event_id) is None:
        return graph
    graph.add_node(event_id, distance=0)
    waiting = deque([(event_id, 0)])
    while waiting:
        node, distance = waiting.popleft()
        if distance == steps:
            continue
        for edge in edges_of(session, node):
            other = edge.effect if edge.cause == node else edge.cause
            if other not in graph:
                if len(graph) >= max_nodes:
                    continue
                graph.add_node(other, distance=distance + 1)
                waiting.append((other, distance + 1))
            graph.add_edge(edge.cause, edge.effect, kind=edge.kind)
    return graph
