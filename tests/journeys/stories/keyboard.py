"""Everything without a mouse: where Tab goes, and selecting a thread, a link, a lane and a room."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from tests.journeys.person import Person


def name_of(widget: QWidget | None) -> str:
    """How a screen reader would call it."""
    if widget is None:
        return ""
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text or type(widget).__name__


def walk_through_everything(person: Person) -> dict[str, Any]:
    """Tab goes around through everything that can have the keyboard, and Shift+Tab the other way."""
    person.wait_for_session()
    start = QApplication.focusWidget()
    forward, back = [name_of(start)], [name_of(start)]
    changed = []
    for keys, walked in (("Tab", forward), ("Shift+Tab", back)):
        for _ in range(60):
            before = person.window.grab().toImage()
            person.press(keys)
            changed.append(person.window.grab().toImage() != before)
            if QApplication.focusWidget() is start:
                break
            walked.append(name_of(QApplication.focusWidget()))
    return {"forward": forward, "back": back, "visible": changed}


def walk_through_dialogs(person: Person) -> dict[str, Any]:
    """In each dialog Tab goes around through everything, Escape closes it, and the keyboard is back where it was."""
    person.wait_for_session()
    start = QApplication.focusWidget()
    walked: dict[str, list[str]] = {}
    back: dict[str, bool] = {}
    for key in person.given["keys"]:
        person.press(key)
        person.expect(person.dialog_has_keyboard, f"the dialog of {key}, with the keyboard")
        dialog = QApplication.activeModalWidget()
        first = QApplication.focusWidget()
        walked[key] = [name_of(first)]
        for _ in range(60):
            person.press("Tab")
            if QApplication.focusWidget() is first:
                break
            walked[key].append(name_of(QApplication.focusWidget()))
        else:
            walked[key].append("and on for ever")
        assert dialog is QApplication.activeModalWidget(), "Tab has left the dialog"
        person.press("Escape")
        person.come_back()
        back[key] = QApplication.focusWidget() is start
    return {"walked": walked, "back": back}


def select_everything(person: Person) -> dict[str, Any]:
    """A lane with the arrows, a thread in the heat map, a link in the inspector, a room in the building."""
    person.wait_for_session()
    seen: dict[str, Any] = {"first_lane": person.assigns.focus_track_id}
    person.press("Down")
    seen["second_lane"] = person.assigns.focus_track_id
    person.press("Up")
    seen["lane_again"] = person.assigns.focus_track_id

    rows = person.window.views["supervision"].rows
    person.open_panel("Supervision", rows)
    person.press("Down", "Down")
    seen["thread"] = _selection(person)
    seen["thread_said"] = rows.accessibleDescription()
    seen["lane_of_thread"] = person.assigns.focus_track_id
    person.press("Up", "Return")
    seen["folded"] = sorted(person.assigns.folded)
    person.press("Return", "Down")

    inspector = person.window.views["inspector"]
    person.open_panel("Inspector", inspector)
    for _ in range(200):
        person.press("Down")
        spot = inspector.chosen()
        if spot is not None and spot.text == "go to entry":
            break
    seen["cursor"] = person.assigns.cursor_ns
    person.press("Return")
    seen["entry"] = person.assigns.cursor_ns
    person.press("Alt+Left")
    seen["back"] = person.assigns.cursor_ns

    person.press("Escape")
    seen["nothing"] = _selection(person)
    person.press("P", "Right", "Up")
    seen["room"] = _selection(person)
    person.press("Escape")
    seen["left_the_building"] = QApplication.focusWidget() is not person.window.building.stage
    return seen


def choose_lanes(person: Person) -> dict[str, Any]:
    """The lanes by name, one by one and by how busy they are; one of them higher; and all of them again."""
    person.wait_for_session()
    timeline = person.window.views["timeline"]

    def names() -> list[str]:
        return [lane.name for lane in timeline.lanes() if lane.indent]

    def height() -> int:
        return next(int(lane.height) for lane in timeline.lanes() if lane.track_id == person.assigns.focus_track_id)

    seen: dict[str, Any] = {"all": names()}
    person.press("T")
    person.press(*"er-1")
    person.expect(lambda: len(names()) < len(seen["all"]), "the lanes with that name")
    seen["named"], seen["left_out"] = names(), timeline.ends().left_out
    person.press("Return")
    seen["back_at_lanes"] = QApplication.focusWidget() is timeline
    seen["high"] = height()
    person.press("Alt+Shift+Down")
    seen["higher"] = height()
    person.press("Alt+Shift+Up", "Shift+H")
    seen["as_high"], seen["again"] = height(), names()
    person.press("H")
    seen["hidden"], seen["told"] = names(), person.notice()
    person.press("Shift+H", "Ctrl+Home")
    seen["main"] = person.window.source.names.track(person.assigns.focus_track_id)
    person.press("Shift+T")
    person.expect(lambda: person.assigns.lane_choice.ranked, "the busiest lanes first")
    seen["ranked"] = names()
    return seen


def _selection(person: Person) -> list[Any] | None:
    picked = person.assigns.selection
    return None if picked is None else [picked.kind, picked.id, picked.track_id]


STORIES = {
    "tab": walk_through_everything,
    "tab in dialogs": walk_through_dialogs,
    "select": select_everything,
    "lanes": choose_lanes,
}
