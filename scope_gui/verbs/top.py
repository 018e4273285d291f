"""`scope-gui top`: the functions that were called most, took longest, failed."""

from __future__ import annotations

import argparse

import pyarrow as pa

from dags.analyses.function_rows import FunctionRow, function_rows
from dags.analyses.function_statistics import ORDERS, function_statistics
from scope_gui.streams import print_json
from scope_gui.verbs.answers import print_table
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import json_flag, row_limit, session_flag
from scope_gui.verbs.stretch import CUT, heading, range_of, reading, stretch_flags, tracks_of
from views.words.figures import duration_text


def flags(parser: argparse.ArgumentParser) -> None:
    """By what, when and where."""
    session_flag(parser)
    parser.add_argument("--by", choices=ORDERS, default="own", help="what the most of comes first (default own)")
    stretch_flags(parser)
    parser.add_argument("--limit", type=row_limit, default=30, help="at most so many (default 30; 0 = all)")
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints functions with what they came to."""
    with opened(arguments.session) as session:
        range_ns, tracks = range_of(session, arguments.range), tracks_of(session, arguments.thread)
        track_ids = None if tracks is None else {track.track_id for track in tracks}
        found = function_statistics(session, range_ns, track_ids=track_ids, reads_on=reading(session, range_ns))
        ranked = found.ranked(arguments.by)
        sites = {site.site_id: site for site in session.sites()}
        rows = function_rows(found, sites, ranked[: arguments.limit or len(ranked)].tolist())
        head = heading(session, range_ns, tracks)
        live = session.live
    if arguments.json:
        print_json({"range_ns": range_ns, "by": arguments.by, "live": live, "functions": rows})
        return 0
    print(f"{len(ranked)} functions by {arguments.by}, {head}")
    if rows:
        print_table(_table(rows), "table")
    if any(row.cut for row in rows):
        print(CUT)
    return 0


def _table(rows: list[FunctionRow]) -> pa.Table:
    def time(ns: int | None, *, cut: bool = False) -> str:
        return "-" if ns is None else f"{duration_text(ns)}{' *' if cut else ''}"

    lines = [
        {
            "calls": f"{row.calls}{' *' if row.cut else ''}",
            "total": time(row.total_ns),
            "own": time(row.own_ns),
            "longest": time(row.longest_ns, cut=row.longest_is_cut),
            "median": time(row.median_ns),
            "p95": time(row.p95_ns),
            "errors": row.errors,
            "function": row.function,
            "where": f"{row.file}:{row.line}" if row.file else "",
        }
        for row in rows
    ]
    return pa.Table.from_pylist(lines)
