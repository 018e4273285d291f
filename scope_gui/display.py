"""Whether a window can be shown here. No Qt: Qt itself would end the process to find out."""

from __future__ import annotations

import os
import sys
from typing import Any

from capture.errors import TargetProblem
from capture.named import named

# Qt's platforms that draw for nobody: a window there could be neither seen nor closed.
_UNSEEN = {"offscreen", "minimal", "minimalegl", "vkkhrdisplay"}


def has_display() -> bool:
    """Whether Qt can open a window, be it one that nobody sees."""
    return sys.platform != "linux" or bool(os.environ.get("QT_QPA_PLATFORM")) or _is_named()


def is_seen() -> bool:
    """Whether a person would see that window."""
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    return platform not in _UNSEEN and (sys.platform != "linux" or _is_named())


def _is_named() -> bool:
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def of_qt(where: str) -> Any:
    """What is named "module:Name", of a module that imports Qt.

    Raises: TargetProblem where one of Qt's libraries is missing.
    """
    try:
        return named(where)
    except ImportError as error:
        if not (error.name or "PySide6").startswith("PySide6"):
            raise
        raise TargetProblem(f"The window cannot start: {error}.", "`make setup` installs what Qt needs.") from error
