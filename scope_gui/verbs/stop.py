"""`scope-gui stop`: has the recorder of a session detach and save."""

from __future__ import annotations

import argparse

from scope_gui.recording import control
from scope_gui.streams import say
from scope_gui.verbs.shared_flags import session_flag


def flags(parser: argparse.ArgumentParser) -> None:
    """Which session's."""
    session_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Asks the recorder of a session to detach and save."""
    control.ask(arguments.session, "stop")
    say(f"asked the recorder of {arguments.session} to stop")
    return 0
