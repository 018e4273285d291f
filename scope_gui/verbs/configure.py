"""`scope-gui configure`: changes what is recorded of a program while it is being recorded."""

from __future__ import annotations

import argparse

from capture import flags as capture_flags
from capture.errors import WrongUsage
from capture.flags import given_flags
from scope_gui.recording.control import changes_told, configure
from scope_gui.streams import say
from scope_gui.verbs.shared_flags import session_flag, whole

MOST_PID = 1 << 22  # of Linux


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session's, and what from now on."""
    session_flag(parser)
    parser.add_argument(
        "--pid", type=whole(1, MOST_PID), metavar="PID", help="only what is recorded of this process; else of all"
    )
    for flag in capture_flags.FLAGS:
        flag.add_change_to(parser)


def run(arguments: argparse.Namespace) -> int:
    """Has the recorder of a session record something else from now on; what is not named stays as it is."""
    given = given_flags(arguments)
    if not given:
        options = ", ".join(flag.option for flag in capture_flags.FLAGS if flag.is_live)
        raise WrongUsage(f"Say what to change: {options}.")
    changed = configure(arguments.session, given, arguments.pid)
    for words in changes_told(changed, arguments.pid):
        say(f"{arguments.session} is recorded from now on with: {words}")
    return 0
