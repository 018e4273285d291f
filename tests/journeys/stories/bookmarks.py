"""Moments found with the keyboard, bookmarked, and found again next week."""

from __future__ import annotations

from PySide6.QtWidgets import QDialog

from tests.journeys.person import Person
from views.drawing.theme import colours


def scrub_and_bookmark(person: Person) -> dict[str, object]:
    """Opens, steps, bookmarks with and without a note, looks around, quits."""
    person.wait_for_session()
    seen: dict[str, object] = {"opened_at_ns": person.assigns.cursor_ns}
    flag = colours(person.assigns.theme).bookmark
    seen["flag_before"] = person.track_has_colour(flag)
    person.press(".", ".", ".")
    seen["three_on_ns"] = person.assigns.cursor_ns
    person.press("B")
    person.press(",", ",", ",", "Shift+B")
    person.type_text("leak 25% here")
    seen["speed_after_typing"] = person.assigns.speed
    person.press("2", "5")
    seen["speed"] = person.assigns.speed
    person.press("Home")
    seen["home_ns"] = person.assigns.cursor_ns
    person.press("N", "N")
    seen["second_bookmark_ns"] = person.assigns.cursor_ns
    person.press("Alt+Left")
    seen["back_ns"] = person.assigns.cursor_ns
    person.press("W", "W", "D")
    seen["visible_ns"] = person.assigns.visible_ns
    person.press("0")
    seen["all_visible"] = person.assigns.visible_ns == person.assigns.range_ns
    person.press("Ctrl+Shift+P")
    person.type_text("dark or")
    seen["theme"] = person.assigns.theme
    person.press("Ctrl+T", "G")
    person.type_text("end")
    seen["end_ns"] = person.assigns.cursor_ns
    person.press("Home", "Space")
    person.expect(lambda: person.assigns.cursor_ns == seen["end_ns"], "playing reaches the end")
    seen["playing_at_the_end"] = person.assigns.playing
    person.expect(lambda: person.track_has_colour(flag), "the bookmark's flag")
    seen["flag_after"] = True
    person.press("Left", "Left")
    person.expect(person.is_at_rest, "rest")
    seen["left_at"] = [person.assigns.cursor_ns, *person.assigns.visible_ns]
    return seen


def continue_next_week(person: Person) -> dict[str, object]:
    """Starts without a session and goes on with the one opened last."""
    seen: dict[str, object] = {"welcome": person.window.welcome.isVisible()}
    person.expect(person.window.welcome.recent.isVisible, "sessions opened lately")
    person.window.welcome.recent.setFocus()
    person.press("Return")
    person.wait_for_session()
    seen["notes"] = [(bookmark.time_ns, bookmark.text) for bookmark in person.assigns.bookmarks]
    seen["opened_at"] = [person.assigns.cursor_ns, *person.assigns.visible_ns]
    person.press("Home", "N")
    seen["first_bookmark_ns"] = person.assigns.cursor_ns
    person.press("?")
    dialogs = [d for d in person.window.findChildren(QDialog) if d.isVisible()]
    seen["help"] = [dialog.windowTitle() for dialog in dialogs]
    person.press("Escape")
    person.come_back()
    person.press("Ctrl+W")
    person.expect(lambda: person.assigns.session is None, "the session closes")
    return seen


STORIES = {"scrub": scrub_and_bookmark, "continue": continue_next_week}
