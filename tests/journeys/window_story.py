"""Plays a person at the window: `python -m tests.journeys.window_story STORY COMMAND...`.

Starts the real command line, plays the story once the window is there and prints one JSON document of what was seen.
Exit status: that of the command line; 3 when something that was waited for never came. Stories are in `stories/`,
how to write one is in `person.py`.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from scope_gui import cli
from scope_gui.window import app
from tests.journeys.person import Person
from tests.journeys.stories import (
    bookmarks,
    complaints,
    conditions,
    first_questions,
    first_window,
    guide,
    jobs,
    keyboard,
    menus,
    pictures,
    stretch,
    till_killed,
)

STORIES: dict[str, Callable[[Person], dict[str, Any]]] = {
    **bookmarks.STORIES,
    **complaints.STORIES,
    **conditions.STORIES,
    **first_questions.STORIES,
    **first_window.STORIES,
    **guide.STORIES,
    **jobs.STORIES,
    **keyboard.STORIES,
    **menus.STORIES,
    **pictures.STORIES,
    **stretch.STORIES,
    **till_killed.STORIES,
}


def play(name: str) -> None:
    """Plays a story, prints what was seen and quits with the keyboard."""
    try:
        person = Person()
        seen = STORIES[name](person)
        person.mouse.stop()
        seen["mouse"] = dict(person.mouse.seen)
        picture = Path(f"{name}.png")
        person.window.grab().save(str(picture))
        sys.stdout.write(msgspec.json.encode(seen).decode())
        sys.stdout.flush()
        QTest.keySequence(person.window, "Ctrl+Q")
    except BaseException:
        traceback.print_exc()
        for widget in QApplication.topLevelWidgets():
            if widget.isVisible():
                widget.grab().save(f"{name}-failed-{type(widget).__name__}.png")
        QApplication.exit(3)


if __name__ == "__main__":
    app.qt_application()
    QTimer.singleShot(0, lambda: play(sys.argv[1]))
    sys.exit(cli.main(sys.argv[2:]))
