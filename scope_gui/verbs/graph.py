"""`scope-gui graph`: the events around one, and which made which possible, as a graph for other tools."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from capture.disk import new_file
from capture.errors import SessionProblem, WrongUsage
from capture.shown_text import one_line
from dags.causality.graph_files import FORMATS, GraphFormat, as_json
from dags.causality.subgraph import MAX_NODES, neighbourhood
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import session_flag, whole

STEPS = 6
MOST_STEPS = 1_000


def flags(parser: argparse.ArgumentParser) -> None:
    """Around which event, how far, where to."""
    session_flag(parser)
    parser.add_argument("--around", type=int, required=True, metavar="ID", help="an event_id, as `events` lists them")
    parser.add_argument(
        "--steps", type=whole(1, MOST_STEPS), default=STEPS, metavar="N", help=f"edges to follow, either way ({STEPS})"
    )
    parser.add_argument(
        "--most",
        type=whole(1, MAX_NODES),
        default=MAX_NODES,
        metavar="N",
        help=f"the nearest N events only ({MAX_NODES})",
    )
    written = ", ".join(f"{one.suffix} for {one.reads}" for one in FORMATS)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=f"a new file: {written}")
    parser.add_argument("--json", action="store_true", help="the graph as one JSON document on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Writes the events around one, and the edges between them."""
    target, form = arguments.output, _format_of(arguments.output)
    if form is None and not arguments.json:
        raise WrongUsage("Say where the graph goes: -o FILE, or --json.")
    if target is not None and os.path.lexists(target):
        raise SessionProblem(f"{target} exists already.", "Choose another name with -o.")
    with opened(arguments.session) as session:
        graph = neighbourhood(session, arguments.around, arguments.steps, arguments.most)
    if graph.graph["cut"]:
        print(f"scope-gui: more events are within reach; the nearest {len(graph)} are in the graph", file=sys.stderr)
    if form is not None:
        new_file(target, form.text(graph).encode("utf-8", "replace"), what=f"the graph {target}")
    if arguments.json:
        sys.stdout.write(as_json(graph))
    else:
        print(one_line(f"{len(graph)} events and {graph.number_of_edges()} edges are in {target}"))
    return 0


def _format_of(target: Path | None) -> GraphFormat | None:
    if target is None:
        return None
    for form in FORMATS:
        if target.suffix.lower() == form.suffix:
            return form
    ends = ", ".join(form.suffix for form in FORMATS)
    raise WrongUsage(f"{target} says by its name what is in it, and there is no graph that ends so; there are {ends}.")
