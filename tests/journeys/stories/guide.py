"""The first page of the guide, followed as it stands: every key that it names, every word that it has one type."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from scope_gui.commands import COMMANDS
from scope_gui.dialogs.guide import GuideWindow
from scope_gui.guide import Guide, GuideBlock
from tests.journeys.person import Person

Seen = dict[str, Any]
_PICKS = {"Pick the call under the cursor": "call", "Next exception": "event"}
"""What is picked once these have found it."""
_OCCURRENCES = ("Next event of the finding", "Previous event of the finding")


def follow_the_first_page(person: Person) -> Seen:
    """Opens the guide from two panels, then does what its first page says, on a recording that is there already."""
    person.wait_for_session()
    seen: Seen = {"pages": [_asked_about(person)]}
    person.press("F6")
    seen["pages"].append(_asked_about(person))
    person.window.views["timeline"].setFocus()
    seen["steps"] = {}
    record, *others = [one for one in Guide().sections("start") if any(block.kind == "step" for block in one.blocks)]
    for section in others:
        seen["steps"][section.heading] = [
            _follow(person, block) for block in section.blocks if block.kind == "step" and not _writes(block)
        ]
    seen["left_out"] = record.heading
    seen["bookmarks"] = [bookmark.text for bookmark in person.assigns.bookmarks]
    return seen


def _asked_about(person: Person) -> str:
    """Which page the guide shows of the panel with the keyboard; back in the window afterwards."""
    QTest.keySequence(person.with_keyboard(), "F1")
    person.expect(lambda: isinstance(QApplication.activeWindow(), GuideWindow), "the guide")
    guide = QApplication.activeWindow()
    assert isinstance(guide, GuideWindow)
    QTest.keySequence(guide.line, "F1")
    person.expect(person.window.isActiveWindow, "the window has the keyboard again")
    assert guide.isVisible()
    person.window.activateWindow()
    return guide.page


def _writes(block: GuideBlock) -> bool:
    """Whether a step asks for a file to write: the other tests do that."""
    return any(piece.names == "Keep the session as one file" for piece in block.pieces)


def _follow(person: Person, step: GuideBlock) -> Seen:
    """Does a step, piece by piece; what it says is seen must be on the screen."""
    for piece in step.pieces:
        match piece.kind:
            case "command":
                _do(person, piece.names)
            case "typed":
                person.expect(person.dialog_has_keyboard, f"something to type {piece.text} into")
                QTest.keyClicks(person.with_keyboard(), piece.text)
            case "key":
                before, taken = _where(person), _taken_line(person)
                QTest.keySequence(person.with_keyboard(), piece.text)
                person.come_back()
                person.expect(partial(_has_led_there, person, taken, before), f"{piece.text} has led on")
                person.expect(person.is_at_rest, f"rest after {piece.text}")
            case "seen":
                person.expect(partial(_is_seen, person, piece.text), piece.text)
            case _:
                pass
    shown = person.assigns
    picked = [shown.selection.kind, shown.selection.id] if shown.selection else None
    return {"cursor_ns": shown.cursor_ns, "visible_ns": shown.visible_ns, "picked": picked}


def _do(person: Person, title: str) -> None:
    """By its key; by the box that finds anything where it has none, as the menu would do it."""
    command = next(command for command in COMMANDS if command.title == title)
    if command.keys:
        before = _where(person)
        person.press(command.keys[0])
        if title in _PICKS:
            person.expect(
                lambda: _picked(person)[0] == _PICKS[title] and _where(person) != before, f"{title} has led on"
            )
        elif title == "Fit what is picked":
            person.expect(lambda: _where(person) != before, "another stretch is seen")
        elif title in _OCCURRENCES:
            person.expect(lambda: _picked(person) == _occurrence(person), f"{title} has led there")
        return
    person.press("Ctrl+K")
    person.expect(person.dialog_has_keyboard, "the box")
    QTest.keyClicks(person.with_keyboard(), title)
    box = person.window.find_box
    person.expect(lambda: box.lines() and box.lines()[0].title == title, f"{title} is offered")
    QTest.keySequence(person.with_keyboard(), "Return")
    person.expect(lambda: person.is_at_rest() and not box.line.text(), f"{title} is done, or its list is there")


def _where(person: Person) -> tuple[Any, ...]:
    """All that a step of the page can change; answers come later than a key, and before them a window is at rest."""
    shown = person.assigns
    return shown.cursor_ns, shown.visible_ns, shown.selection, shown.bookmarks


def _taken_line(person: Person) -> Any:
    """What Enter will do in the box: its current line, once it has been found; None where the box is not open."""
    box = person.window.find_box
    if not box.isVisible():
        return None
    person.expect(lambda: box.lines()[box.list.currentRow()].does is not None and not box._is_waiting(), "a line")
    return box.lines()[box.list.currentRow()].does


def _has_led_there(person: Person, taken: Any, before: tuple[Any, ...]) -> bool:
    if taken is None:
        return _where(person) != before
    if taken.kind == "finding":
        assert person.assigns.findings is not None
        return _picked(person) == ("event", person.assigns.findings[taken.id].event_ids[0])
    return bool(person.assigns.cursor_ns == taken.time_ns)


def _picked(person: Person) -> tuple[str, int]:
    picked = person.assigns.selection
    return (picked.kind, picked.id) if picked is not None else ("", 0)


def _occurrence(person: Person) -> tuple[str, int]:
    """The event of the finding that was gone to."""
    shown = person.assigns
    assert shown.findings is not None
    assert shown.finding_at is not None
    return "event", shown.findings[shown.finding_at].event_ids[shown.occurrence]


def _is_seen(person: Person, words: str) -> bool:
    return words in _on_the_screen(person)


def _on_the_screen(person: Person) -> str:
    """The words that somebody reads: the sentence below, the inspector, the lines of the box, the row of findings."""
    inspector = person.window.views["inspector"]
    page = [words.text for words in inspector._page.words] if inspector.isVisible() else []
    box = person.window.find_box
    lines = [f"{line.title} {line.detail}" for line in box.lines()] if box.isVisible() else []
    return "\n".join([person.notice(), *page, *lines])


STORIES = {"first page of the guide": follow_the_first_page}
