"""The window in bad conditions: damage, targets and recorders that die, folders that vanish, disks that are full."""

from __future__ import annotations

import os
import resource
import shutil
import signal
from pathlib import Path
from typing import Any

from PySide6.QtCore import QRect

from tests.journeys.person import Person, has_colour
from tests.journeys.stories.pictures import rest
from views.drawing.theme import colours
from views.timeline.layout import GUTTER, OVERVIEW

Seen = dict[str, Any]


def look_at_damaged_sessions(person: Person) -> Seen:
    """Opens one after the other, walks through each from end to start, and reads what the window says of it."""
    return {"sessions": [_look_at(person, path) for path in person.given["paths"]]}


def _look_at(person: Person, path: str) -> Seen:
    person.open_by_keyboard(path)
    timeline, shown = person.window.views["timeline"], person.assigns
    person.expect(lambda: "damaged" in person.notice(), "the damage is told")
    told = person.notice()
    person.press("End", ",", "Left", "[", "]", "Ctrl+Left", "Home", ".")
    person.press("G")
    person.type_text(person.given.get("at", "50%"))
    person.expect(person.is_at_rest, "the frame")
    person.expect(lambda: not timeline.shown().missing and not timeline.shown().missing_calls, "everything is read")
    start_ns, end_ns = person.given.get("lost_ns") or (0, 0)
    left, right = (round(timeline.pointing().x_of(t) - GUTTER) for t in (start_ns, end_ns))
    stretch = (GUTTER + left + 2, max(right - left - 4, 1))
    lost = colours(shown.theme).warning
    person.window.views["inspector"].setFocus()
    return {
        "notice": told,
        "header": person.window.header.status.text(),
        "loss_in_overview": has_colour(timeline, lost, QRect(stretch[0], 0, stretch[1], OVERVIEW)),
        "loss_in_lanes": has_colour(timeline, lost, QRect(stretch[0], OVERVIEW + 40, stretch[1], 80)),
        "inspector": person.window.views["inspector"].as_text(),
        "building": person.window.building.stage.accessibleDescription(),
        "threads": _told_of_threads(person),
    }


def _told_of_threads(person: Person) -> str:
    rows = person.window.views["supervision"].rows
    person.open_panel("Supervision", rows)
    person.expect(lambda: rows.accessibleDescription() != "", "the threads are told")
    person.open_panel("Inspector", person.window.views["inspector"])
    return str(rows.accessibleDescription())


def find_damage_while_scrubbing(person: Person) -> Seen:
    """Damage nobody could see when the session was opened: it is told when the person comes there, and once."""
    person.wait_for_session()
    person.press("W", "W", "W", "W")
    before = person.notice()
    for name in person.given["files"]:
        data = bytearray(Path(name).read_bytes())
        data[len(data) // 2] ^= 4
        Path(name).write_bytes(data)
    person.press("End")
    person.expect(lambda: "damaged" in person.notice(), "the damage is told")
    told = person.notice()
    person.window.notices.dismiss_button.setFocus()
    person.press("Return")
    person.expect(lambda: not person.notice(), "the notice is gone")
    person.come_back()
    person.window.views["timeline"].setFocus()
    person.press(*[","] * 12, "Home", "End", *[","] * 12)
    return {"before": before, "told": told, "again": person.notice(), "header": person.window.header.status.text()}


def watch_a_program_die(person: Person) -> Seen:
    """The watched program is killed: the window says so, and what was recorded stays navigable."""
    person.wait_for_session()
    first_ns = person.assigns.range_ns[1]
    person.expect(lambda: person.assigns.range_ns[1] > first_ns, "the session grows")
    seen: Seen = {"live": person.window.header.status.text()}
    os.kill(person.given["pid"], signal.SIGKILL)
    person.expect(lambda: person.assigns.session and not person.assigns.session.live, "the end is noticed")
    person.expect(lambda: "has ended" in person.notice(), "the end is told")
    seen["told"] = person.notice()
    seen["header"] = person.window.header.status.text()
    person.press("End")
    seen["end_is_the_end"] = person.assigns.cursor_ns == person.assigns.range_ns[1]
    places = []
    for _ in range(20):
        person.press("Left")
        places.append(person.assigns.cursor_ns)
    seen["places"] = places
    seen["track"] = person.assigns.focus_track_id
    return seen


def recover_what_a_recorder_left(person: Person) -> Seen:
    """The recorder is killed: the window says so, offers to recover, and the person accepts with the keyboard."""
    person.wait_for_session()
    os.kill(person.given["recorder"], signal.SIGKILL)
    return _recovered(person)


def recover_on_open(person: Person) -> Seen:
    """The recorder was killed before: opening the session offers the same."""
    return _recovered(person)


def _recovered(person: Person) -> Seen:
    notices = person.window.notices
    person.expect(notices.offer_button.isVisible, "the offer")
    seen: Seen = {"told": person.notice(), "unfinished": person.window.header.status.text()}
    person.tab_to(notices.offer_button)
    person.press("Return")
    person.expect(lambda: "is recovered" in person.notice(), "it is recovered")
    person.expect(lambda: person.assigns.session and not person.assigns.session.live, "the whole is shown")
    person.wait_for_session()
    seen["done"] = person.notice()
    seen["header"] = person.window.header.status.text()
    seen["events"] = person.window.source.session.info().recorded if person.window.source.session else 0
    return seen


def lose_the_folder(person: Person) -> Seen:
    """The session's folder is deleted while it is open: a sentence, and what has been read stays."""
    rest(person)  # else the window may write a cache into the folder that is being deleted
    frame = person.assigns.frame
    shutil.rmtree(person.given["path"])
    person.press("End", "Home")
    person.expect(lambda: "is not there any more" in person.notice(), "the loss is told")
    told = person.notice()
    person.press("B")
    person.expect(lambda: "its notes were not saved" in person.notice(), "that of the notes, too")
    return {"told": told, "had_frame": frame is not None, "bookmarks": len(person.assigns.bookmarks)}


def bookmark_on_a_full_disk(person: Person) -> Seen:
    """Notes cannot be written: it is said, the bookmark stays, and is kept as soon as there is room."""
    person.wait_for_session()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
    person.press("B")
    person.expect(lambda: "disk is full" in person.notice(), "the full disk is told")
    seen: Seen = {"told": person.notice(), "bookmarks": len(person.assigns.bookmarks)}
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    seen["cursor_ns"] = person.assigns.cursor_ns
    return seen


STORIES = {
    "damaged": look_at_damaged_sessions,
    "late damage": find_damage_while_scrubbing,
    "dies": watch_a_program_die,
    "recorder killed": recover_what_a_recorder_left,
    "recover on open": recover_on_open,
    "folder lost": lose_the_folder,
    "full disk": bookmark_on_a_full_disk,
}
