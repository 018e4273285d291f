"""The first questions, by keys alone: how many actions lead from a fresh window to the answer."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QApplication

from scope_gui.dialogs.find_box import FindBox
from tests.journeys.person import Person


def ask_the_first_questions(person: Person) -> dict[str, Any]:
    """The slowest call, the next error, a thread by its name, a value and who changed it. Typing a name counts as one
    action.
    """
    person.wait_for_session()
    seen: dict[str, Any] = {"fresh": person.assigns.cursor_ns}

    actions = Actions(person)
    actions.press("Ctrl+K")
    actions.take("Slowest calls")
    box = person.window.find_box
    person.expect(lambda: box.lines() and box.lines()[0].does is not None, "the slowest calls are counted")
    seen["slowest_line"] = box.lines()[0].title
    actions.press("Return")
    person.come_back()
    person.expect(lambda: picked(person)[0] == "call" and person.is_at_rest(), "the slowest call is picked")
    seen["slowest"] = {"actions": actions.count, "picked": picked(person), "cursor": person.assigns.cursor_ns}
    seen["said"] = person.notice()

    person.press("Escape")
    seen["escaped"] = [picked(person)[0], person.notice()]

    actions = Actions(person)
    before = person.assigns.cursor_ns
    actions.press("X")
    person.expect(lambda: picked(person)[0] == "event" and person.is_at_rest(), "an exception is picked")
    seen["error"] = {"actions": actions.count, "picked": picked(person), "from": before}
    seen["error"]["cursor"] = person.assigns.cursor_ns

    strip = person.window.strip
    person.expect(lambda: not person.assigns.looks_for_findings, "all detectors have looked")
    found = person.assigns.findings or ()
    seen["chips"] = [chip.accessibleName() for chip in strip.chips if chip.isVisible()]
    number = next(at for at, one in enumerate(found) if len(one.event_ids) > 1)
    actions = Actions(person)
    actions.press(f"Alt+{number + 1}")
    person.expect(lambda: picked(person)[1] == found[number].event_ids[0], "the finding's first event is picked")
    seen["finding"] = {"actions": actions.count, "picked": picked(person), "events": found[number].event_ids}
    person.press("Alt+Shift+Right")
    person.expect(lambda: picked(person)[1] == found[number].event_ids[1], "its second event is picked")
    seen["occurrence"] = picked(person)

    actions = Actions(person)
    actions.press("Ctrl+K")
    actions.type(person.given["thread"])
    person.expect(lambda: picked(person)[0] == "track" and person.is_at_rest(), "the thread is picked")
    seen["thread"] = {"actions": actions.count, "picked": picked(person), "focus": person.assigns.focus_track_id}

    person.come_back()
    person.window.views["timeline"].setFocus()
    person.press("Return")

    def answered() -> bool:  # a notice is gone after a while: what it said is taken down as it is seen
        seen["entered"] = [picked(person)[0], person.notice()]
        return seen["entered"][0] == "call" or "No call runs" in seen["entered"][1]

    person.expect(answered, "Enter has picked a call, or said why not")
    return seen | _ask_about_a_value(person)


def _ask_about_a_value(person: Person) -> dict[str, Any]:
    """Its history by its name, then who changed it before that."""
    person.press("Escape")
    actions = Actions(person)
    actions.press("Ctrl+K")
    actions.type(person.given["value"])
    person.expect(lambda: picked(person)[0] == "state" and _rows(person, "history"), "the history of the value")
    history = {"actions": actions.count, "picked": picked(person), "lines": len(_rows(person, "history"))}
    before = picked(person)
    actions = Actions(person)
    actions.press("Ctrl+[")
    person.expect(lambda: picked(person) != before and person.is_at_rest(), "the write before is picked")
    person.expect(lambda: _is_fresh(person), "it is told who wrote it")
    who = {"actions": actions.count, "picked": picked(person), "cursor": person.assigns.cursor_ns}
    return {"history": history, "who": {**who, "writer": _rows(person, "value").get("writer", "")}}


def _rows(person: Person, key: str) -> dict[str, str]:
    """What a section of the inspector says, row by row."""
    sections = person.window.views["inspector"].sections()
    rows = [row for section in sections if section.key == key for row in section.rows]
    return {row.key: "".join(piece.text for piece in row.pieces) for row in rows}


def _is_fresh(person: Person) -> bool:
    return not any(section.is_old for section in person.window.views["inspector"].sections())


class Actions:
    """Counts what a person does: a key, or a name typed and Enter."""

    def __init__(self, person: Person) -> None:
        self._person, self.count = person, 0

    def press(self, key: str) -> None:
        self._person.press(key)
        self.count += 1

    def take(self, title: str) -> None:
        """Takes the line that is current, which must be this one."""
        box = QApplication.activeModalWidget()
        assert isinstance(box, FindBox)
        assert box.lines()[box.list.currentRow()].title == title
        self.press("Return")

    def type(self, text: str) -> None:
        self._person.type_text(text)
        self.count += 1


def picked(person: Person) -> list[Any]:
    """What is picked: its kind, and its id."""
    picked = person.assigns.selection
    return [None, 0] if picked is None else [picked.kind, picked.id]


STORIES = {"first questions": ask_the_first_questions}
