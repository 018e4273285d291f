"""`scope-gui configure`: changes what is recorded of a program while it is being recorded."""

from __future__ import annotations

import argparse

from capture import flags as capture_flags
from capture.changes import told_flags
from capture.errors import WrongUsage
from capture.flags import given_flags
from scope_gui.recording.control import configure
from scope_gui.streams import say
from scope_gui.verbs.shared_flags import session_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session's, and what from now on."""
    session_flag(parser)
    for flag in capture_flags.FLAGS:
        flag.add_change_to(parser)


def run(arguments: argparse.Namespace) -> int:
    """Has the recorder of a session record something else from now on; what is not named stays as it is."""
    given = given_flags(arguments)
    if not given:
        options = ", ".join(flag.option for flag in capture_flags.FLAGS if flag.is_live)
        raise WrongUsage(f"Say what to change: {options}.")
    say(f"{arguments.session} is recorded from now on with: {told_flags(configure(arguments.session, given))}")
    return 0
