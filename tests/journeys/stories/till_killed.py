"""Sittings in which the window is killed at some instant: each says when it begins, in a file beside it.

Opening a session and keeping it as one file; recording a program until it is stopped; recovering what a killed recorder
has left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.journeys.person import Person
from tests.journeys.stories.first_window import _find_in

BEGUN = "begun"
GO = "go"


def keep_as_one_file(person: Person) -> dict[str, Any]:
    """With bookmarks set, which are in the file."""
    Path(BEGUN).touch()
    person.wait_for_session()
    for _ in range(3):
        person.press("Ctrl+Shift+Left", "B")
    person.press("Ctrl+S")
    person.type_text(person.given["target"])
    person.expect(lambda: "Kept as" in person.notice(), "it is kept")
    return {"bookmarks": len(person.assigns.bookmarks)}


def record_and_stop(person: Person) -> dict[str, Any]:
    """The recorder is the window's own."""
    person.press("Ctrl+Shift+A")
    dialog = _find_in(person)
    Path(BEGUN).touch()
    QTest.keyClick(dialog.filter, Qt.Key.Key_Return)
    person.come_back()
    person.wait_for_session()
    person.press("B", "Ctrl+Shift+S")
    person.expect(lambda: person.assigns.session and not person.assigns.session.live, "the recording ends")
    person.expect(lambda: "saved" in person.notice(), "it is saved")
    return {}


def recover_what_is_left(person: Person) -> dict[str, Any]:
    """What is shown at once is the offer."""
    Path(BEGUN).touch()
    notices = person.window.notices
    person.expect(notices.offer_button.isVisible, "the offer")
    person.tab_to(notices.offer_button)
    person.press("Return")
    person.expect(lambda: "is recovered" in person.notice(), "it is recovered")
    return {}


def recover_beside_another(person: Person) -> dict[str, Any]:
    """Another window offers the same; both are asked in the same moment."""
    notices = person.window.notices
    person.expect(notices.offer_button.isVisible, "the offer")
    person.tab_to(notices.offer_button)
    Path(person.given["ready"]).touch()
    person.expect(Path(GO).exists, "the other window")
    person.press("Return")
    said = person.notice()
    person.expect(lambda: person.assigns.session and not person.assigns.session.live, "the session is finished")
    return {"said": said}


STORIES = {
    "keep till killed": keep_as_one_file,
    "record till killed": record_and_stop,
    "recover till killed": recover_what_is_left,
    "recover beside another": recover_beside_another,
}
