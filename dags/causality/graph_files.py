"""A graph of events as a file: one row a format. A new one is a row in FORMATS and a function from graph to text."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import networkx

from capture.shown_text import escaped_json, one_line

_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LABEL_CHARACTERS = 60


class GraphFormat(NamedTuple):
    """How a graph is written into files of a suffix."""

    suffix: str
    reads: str
    text: Callable[[networkx.DiGraph], str]


def as_json(graph: networkx.DiGraph) -> str:
    """Nodes and edges by id, as `networkx.node_link_graph(document, edges="edges")` takes them.

    >>> graph = networkx.DiGraph([(1, 2, {"kind": "order"})], around=1)
    >>> as_json(graph)
    '{"directed":true,"multigraph":false,"graph":{"around":1},"nodes":[{"id":1},{"id":2}],\
"edges":[{"source":1,"target":2,"kind":"order"}]}\\n'
    """
    document = {
        "directed": True,
        "multigraph": False,
        "graph": graph.graph,
        "nodes": [{"id": node, **said} for node, said in graph.nodes.items()],
        "edges": [{"source": cause, "target": effect, **said} for cause, effect, said in graph.edges(data=True)],
    }
    return escaped_json(msgspec.json.encode(document).decode()) + "\n"


def as_dot(graph: networkx.DiGraph) -> str:
    """A drawing in Graphviz' language, from left to right in time; the event asked about has a double border."""
    lines = ["digraph events {", "  rankdir=LR;", "  node [shape=box];"]
    for node in sorted(graph):
        peripheries = ", peripheries=2" if node == graph.graph.get("around") else ""
        lines.append(f"  {node} [label={_quoted(_label(node, graph.nodes[node]))}{peripheries}];")
    for cause, effect, kind in sorted(graph.edges(data="kind")):
        lines.append(f"  {cause} -> {effect} [label={_quoted(one_line(kind))}];")
    return "\n".join([*lines, "}", ""])


def _label(node: int, said: dict[str, Any]) -> str:
    what = " ".join(str(said[name]) for name in ("kind", "function") if name in said)
    value = [_short(str(said["value"]))] if "value" in said else []
    where = [f"{said.get('track') or said['track_id']}, {said['time_ns'] / 1e9:.9f} s"] if "time_ns" in said else []
    return "\n".join(map(one_line, [f"{node} {what}".rstrip(), *value, *where]))


def _short(text: str) -> str:
    return text if len(text) <= LABEL_CHARACTERS else text[: LABEL_CHARACTERS - 1] + "…"


def _quoted(text: str) -> str:
    r"""A text in Graphviz' language: quotes and backslashes stand for themselves, a new line is one.

    >>> print(_quoted('say "\\n"\nthen'))
    "say \"\\n\"\nthen"
    """
    return '"' + text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'


def as_graphml(graph: networkx.DiGraph) -> str:
    """GraphML, which Gephi, yEd and Cytoscape open. What XML cannot hold becomes a replacement mark."""
    plain = networkx.DiGraph(**{name: _xml(value) for name, value in graph.graph.items()})
    plain.add_nodes_from(
        (node, {name: _xml(value) for name, value in said.items()}) for node, said in graph.nodes.items()
    )
    plain.add_edges_from((one, other, {"kind": _xml(kind)}) for one, other, kind in graph.edges(data="kind"))
    file = io.BytesIO()
    networkx.write_graphml_xml(plain, file)
    return file.getvalue().decode() + "\n"


def _xml(value: Any) -> Any:
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value


FORMATS: tuple[GraphFormat, ...] = (
    GraphFormat(".json", "networkx and every language", as_json),
    GraphFormat(".dot", "Graphviz", as_dot),
    GraphFormat(".graphml", "Gephi, yEd, Cytoscape", as_graphml),
)
