"""`scope-gui step`: from a moment of a thread to the next or the last line, call or write."""

from __future__ import annotations

import argparse

from capture.errors import SessionProblem, WrongUsage
from capture.session.session import Session
from dags.analyses.line_steps import Stop, TrackSteps, WantedLocal
from scope_gui.streams import print_json
from scope_gui.verbs.opened import no_track, opened
from scope_gui.verbs.shared_flags import TIMES, json_flag, session_flag, time_word
from scope_gui.verbs.stretch import function_of
from views.words.timespec import text_from_ns, time_ns_from_text


def flags(parser: argparse.ArgumentParser) -> None:
    """From where, and how."""
    session_flag(parser)
    parser.add_argument("--at", type=time_word, required=True, metavar="TIME", help=f"from there: {TIMES}")
    parser.add_argument("--track", type=int, required=True, metavar="ID", help="the thread, by its track_id")
    parser.add_argument(
        "--by",
        choices=("into", "over", "out", "write"),
        required=True,
        help="to the next line, to the next one not in a call made from here, to who made this call, to a write",
    )
    parser.add_argument(
        "--name",
        metavar="FUNC.X|OWNER.KEY",
        help="the local variable or the value whose write is meant; without it any local variable",
    )
    parser.add_argument("--back", action="store_true", help="to the one before instead of the next")
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints where the step leads."""
    with opened(arguments.session) as session:
        if arguments.name and arguments.by != "write":
            raise WrongUsage("--name says whose write is meant, so it goes with --by write.")
        if arguments.track not in {track.track_id for track in session.tracks()}:
            raise no_track(session, arguments.track)
        time_ns = time_ns_from_text(arguments.at, session.start_ns, session.end_ns)
        found = _found(session, time_ns, arguments)
        if found is None:
            where = "before" if arguments.back else "after"
            what = "write" if arguments.by == "write" else "line and no call"
            raise SessionProblem(f"There is no {what} {where} {text_from_ns(time_ns)} that such a step leads to.")
    if arguments.json:
        print_json(found)
    else:
        told = [text_from_ns(found.time_ns), *([] if found.line is None else [f"line {found.line}"])]
        told += [] if found.call_id is None else [f"call {found.call_id}"]
        print(f"{', '.join(told)}, event {found.event_id} of track {found.track_id}, by {found.by}")
    return 0


def _found(session: Session, time_ns: int, arguments: argparse.Namespace) -> Stop | None:
    steps, back = TrackSteps(session), arguments.back
    if arguments.by != "write":
        return steps.step(time_ns, arguments.track, arguments.by, back=back)
    if arguments.name is None:
        return steps.write_of_local(time_ns, arguments.track, None, back=back)
    owner, _, key = arguments.name.rpartition(".")
    if any((row.owner, row.key) == (owner, key) for row in session.state_keys()):
        return steps.write_of_name(time_ns, (owner, key), back=back)
    wanted = WantedLocal(key, function_of(session, owner).site_id if owner else None)
    return steps.write_of_local(time_ns, arguments.track, wanted, back=back)
