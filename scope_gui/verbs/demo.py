"""`scope-gui demo`: the demo, live in the window."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import cast

from scope_gui.display import of_qt


def flags(parser: argparse.ArgumentParser) -> None:
    """What can be said of it."""
    parser.add_argument("-o", "--output", type=Path, metavar="S.scope", help="where to record (default: in ~/Scope)")


def run(arguments: argparse.Namespace) -> int:
    """Shows the demo live; it ends with the window."""
    return cast(int, of_qt("scope_gui.window.app:demo")(arguments))
