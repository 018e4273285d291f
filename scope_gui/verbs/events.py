"""`scope-gui events`: the recorded events of a stretch of time."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from capture.errors import SessionProblem, WrongUsage
from capture.events.kinds import KIND_CODES
from capture.session.session import Session
from scope_gui.verbs.answers import answer, print_table
from scope_gui.verbs.opened import no_track, opened
from scope_gui.verbs.shared_flags import format_flag, row_limit, session_flag, time_word
from views.words.timespec import time_ns_from_text


def flags(parser: argparse.ArgumentParser) -> None:
    """Which of them."""
    session_flag(parser)
    parser.add_argument("--from", dest="from_time", type=time_word, default="start", metavar="TIME")
    parser.add_argument("--to", dest="to_time", type=time_word, default="end", metavar="TIME")
    parser.add_argument(
        "--kind", action="append", default=[], help=f"only this kind; repeatable: {', '.join(KIND_CODES)}"
    )
    parser.add_argument("--track", type=int, help="only this track_id")
    parser.add_argument("--limit", type=row_limit, default=1000, help="at most so many rows (default 1000; 0 = all)")
    format_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints recorded events of a stretch of time, with their functions."""
    with opened(arguments.session) as session:
        from_ns, to_ns = (
            time_ns_from_text(text, session.start_ns, session.end_ns)
            for text in (arguments.from_time, arguments.to_time)
        )
        if from_ns > to_ns:
            raise SessionProblem(f"--from {arguments.from_time} is after --to {arguments.to_time}.")
        _require_kinds(session, arguments.kind)
        if arguments.track is not None and all(track.track_id != arguments.track for track in session.tracks()):
            raise no_track(session, arguments.track)
        where = [f"time_ns BETWEEN {from_ns} AND {to_ns}"]
        if arguments.kind:
            where.append(f"events.kind IN ({', '.join(_sql_text(kind) for kind in arguments.kind)})")
        if arguments.track is not None:
            where.append(f"events.track_id = {arguments.track}")
        table = answer(
            session,
            f"""SELECT event_id, time_ns, events.kind, events.track_id, tracks.name AS track,
                       sites.function, sites.file, sites.line, value, message, ref
                FROM events LEFT JOIN tracks USING (track_id) LEFT JOIN sites USING (site_id)
                WHERE {" AND ".join(where)}
                ORDER BY event_id {f"LIMIT {arguments.limit}" if arguments.limit else ""}""",
            max_rows=0,
        )
    print_table(table, arguments.format)
    return 0


def _require_kinds(session: Session, asked: Sequence[str]) -> None:
    """Raises: WrongUsage for a kind that is neither one of ours nor, of a newer Scope's, one of this session."""
    kinds = {**KIND_CODES, **session.manifest.kinds}
    for kind in asked:
        if kind not in kinds:
            raise WrongUsage(f"There is no kind {kind!r} of events; there are {', '.join(kinds)}.")


def _sql_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
