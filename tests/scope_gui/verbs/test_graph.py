"""`graph`: of a recorded program, what three readers of its files find is what SQL says of the session."""

from __future__ import annotations

import json
import re
import sys
from collections import deque
from pathlib import Path

import networkx
import pytest

from tests.scope_command import query, run_recorded, scope, scope_here

PROGRAM = """
import threading

class Seen:
    last = 0

def note(number):
    global latest
    latest = number

def work(name):
    for number in range(20):
        note(number)

threads = [threading.Thread(target=work, args=(n,), name=f'w "{n}" \\\\ \\x07') for n in range(3)]
for one in threads:
    one.start()
for one in threads:
    one.join()
"""
STEPS = 9


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    (folder / "program.py").write_text(PROGRAM)
    run_recorded(folder / "s.scope", [sys.executable, folder / "program.py"])
    return folder / "s.scope"


def by_sql(session: Path, around: int, steps: int) -> tuple[set[int], set[tuple[int, int, str]]]:
    """Nodes, and edges with their kind, worked out of the tables alone."""
    rows = query(session, "SELECT event_id, track_id FROM events ORDER BY event_id")
    last: dict[int, int] = {}
    edges: dict[tuple[int, int], str] = {}
    for row in rows:
        if row["track_id"] in last:
            edges[last[row["track_id"]], row["event_id"]] = "order"
        last[row["track_id"]] = row["event_id"]
    for row in query(session, "SELECT * FROM edges"):
        edges[row["cause_event_id"], row["effect_event_id"]] = row["kind"]
    near: dict[int, set[tuple[int, int]]] = {}
    for edge in edges:
        for node in edge:
            near.setdefault(node, set()).add(edge)
    distance, waiting, found = {around: 0}, deque([around]), set[tuple[int, int, str]]()
    while waiting:
        node = waiting.popleft()
        for edge in near.get(node, ()) if distance[node] < steps else ():
            found.add((*edge, edges[edge]))
            for other in set(edge) - distance.keys():
                distance[other] = distance[node] + 1
                waiting.append(other)
    return set(distance), found


def read_dot(text: str) -> tuple[set[int], set[tuple[int, int, str]]]:
    """Its nodes and edges, by Graphviz' grammar for quoted texts."""
    quoted = r'"((?:[^"\\]|\\.)*)"'
    nodes = re.findall(rf"^  ([0-9]+) \[label={quoted}(?:, peripheries=2)?\];$", text, re.MULTILINE)
    edges = re.findall(rf"^  ([0-9]+) -> ([0-9]+) \[label={quoted}\];$", text, re.MULTILINE)
    assert len(nodes) + len(edges) + 4 == len(text.splitlines()), "each line is understood"
    return {int(node) for node, _ in nodes}, {(int(one), int(other), kind) for one, other, kind in edges}


def test_every_file_holds_what_the_tables_say(recorded: Path, tmp_path: Path) -> None:
    [[around]] = [list(row.values()) for row in query(recorded, "SELECT max(effect_event_id) FROM edges")]
    nodes, edges = by_sql(recorded, around, STEPS)
    assert {kind for _, _, kind in edges} > {"order", "join"}
    for suffix in ("json", "dot", "graphml"):
        said = scope("graph", recorded, "--around", around, "--steps", STEPS, "-o", tmp_path / f"g.{suffix}").stdout
        assert said.startswith(f"{len(nodes)} events and {len(edges)} edges are in ")
    graph = networkx.node_link_graph(json.loads((tmp_path / "g.json").read_text()), edges="edges")
    assert (set(graph), set(graph.edges(data="kind"))) == (nodes, edges)
    drawn = networkx.read_graphml(tmp_path / "g.graphml", node_type=int)
    assert (set(drawn), set(drawn.edges(data="kind"))) == (nodes, edges)
    assert read_dot((tmp_path / "g.dot").read_text()) == (nodes, edges)

    said_of = {row["event_id"]: row for row in query(recorded, "SELECT event_id, time_ns, kind, track_id FROM events")}
    for node, told in graph.nodes.items():
        assert said_of[node] == {"event_id": node} | {name: told[name] for name in ("time_ns", "kind", "track_id")}
        assert drawn.nodes[node].keys() == told.keys()
    assert any("\x07" in told.get("track", "") for told in graph.nodes.values()), "a hostile name comes through"
    assert json.loads(scope("graph", recorded, "--around", around, "--steps", STEPS, "--json").stdout) == json.loads(
        (tmp_path / "g.json").read_text()
    )


def test_what_cannot_be_done_is_one_sentence(recorded: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.dot"
    there.write_text("mine")
    for words, code, sentence in (
        (["--around", "99999999", "--json"], 1, "There is no event 99999999 in "),
        (["--around", "0", "--json"], 1, "There is no event 0 in "),
        (["--around", "5", "-o", str(there)], 1, f"{there} exists already. Choose another name with -o."),
        (["--around", "5", "-o", str(tmp_path / "g.png")], 2, "there are .json, .dot, .graphml."),
        (
            ["--around", "5", "-o", str(tmp_path / "nowhere" / "g.dot")],
            1,
            "cannot be written: No such file or directory.",
        ),
        (["--around", "5"], 2, "Say where the graph goes: -o FILE, or --json."),
        (["--around", "5", "--json", "--steps", "0"], 2, "must be 1 to 1000"),
    ):
        done = scope_here(["graph", str(recorded), *words])
        assert (done.returncode, done.stdout) == (code, "")
        assert sentence in done.stderr and "Traceback" not in done.stderr
    assert there.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [there]


def test_what_is_left_out_is_told(recorded: Path) -> None:
    done = scope_here(["graph", str(recorded), "--around", "40", "--most", "5", "--json"])
    assert len(json.loads(done.stdout)["nodes"]) == 5
    assert "more events are within reach; the nearest 5 are in the graph" in done.stderr
