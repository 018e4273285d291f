"""What people miss in other viewers of traces, tried one after the other by keys in one window.

The projects and numbers are those of the issues in which it was asked for.
"""

from __future__ import annotations

from typing import Any

from scope_gui.window.panels import WIDE
from tests.journeys.person import Person
from views.timeline.state import TimelineState


def try_complaints(person: Person) -> dict[str, Any]:
    """What each key changed; the test says what it has to be."""
    person.wait_for_session()
    person.expect(lambda: not person.assigns.looks_for_findings, "all detectors have looked")
    seen: dict[str, Any] = {"narrow": person.window.width() < WIDE, "threads": _threads(person)}
    person.press("Ctrl+K")
    person.type_text(person.given["function"])
    person.expect(lambda: _is_at_a_call(person), "the function is picked, at its next call")
    calls = [person.assigns.cursor_ns]
    for key in ("F3", "F3", "Shift+F3"):
        calls.append(_after(person, key))
    seen["calls"] = calls
    person.press("Escape", "0")
    seen["zoom"] = [_width(person)]
    for key in ("W", "W", "S", "0"):
        person.press(key)
        seen["zoom"].append(_width(person))
    seen["step in time"] = [person.assigns.cursor_ns, _after(person, "Ctrl+Shift+Right"), _width(person)]
    before = person.assigns.cursor_ns
    person.press("M")
    for _ in range(5):
        _after(person, "Ctrl+Shift+Right")
    seen["between"] = [person.assigns.cursor_ns - before, person.window.transport.marked.text()]
    person.press("I")
    person.expect(lambda: "calls" in _rows(person, "stretch"), "what the stretch came to")
    seen["stretch"] = _rows(person, "stretch")
    person.press("Escape", "Shift+M")
    scale = [person.assigns.scale]
    for key in ("Ctrl++", "Ctrl+0"):
        person.press(key)
        scale.append(person.assigns.scale)
    seen["scale"] = scale
    person.press("Shift+P")
    seen["pinned"] = [person.assigns.focus_track_id in person.assigns.of(TimelineState).pinned]
    person.press("Shift+P")
    seen["pinned"].append(person.assigns.focus_track_id in person.assigns.of(TimelineState).pinned)
    person.do_by_palette("Peak of memory")
    person.expect(lambda: person.assigns.cursor_ns == person.given["peak_ns"] and person.is_at_rest(), "the peak")
    return seen


def _is_at_a_call(person: Person) -> bool:
    picked = person.assigns.selection
    return picked is not None and picked.kind == "site" and picked.track_id != 0 and person.is_at_rest()


def _threads(person: Person) -> list[int]:
    """How many threads have a lane in sight."""
    lanes = person.window.views["timeline"]._placed
    return sorted(one for lane in lanes if lane.shape not in ("metric", "head") for one in lane.track_ids)


def _width(person: Person) -> int:
    first_ns, last_ns = person.assigns.visible_ns
    return last_ns - first_ns


def _after(person: Person, key: str) -> int:
    """Where the cursor is after a key that moves it."""
    before = person.assigns.cursor_ns
    person.press(key)
    person.expect(lambda: person.assigns.cursor_ns != before and person.is_at_rest(), f"{key} moves the cursor")
    return person.assigns.cursor_ns


def _rows(person: Person, key: str) -> dict[str, str]:
    sections = person.window.views["inspector"].sections()
    rows = [row for section in sections if section.key == key and not section.is_old for row in section.rows]
    return {row.label: "".join(piece.text for piece in row.pieces) for row in rows}


STORIES = {"complaints": try_complaints}
