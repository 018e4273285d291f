"""`scope-gui summary`: what a stretch of time came to: functions, threads, exceptions, changes, figures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from capture.events.metrics import metric_named
from capture.session.session import Session
from capture.shown_text import one_line
from dags.analyses.function_rows import FunctionRow, function_rows
from dags.analyses.stretch_summary import StretchSummary, stretch_summary
from dags.analyses.track_titles import track_titles
from scope_gui.streams import print_json
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import json_flag, row_limit, session_flag
from scope_gui.verbs.stretch import heading, range_flag, range_of, reading
from views.words.figures import count_text, duration_text, figure_text

PASSES = 5
"""So often the segments are read at most."""


def flags(parser: argparse.ArgumentParser) -> None:
    """Of which stretch, and how much of it."""
    session_flag(parser)
    range_flag(parser)
    parser.add_argument("--limit", type=row_limit, default=10, help="so many of each kind (default 10; 0 = all)")
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the summary."""
    with opened(arguments.session) as session:
        range_ns = range_of(session, arguments.range)
        found = stretch_summary(session, range_ns, reads_on=reading(session, range_ns, times=PASSES))
        names = _Names(session)
        ranked = found.functions.ranked("own")
        most = arguments.limit or None
        functions = function_rows(found.functions, names.sites, ranked[:most].tolist())
        head, live = heading(session, range_ns, None), session.live
    if arguments.json:
        told = _told(found, names)
        print_json({"range_ns": range_ns, "live": live, "calls": found.calls, "functions": functions, **told})
        return 0
    print(one_line(f"{duration_text(range_ns[1] - range_ns[0])} {head}"))
    print("\n".join(map(one_line, _lines(found, functions, names, most))))
    return 0


class _Names:
    """What sites and threads are called."""

    def __init__(self, session: Session) -> None:
        self.sites = {site.site_id: site for site in session.sites()}
        self._threads = track_titles(session.tracks())

    def function(self, site_id: int) -> str:
        """The function; one that is not known is called by its number."""
        return self.sites[site_id].function if site_id in self.sites else f"site {site_id}"

    def thread(self, track_id: int) -> str:
        """The name of a thread."""
        return self._threads.get(track_id) or f"track {track_id}"


def _told(found: StretchSummary, names: _Names) -> dict[str, Any]:
    return {
        "threads": [
            {**one._asdict(), "name": names.thread(one.track_id), "busy_ns": one.busy_ns} for one in found.threads
        ],
        "exceptions": [
            {"type": one.type, "function": names.function(one.site_id), "count": one.count, "first_ns": one.first_ns}
            for one in found.exceptions
        ],
        "written": [one._asdict() for one in found.written],
        "metrics": [one._asdict() for one in found.moved],
    }


def _lines(found: StretchSummary, functions: list[FunctionRow], names: _Names, most: int | None) -> Iterator[str]:
    length_ns = max(found.range_ns[1] - found.range_ns[0], 1)
    of = f"{count_text(len(found.functions))} functions"
    yield f"{count_text(found.calls)} calls of {of}; those with the most own time:"
    for row in functions:
        yield f"  {duration_text(row.own_ns):>10}  {count_text(row.calls):>10} calls  {row.function}"
    yield f"{count_text(len(found.threads))} threads, the busiest first:"
    for one in found.threads[:most]:
        busy, waited = 100 * one.busy_ns / length_ns, duration_text(one.waited_ns)
        yield f"  {busy:3.0f} % busy, {waited} waited, {count_text(one.calls)} calls  {names.thread(one.track_id)}"
    raised = sum(one.count for one in found.exceptions)
    yield f"{count_text(raised)} exceptions{':' if raised else ''}"
    for seen in found.exceptions[:most]:
        yield f"  {count_text(seen.count):>10} × {seen.type or 'exception'} in {names.function(seen.site_id)}"
    changes = sum(one.changes for one in found.written)
    yield f"{count_text(changes)} changes of watched values{':' if changes else ''}"
    for name, count in found.written[:most]:
        yield f"  {count_text(count):>10} × {name}"
    for moved in found.moved:
        metric = metric_named(moved.name)
        before = "not sampled" if moved.first is None else figure_text(moved.first, metric.unit)
        yield f"{metric.title}: {before} at the begin, {figure_text(moved.last, metric.unit)} at the end"
