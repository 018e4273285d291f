"""`scope-gui logpoint`: what an expression would have printed at every run of a line, from what was recorded."""

from __future__ import annotations

import argparse
import re

import pyarrow as pa

from capture.errors import SessionProblem, WrongUsage
from capture.session.session import Session
from dags.analyses.called import Definitions
from dags.analyses.log_points import Logged, LogPoint, log_point
from dags.analyses.recorded_expression import expression_of
from scope_gui.verbs.answers import print_table
from scope_gui.verbs.opened import opened
from scope_gui.verbs.progress import Progress
from scope_gui.verbs.shared_flags import format_flag, row_limit, session_flag

_PLACE = re.compile(r"(.+):(\d{1,9})")


def flags(parser: argparse.ArgumentParser) -> None:
    """Where, and what."""
    session_flag(parser)
    parser.add_argument("where", metavar="FILE:LINE", help="a line of a function recorded with --lines")
    parser.add_argument(
        "expression",
        metavar="EXPR",
        help="names of local variables, numbers, texts, arithmetic, comparison, indexing, len min max str",
    )
    parser.add_argument("--limit", type=row_limit, default=1000, help="at most so many runs (default 1000; 0 = all)")
    format_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints a row for each run of the line."""
    place, expression = _PLACE.fullmatch(arguments.where), expression_of(arguments.expression)
    if place is None:
        raise WrongUsage(f"{arguments.where!r} is no line; write FILE:LINE.")
    with opened(arguments.session) as session:
        sites = {site.site_id for site in session.sites() if f"/{site.file}".endswith(f"/{place[1].lstrip('/')}")}
        if not sites:
            raise SessionProblem(f"No function of {place[1]} is known in {session.path}.")
        reads_on = Progress("reading the lines", len(session.with_rows)).step
        point = LogPoint(sites, int(place[2]), expression)
        logged = log_point(session, point, arguments.limit, reads_on=reads_on)
        table = _table(session, logged)
    if not len(table):
        raise SessionProblem(f"{arguments.where} did not run while lines were recorded.", "`--lines PATTERN` does so.")
    print_table(table, arguments.format)
    return 0


def _table(session: Session, logged: Logged) -> pa.Table:
    names = Definitions(session)
    threads = [names.thread(track_id) for track_id in logged.track_id.tolist()]
    columns = {"time_ns": logged.time_ns, "thread": threads, "call_id": logged.call_id, "value": logged.value}
    return pa.table({**columns, "why not": logged.why} if logged.why.null_count < len(logged.why) else columns)
