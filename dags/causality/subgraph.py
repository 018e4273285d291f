"""Small pieces of the causality DAG as networkx graphs, for questions that no column operation answers.

networkx needs some 800 bytes per edge, so this exports a neighbourhood, never a session.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterator
from typing import Any

import networkx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capture.errors import SessionProblem
from capture.events.batch import Int32
from capture.session.session import Session
from dags.base import Edge

MAX_NODES = 5_000
SEGMENTS_KEPT = 256


def neighbourhood(session: Session, event_id: int, steps: int = 2, max_nodes: int = MAX_NODES) -> networkx.DiGraph:
    """The events within that many edges of one, either way, nearest first.

    An edge has its `kind`: that of its row in `edges`, else `order`: the next event on the same track. A node has its
    `distance` and what `events` says of it. `graph.graph["cut"]`: there are more events than `max_nodes` within reach.

    Raises: SessionProblem when the session has no such event, or has lost it.
    """
    edges = _Edges(session)
    edges.require(event_id)
    graph = networkx.DiGraph(around=event_id, steps=steps, cut=False)
    graph.add_node(event_id, distance=0)
    level = [event_id]
    for distance in range(1, steps + 1):
        found: dict[int, None] = {}
        for edge in edges.touching(level):
            for node in (edge.cause, edge.effect):
                if node not in graph and len(graph) + len(found) < max_nodes:
                    found[node] = None
            if not all(node in graph or node in found for node in (edge.cause, edge.effect)):
                graph.graph["cut"] = True
            elif edge.kind != "order" or not graph.has_edge(edge.cause, edge.effect):
                graph.add_edge(edge.cause, edge.effect, kind=edge.kind)
        for node in found:
            graph.nodes[node]["distance"] = distance
        level = list(found)
    _describe(session, graph, edges)
    return graph


def edges_of(session: Session, event_id: int) -> Iterator[Edge]:
    """Every edge into or out of an event: stored ones, and its neighbours on its track."""
    edges = _Edges(session)
    if edges.segment_of(event_id) is not None:
        yield from edges.touching([event_id])


class _Edges:
    """The edges of a session, asked for many events at a time; the segments read last are kept.

    Rate: a Python loop over the events asked for, 5 000 in all; over the rows of segments it is numpy.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tracks: OrderedDict[int, Int32] = OrderedDict()
        self._stored: OrderedDict[int, tuple[Any, Any, Any]] = OrderedDict()

    def segment_of(self, event_id: int) -> int | None:
        """The segment that an event lies in, and that still has it."""
        segments = self._session.segments
        index = bisect_right(segments, event_id, key=lambda segment: segment.first_event_id) - 1
        if index < 0 or event_id >= segments[index].first_event_id + len(self._tracks_of(index)):
            return None
        return index

    def require(self, event_id: int) -> None:
        """Raises: SessionProblem with a sentence when there is no such event."""
        if self.segment_of(event_id) is not None:
            return
        path, segments = self._session.path, self._session.segments
        if any(one.first_event_id <= event_id < one.first_event_id + one.events for one in segments):
            raise SessionProblem(f"Event {event_id} of {path} is lost: its part of the session is damaged.")
        last = max((one.first_event_id + one.events - 1 for one in segments), default=0)
        told = f"they go from {segments[0].first_event_id} to {last}" if last else "it has none"
        raise SessionProblem(f"There is no event {event_id} in {path}; {told}.")

    def touching(self, event_ids: Collection[int]) -> Iterator[Edge]:
        """The edges at any of these events: by event for those of a track, then the stored ones in their order.

        A stored edge lies in the segment of its effect, so those from an event on are looked for in all later ones.
        """
        for event_id in event_ids:
            before, after = self._next_on_track(event_id, -1), self._next_on_track(event_id, 1)
            if before is not None:
                yield Edge(before, event_id, "order")
            if after is not None:
                yield Edge(event_id, after, "order")
        if not event_ids:
            return
        asked = np.array(sorted(event_ids), np.int64)
        first = bisect_right(self._session.segments, int(asked[0]), key=lambda segment: segment.first_event_id) - 1
        for index in range(max(first, 0), len(self._session.segments)):
            if self._session.segments[index].file("edges") is None:
                continue
            causes, effects, kinds = self._stored_in(index)
            for row in np.flatnonzero(np.isin(causes, asked) | np.isin(effects, asked)).tolist():
                yield Edge(int(causes[row]), int(effects[row]), kinds[row].as_py())

    def _next_on_track(self, event_id: int, step: int) -> int | None:
        """The event before (-1) or after (1) it on its track, in whichever segment that is."""
        here = self.segment_of(event_id)
        if here is None:
            return None
        tracks, row = self._tracks_of(here), event_id - self._session.segments[here].first_event_id
        track, last = tracks[row], len(self._session.segments) if step > 0 else -1
        part, first = (tracks[row + 1 :], event_id + 1) if step > 0 else (tracks[:row], event_id - row)
        for index in range(here, last, step):
            if index != here:
                part, first = self._tracks_of(index), self._session.segments[index].first_event_id
            rows = np.flatnonzero(part == track)
            if len(rows):
                return first + int(rows[0 if step > 0 else -1])
        return None

    def _tracks_of(self, index: int) -> Int32:
        """The track of each event of a segment; none when they are damaged."""
        found = self._tracks.get(index)
        if found is None:
            found = self._session.events(index, ("track_id",)).track_id
            _keep(self._tracks, index, found)
        return found

    def _stored_in(self, index: int) -> tuple[Any, Any, Any]:
        found = self._stored.get(index)
        if found is None:
            table = self._session.segment_table(index, "edges").drop_null()
            causes, effects = (table[name].to_numpy() for name in ("cause_event_id", "effect_event_id"))
            found = causes, effects, table["kind"]
            _keep(self._stored, index, found)
        return found


def _keep(kept: OrderedDict[int, Any], index: int, value: Any) -> None:
    kept[index] = value
    while len(kept) > SEGMENTS_KEPT:
        kept.popitem(last=False)


def _describe(session: Session, graph: networkx.DiGraph, edges: _Edges) -> None:
    """Writes what is known of each event to its node; what is not known is left out."""
    tracks = {row.track_id: row for row in session.tracks()}
    sites = {row.site_id: row for row in session.sites()}
    by_segment: dict[int, list[int]] = {}
    for event_id in graph:
        index = edges.segment_of(event_id)
        if index is not None:
            by_segment.setdefault(index, []).append(event_id)
    columns = ("event_id", "time_ns", "kind", "track_id", "site_id", "value")
    for index, event_ids in by_segment.items():
        table = session.segment_table(index, "events", columns)
        for row in table.filter(pc.is_in(table["event_id"], value_set=pa.array(event_ids, pa.int64()))).to_pylist():
            node, site = graph.nodes[row["event_id"]], sites.get(row["site_id"])
            track = tracks.get(row["track_id"])
            said = {"time_ns": row["time_ns"], "kind": row["kind"], "track_id": row["track_id"], "value": row["value"]}
            said |= {"track": track.name} if track is not None else {}
            said |= {"function": site.function, "file": site.file, "line": site.line} if site is not None else {}
            node |= {name: value for name, value in said.items() if value not in (None, "")}
