"""`scope-gui guide`: the pages of the guide in a terminal."""

from __future__ import annotations

import argparse
import shutil
from typing import Any

from capture.named import named
from scope_gui.streams import reader_may_leave

_GUIDE = "scope_gui.guide:Guide"  # by name: its pages speak of commands, of which verbs are some
WIDEST, UNKNOWN = 100, (100, 24)


def flags(parser: argparse.ArgumentParser) -> None:
    """Which page."""
    names = ", ".join(named(_GUIDE)().titles)
    parser.add_argument("page", nargs="?", metavar="PAGE", help=f"one of {names}; without it the first")


def run(arguments: argparse.Namespace) -> int:
    """Prints a page, and says which others there are."""
    guide: Any = named(_GUIDE)()
    page = arguments.page or next(iter(guide.titles))
    text = guide.as_text(page, min(shutil.get_terminal_size(UNKNOWN).columns, WIDEST))
    others = [f"  scope-gui guide {name:<10} {title}" for name, title in guide.titles.items() if name != page]
    with reader_may_leave():
        print("\n".join([text, "", "Other pages:", *others]))
    return 0
