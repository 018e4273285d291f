"""`scope-gui open`: a session, or a recording of another tool, in the window."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from scope_gui.display import of_qt
from scope_gui.verbs.shared_flags import TIMES, time_word


def flags(parser: argparse.ArgumentParser) -> None:
    """What can be said of it."""
    what = "or a recording of another tool, of which a session is made first; without one: the welcome page"
    parser.add_argument("session", type=Path, nargs="?", metavar="S.scope", help=what)
    parser.add_argument(
        "--show-problems",
        action="store_true",
        help="say what is wrong with the session in the window, not on stderr: for desktops and launchers",
    )
    parser.add_argument("--at", type=time_word, metavar="TIME", help=f"where to begin: {TIMES}")


def run(arguments: argparse.Namespace) -> int:
    """Shows a session."""
    return cast(int, of_qt("scope_gui.window.app:open_session")(arguments))
