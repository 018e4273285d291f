"""`scope-gui info`: what a session holds."""

from __future__ import annotations

import argparse

import msgspec

from capture.changes import told_flags
from capture.measured_cost import told_overhead
from capture.session.session import Session
from capture.shown_text import one_line
from scope_gui.blindness import unseen_lines
from scope_gui.streams import print_json
from scope_gui.verbs.shared_flags import json_flag, session_flag
from views.words.timespec import text_from_ns


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session."""
    session_flag(parser)
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints what a session holds."""
    with Session.open(arguments.session) as session:
        figures = session.info()
        if arguments.json:
            print_json(figures)
            return 0
        values = msgspec.structs.asdict(figures)
        kinds, problems, unseen = values.pop("kinds"), values.pop("problems"), values.pop("unseen")
        changes = values.pop("changes")
        overhead = values.pop("overhead")
        values["overhead"] = (
            told_overhead(overhead, " of the program's CPU time") if overhead is not None else "not known"
        )
        for name, value in values.items():
            shown = text_from_ns(value) if name == "duration_ns" else value
            print(f"{name.removesuffix('_ns'):<16} {one_line(str(shown))}")
        print(f"{'kinds':<16} {one_line(', '.join(f'{name} {count}' for name, count in sorted(kinds.items())))}")
        for change in changes:
            since = f"from {text_from_ns(change.time_ns)} on"
            whose = f" in process {change.process_id}" if figures.processes > 1 else ""
            print(f"{'changed':<16} {one_line(f'{since}{whose}: {told_flags(change.flags)}')}")
        for problem in problems:
            print(f"{'problem':<16} {one_line(problem.what)}")
        if unseen:
            print()
            print("\n".join(unseen_lines(unseen)))
    return 0
