"""`scope-gui query`: SQL over the tables of a session."""

from __future__ import annotations

import argparse

from capture.session.table_doc import sql_help
from dags.correlate.open_rows import open_rows
from scope_gui.verbs.answers import answer, print_table
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import format_flag, row_limit, session_flag, time_limit


def flags(parser: argparse.ArgumentParser) -> None:
    """What is asked."""
    parser.epilog = f"{sql_help()}\n\n{parser.epilog}"
    session_flag(parser)
    parser.add_argument("sql", metavar="SQL")
    format_flag(parser)
    parser.add_argument(
        "--max-rows",
        type=row_limit,
        default=1_000_000,
        metavar="N",
        help="refuse a longer answer (0: any; 512 MiB at most)",
    )
    parser.add_argument(
        "--max-seconds", type=time_limit, default=600, metavar="SEC", help="end a query that takes longer (0: never)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints the answer to an SQL query."""
    with opened(arguments.session) as session:
        rows = open_rows(session) if session.live else None
        table = answer(session, arguments.sql, rows, max_rows=arguments.max_rows, max_seconds=arguments.max_seconds)
    print_table(table, arguments.format)
    return 0
