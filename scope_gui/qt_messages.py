"""What Qt has to say goes to stderr, under our name; what is harmless is left out."""

from __future__ import annotations

import logging
import sys

from PySide6.QtCore import QMessageLogContext, QtMsgType

from capture.shown_text import one_line

# Said by Qt on displays that lack a desktop's services; nothing is wrong then.
_HARMLESS = ("propagateSizeHints", "XDG_RUNTIME_DIR", "QStandardPaths", "Could not connect to the session bus")

_log = logging.getLogger(__name__)


def on_qt_message(kind: QtMsgType, context: QMessageLogContext, text: str) -> None:
    """A handler for qInstallMessageHandler."""
    if kind is not QtMsgType.QtDebugMsg and not any(part in text for part in _HARMLESS):
        print(f"scope-gui: Qt: {text}", file=sys.stderr)
        _log.warning("Qt: %s", one_line(text))
