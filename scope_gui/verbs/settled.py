"""What a verb takes from the settings; what holds nothing there is said, and is no reason to stop."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from capture.shown_text import one_line
from scope_gui.settings.file import load, settings_file
from scope_gui.settings.table import Setting


def settings_settled(rows: Sequence[Setting]) -> Mapping[str, Any]:
    """What is settled of these."""
    read = load(rows)
    for problem in read.problems:
        print(f"scope-gui: {settings_file().name}: {one_line(problem)}", file=sys.stderr)
    return read.settings
