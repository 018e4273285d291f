"""`scope-gui findings`: what looks wrong in a session, the worst first, each with the events that prove it."""

from __future__ import annotations

import argparse
import sys

from capture.errors import SessionProblem
from capture.shown_text import one_line
from dags.detectors import registry
from scope_gui.settings.table import of_analyses
from scope_gui.streams import print_json
from scope_gui.verbs.opened import opened
from scope_gui.verbs.settled import settings_settled
from scope_gui.verbs.shared_flags import json_flag, session_flag, time_word
from views.loop.chosen import analyses_off
from views.words.timespec import time_ns_from_text


def flags(parser: argparse.ArgumentParser) -> None:
    """In which stretch of time, and which kinds."""
    lines = [f"  {row.name}: {row.says}" for row in registry.DETECTORS]
    parser.epilog = "\n".join(["what is looked for:", *lines, "", str(parser.epilog)])
    session_flag(parser)
    parser.add_argument("--from", dest="from_time", type=time_word, default="start", metavar="TIME")
    parser.add_argument("--to", dest="to_time", type=time_word, default="end", metavar="TIME")
    names = [row.name for row in registry.DETECTORS]
    parser.add_argument(
        "--kind", action="append", choices=names, help="only this kind, also one that is switched off; repeatable"
    )
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints what was found."""
    with opened(arguments.session) as session:
        range_ns = (
            time_ns_from_text(arguments.from_time, session.start_ns, session.end_ns),
            time_ns_from_text(arguments.to_time, session.start_ns, session.end_ns),
        )
        if range_ns[0] > range_ns[1]:
            raise SessionProblem(f"--from {arguments.from_time} is after --to {arguments.to_time}.")
        off = analyses_off(settings_settled(of_analyses())) if arguments.kind is None else frozenset()
        if off:
            print(f"scope-gui: switched off in the settings: {', '.join(sorted(off))}", file=sys.stderr)
        wanted = arguments.kind or [row.name for row in registry.DETECTORS if row.name not in off]
        asked = [row for row in registry.DETECTORS if row.name in wanted]
        able = registry.able(session)
        for row in asked:
            if row not in able:
                print(f"scope-gui: {row.name}: this session does not hold what it takes to look", file=sys.stderr)
        found = registry.findings(session, range_ns, [row for row in asked if row in able])
    if arguments.json:
        print_json(found)
        return 0
    for one in found:
        place = f"{one.function} {one.file}:{one.line}" if one.file else one.function
        events = ", ".join(map(str, one.event_ids[:3])) + (", ..." if len(one.event_ids) > 3 else "")
        print(one_line(f"{one.score:.2f}  {one.kind}  {one.sentence}"))
        told = "; ".join(part for part in (place, f"events {events}" if events else "") if part)
        if told:
            print(one_line(f"      {told}"))
    if not found:
        print("nothing was found")
    return 0
