"""`scope-gui tree`: who called whom, with the time that it took."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from capture.events.definitions import SiteRow
from capture.session.session import Session
from capture.shown_text import one_line
from dags.analyses.call_tree import CallTree, call_tree
from dags.analyses.track_titles import track_titles
from scope_gui.streams import print_json
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import json_flag, session_flag
from scope_gui.verbs.stretch import CUT, heading, range_of, reading, stretch_flags, tracks_of
from views.words.figures import count_text, duration_text

LEAST_PERCENT = 1.0
MOST_INDENT = 40


def flags(parser: argparse.ArgumentParser) -> None:
    """When and where, and how much of it."""
    session_flag(parser)
    stretch_flags(parser)
    parser.add_argument("--by-thread", action="store_true", help="a tree for each thread, not one for all together")
    parser.add_argument(
        "--least", type=_percent, default=LEAST_PERCENT, metavar="PCT", help="leave out what took less (default 1)"
    )
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the tree, what took longest first."""
    with opened(arguments.session) as session:
        range_ns, tracks = range_of(session, arguments.range), tracks_of(session, arguments.thread)
        track_ids = None if tracks is None else {track.track_id for track in tracks}
        tree = call_tree(
            session, range_ns, track_ids=track_ids, by_track=arguments.by_thread, reads_on=reading(session, range_ns)
        )
        names = _Names(session)
        head = heading(session, range_ns, tracks)
    all_ns = int(tree.total_ns[tree.roots()].sum())
    shown = list(tree.walk(int(all_ns * arguments.least / 100)))
    if arguments.json:
        print_json({"range_ns": range_ns, "total_ns": all_ns, "nodes": [_node(tree, names, *at) for at in shown]})
        return 0
    print(one_line(f"{duration_text(all_ns)} in calls, {head}"))
    print("\n".join(map(one_line, _lines(tree, names, shown, all_ns))))
    if bool((tree.cut > 0).any()):
        print(CUT)
    left_out = len(tree) - len(shown)
    if left_out:
        print(f"  {left_out} more took less than {arguments.least:g} % of it; --least 0 shows them")
    return 0


class _Names:
    """What sites and threads are called."""

    def __init__(self, session: Session) -> None:
        self._sites = {site.site_id: site for site in session.sites()}
        self._threads = track_titles(session.tracks())

    def site(self, site_id: int) -> SiteRow:
        """The function; one that is not known is called by its number."""
        return self._sites.get(site_id) or SiteRow(site_id, f"site {site_id}" if site_id else "?", "", "", 0)

    def thread(self, track_id: int) -> str:
        """The name of a thread."""
        return self._threads.get(track_id) or f"track {track_id}"


def _lines(tree: CallTree, names: _Names, shown: list[tuple[int, int]], all_ns: int) -> Iterator[str]:
    if shown:
        yield f"{'total':>10}       {'own':>10} {'calls':>10}"
    for level, node in shown:
        total_ns, site = int(tree.total_ns[node]), names.site(int(tree.site_id[node]))
        thread = f"[{names.thread(int(tree.track_id[node]))}] " if not level and tree.track_id[node] else ""
        calls = f"{count_text(int(tree.calls[node]))}{' *' if tree.cut[node] else ''}"
        indent = "  " * level if level <= MOST_INDENT else f"{'  ' * MOST_INDENT}{level} deep: "
        errors = f", {count_text(int(tree.errors[node]))} errors" if tree.errors[node] else ""
        folded = ", with what it called" if tree.folded[node] else ""
        yield (
            f"{duration_text(total_ns):>10} {100 * total_ns / max(all_ns, 1):3.0f} % "
            f"{duration_text(int(tree.own_ns[node])):>10} {calls:>10}  {indent}{thread}{site.function}{errors}{folded}"
        )


def _node(tree: CallTree, names: _Names, level: int, node: int) -> dict[str, Any]:
    site = names.site(int(tree.site_id[node]))
    figures = {name: int(getattr(tree, name)[node]) for name in ("calls", "cut", "errors", "total_ns", "own_ns")}
    where = {"function": site.function, "file": site.file, "line": site.line}
    tree_of = {"node": node, "parent": int(tree.parent[node]), "level": level, "track_id": int(tree.track_id[node])}
    return {**tree_of, **where, **figures, "folded": bool(tree.folded[node])}


def _percent(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError("must be 0 to 100")
    return value
