"""`scope-gui trigger`: has a flight recorder save what it has."""

from __future__ import annotations

import argparse

from scope_gui.recording import control
from scope_gui.streams import say
from scope_gui.verbs.shared_flags import session_flag

LONGEST = 200


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session's, and what for."""
    session_flag(parser)
    parser.add_argument("--reason", default="asked for", metavar="TEXT", help="what the note at that moment says")


def run(arguments: argparse.Namespace) -> int:
    """Asks the flight recorder of a session to save its last part as a session of its own."""
    control.trigger(arguments.session, arguments.reason[:LONGEST])
    say(f"asked the flight recorder of {arguments.session} to save; it says where to when its --tail is over")
    return 0
