"""`scope-gui never-run`: the lines of recorded functions that never ran while they were recorded."""

from __future__ import annotations

import argparse

import pyarrow as pa

from capture.errors import SessionProblem
from capture.events.definitions import ProcessRow
from capture.session.line_runs import ranges_of
from capture.session.session import Session
from dags.analyses.lines_never_run import FunctionLines, lines_never_run
from scope_gui.streams import print_json
from scope_gui.verbs.answers import print_table
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import json_flag, session_flag
from scope_gui.verbs.stretch import function_of
from views.words.figures import count_text


def flags(parser: argparse.ArgumentParser) -> None:
    """Of which function or file."""
    session_flag(parser)
    parser.add_argument(
        "where",
        nargs="?",
        metavar="FUNCTION|FILE",
        help="only this function (its name, MODULE.NAME, the last part of it, or FILE:LINE), or those of this file",
    )
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints functions with their lines that never ran."""
    with opened(arguments.session) as session:
        told = "never_run" in session.manifest.about.capabilities
        if not told or not any(map(_tells_lines, session.processes())):
            raise SessionProblem(
                f"{session.path} does not say which lines ran.",
                "That is known of programs on Python 3.12 and newer that were recorded with --never-run on.",
            )
        found = lines_never_run(session, None if arguments.where is None else _meant(session, arguments.where))
        live = session.live
    if arguments.json:
        print_json({"live": live, "functions": found})
        return 0
    left = [one for one in found if one.never_run]
    lines, never_run = sum(one.lines for one in found), sum(len(one.never_run) for one in found)
    so_far = " so far" if live else ""
    print(
        f"{count_text(never_run)} of {count_text(lines)} lines never ran{so_far}, "
        f"in {count_text(len(left))} of {count_text(len(found))} functions that were called"
    )
    if left:
        print_table(_table(left), "table")
    return 0


def _tells_lines(process: ProcessRow) -> bool:
    """Whether its interpreter can; of a process that has not said which one it is nobody knows."""
    numbers = process.python.split(".")[:2]
    return not all(map(str.isdecimal, numbers)) or [*map(int, numbers)] >= [3, 12]


def _meant(session: Session, text: str) -> set[int]:
    """The functions of a file, by its path or the end of it, or the one of that name. Raises: SessionProblem."""
    of_file = {site.site_id for site in session.sites() if f"/{site.file}".endswith(f"/{text.lstrip('/')}")}
    return of_file or {function_of(session, text).site_id}


def _table(rows: list[FunctionLines]) -> pa.Table:
    lines = [
        {
            "lines that never ran": ranges_of(row.never_run),
            "of": row.lines,
            "function": row.function,
            "where": f"{row.file}:{row.line}",
        }
        for row in rows
    ]
    return pa.Table.from_pylist(lines)
