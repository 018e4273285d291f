"""`scope-gui output`: what the program had printed by a moment, as its console showed it."""

from __future__ import annotations

import argparse
import sys

import pyarrow as pa

from capture.events.written import ESCAPED, written_bytes
from capture.session.session import Session
from capture.shown_text import printable
from scope_gui.verbs.answers import answer, print_table
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import TIMES, json_flag, session_flag, time_word
from views.words.timespec import time_ns_from_text

CONSOLE = ("stdout", "stderr")
STREAMS = (*CONSOLE, "log", "warning")
_TELLING = ("log", "warning")


def flags(parser: argparse.ArgumentParser) -> None:
    """Of which streams, until when."""
    session_flag(parser)
    parser.add_argument("--at", type=time_word, default="end", metavar="TIME", help=f"until then ({TIMES})")
    parser.add_argument(
        "--stream",
        action="append",
        choices=STREAMS,
        help="only of this stream; repeatable (default stdout and stderr; what is logged reaches them in its own form)",
    )
    parser.add_argument(
        "--raw",
        action="store_true",
        help="byte for byte, into a file or pipe: what a terminal would obey is in it, too",
    )
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the texts one behind the other, without what commands a terminal, unless they are asked for raw."""
    with opened(arguments.session) as session:
        until_ns = time_ns_from_text(arguments.at, session.start_ns, session.end_ns)
        table = _rows(session, until_ns, tuple(arguments.stream or CONSOLE))
    if arguments.json:
        print_table(table, "json")
    elif arguments.raw and not sys.stdout.isatty():
        sys.stdout.buffer.write(_bytes(table))
        sys.stdout.buffer.flush()
    else:
        sys.stdout.write(printable(_bytes(table).decode("utf-8", "replace")))
    return 0


def _rows(session: Session, until_ns: int, streams: tuple[str, ...]) -> pa.Table:
    """The rows of `output` up to an instant, with where they were written."""
    among = ", ".join(f"'{stream}'" for stream in streams)
    return answer(
        session,
        f"""SELECT time_ns, track_id, call_id, line, stream, level, logger, text, form, continues, redirected
            FROM output WHERE time_ns <= {until_ns} AND stream IN ({among})
            ORDER BY event_id""",
        max_rows=0,
    )


def _bytes(table: pa.Table) -> bytes:
    """What the rows wrote; a line for each that is logged or warned of. A Python loop: a million writes a second."""
    columns = (table[name].to_pylist() for name in ("stream", "level", "logger", "text", "form", "continues"))
    written = []
    for stream, level, logger, text, form, continues in zip(*columns, strict=True):
        said = written_bytes(text, is_escaped=form == ESCAPED)
        if stream in _TELLING:
            said = b": ".join([*(word.encode() for word in (level, logger) if word), said])
            said += b"" if continues else b"\n"
        written.append(said)
    return b"".join(written)
