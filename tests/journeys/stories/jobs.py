"""Ten jobs that a person comes with, one after the other in one window, by keys alone: how many actions each takes.

An action is a key, or something that is typed and accepted. What a job begins from (nothing picked, a moment inside a
call) is brought about by keys that are not counted.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QApplication

from scope_gui.dialogs.export import ExportDialog
from tests.journeys.person import Person
from tests.journeys.stories.first_questions import Actions, picked

NOTE = "the shelf was empty here"


def do_the_jobs(person: Person) -> dict[str, Any]:
    """All ten; `given` says which thread, value and moment."""
    person.wait_for_session()
    person.expect(lambda: not person.assigns.looks_for_findings, "all detectors have looked")
    seen: dict[str, Any] = {"size": [person.window.width(), person.window.height()]}
    for job in (
        *(slowest_call, next_error, who_changed_and_history, everywhere),
        *(call_at_cursor, compare, note, export, same_place),
    ):
        person.press("Escape", "Escape")
        seen |= job(person)
    return seen


def slowest_call(person: Person) -> dict[str, Any]:
    actions = Actions(person)
    actions.press("Ctrl+K")
    actions.take("Slowest calls")
    box = person.window.find_box
    person.expect(lambda: box.lines() and box.lines()[0].does is not None, "the slowest calls are counted")
    actions.press("Return")
    person.come_back()
    person.expect(lambda: picked(person)[0] == "call" and person.is_at_rest(), "the slowest call is picked")
    return {"slowest call": {"actions": actions.count, "call": picked(person)[1]}}


def next_error(person: Person) -> dict[str, Any]:
    actions = Actions(person)
    actions.press("X")
    person.expect(lambda: picked(person)[0] == "event" and person.is_at_rest(), "an exception is picked")
    person.expect(lambda: _page(person, "exception"), "its page")
    return {"next error": {"actions": actions.count, "page": _page(person, "exception")}}


def who_changed_and_history(person: Person) -> dict[str, Any]:
    """The value's page has both; the write before is one key more."""
    actions = Actions(person)
    actions.press("Ctrl+K")
    actions.type(person.given["value"])
    person.expect(lambda: picked(person)[0] == "state" and "writer" in _page(person, "value"), "the value's page")
    version, count = picked(person)[1], actions.count
    history = [int(key) for key in _page(person, "history") if key.isdecimal()]
    page = _page(person, "value")
    actions.press("Ctrl+[")
    person.expect(lambda: picked(person)[1] != version and person.is_at_rest(), "the write before is picked")
    return {
        "who changed this value": {"actions": count, "version": version, "writer": page["writer"]},
        "history of a value": {"actions": count, "versions": history},
        "the write before": {"actions": actions.count - count, "version": picked(person)[1]},
    }


def everywhere(person: Person) -> dict[str, Any]:
    actions = Actions(person)
    actions.press("Ctrl+K")
    actions.type(person.given["thread"])
    person.expect(lambda: picked(person)[0] == "track" and person.is_at_rest(), "the thread is picked")
    shown = {"picked": picked(person)[1], "lane": person.assigns.focus_track_id}
    plan = person.window.building.stage.plan
    floor = plan.floors[plan.floor_of(shown["picked"]) or 0].name if plan is not None else ""
    person.expect(lambda: "name" in _page(person, "identity"), "the thread's page")
    page = _page(person, "identity")["name"]
    return {"a thread everywhere": {"actions": actions.count, **shown, "floor": floor, "page": page}}


def call_at_cursor(person: Person) -> dict[str, Any]:
    _go_to(person, person.given["inside_ns"])
    actions = Actions(person)
    actions.press("Return")
    person.expect(lambda: picked(person)[0] == "call", "the call at the cursor is picked")
    before = person.assigns.visible_ns
    actions.press("F")
    person.expect(lambda: person.assigns.visible_ns != before and person.is_at_rest(), "the call is shown large")
    return {
        "the call at the cursor, large": {
            "actions": actions.count,
            "call": picked(person)[1],
            "visible_ns": person.assigns.visible_ns,
        }
    }


def compare(person: Person) -> dict[str, Any]:
    person.press("0")
    actions = Actions(person)
    actions.press("M")
    actions.press("Home")
    titles = [section.title for section in person.window.views["inspector"].sections()]
    person.press("Shift+M")
    return {"compare with a mark": {"actions": actions.count, "first": titles[0]}}


def note(person: Person) -> dict[str, Any]:
    _go_to(person, person.given["inside_ns"])
    actions = Actions(person)
    actions.press("Shift+B")
    actions.type(NOTE)
    person.expect(lambda: [one.text for one in person.assigns.bookmarks] == [NOTE], "the note is there")
    person.press("Home")
    actions.press("N")
    rows = [row for section in person.window.views["inspector"].sections() for row in section.rows]
    return {
        "a note that is seen again": {
            "actions": actions.count,
            "cursor_ns": person.assigns.cursor_ns,
            "listed": any(NOTE in f"{row.label} {''.join(piece.text for piece in row.pieces)}" for row in rows),
        }
    }


def export(person: Person) -> dict[str, Any]:
    actions = Actions(person)
    actions.press("Ctrl+E")
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, ExportDialog)
    path = Path(dialog.form.path.text())
    actions.press("Return")
    person.expect(path.exists, "the picture is written")
    person.come_back()
    return {"export": {"actions": actions.count, "bytes": path.stat().st_size}}


def same_place(person: Person) -> dict[str, Any]:
    """Closed, and open again as it was."""
    _go_to(person, person.given["inside_ns"])
    person.press("W", "W")
    left = [person.assigns.cursor_ns, *person.assigns.visible_ns]
    actions = Actions(person)
    actions.press("Ctrl+W")
    person.expect(person.window.welcome.recent.hasFocus, "the session that was left, in the list")
    actions.press("Return")
    person.wait_for_session()
    found = [person.assigns.cursor_ns, *person.assigns.visible_ns]
    return {"the same place again": {"actions": actions.count, "left": left, "found": found}}


def _go_to(person: Person, time_ns: int) -> None:
    person.press("G")
    person.type_text(f"{time_ns}ns")
    person.expect(lambda: person.assigns.cursor_ns == time_ns and person.is_at_rest(), f"the moment {time_ns}")


def _page(person: Person, key: str) -> dict[str, str]:
    """What a section of the inspector says, by the keys of its rows."""
    sections = person.window.views["inspector"].sections()
    return {
        row.key: "".join(piece.text for piece in row.pieces)
        for section in sections
        if section.key == key and not section.is_old
        for row in section.rows
    }


STORIES = {"jobs": do_the_jobs}
