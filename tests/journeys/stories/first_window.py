"""From a running program to a bookmark that is found again: the product in one sitting.

Attach from the dialog, watch, freeze, scrub back event by event, pick a thread, read its stack, bookmark, export,
close; next time open it again and go on. `given` says how many events to step over, and what goes wrong meanwhile, if
anything.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import msgspec
import psutil
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from capture.own_process import own_command
from scope_gui.dialogs.attach import AttachDialog
from scope_gui.dialogs.export import ExportDialog
from tests.journeys.person import Person
from tests.journeys.stories.pictures import rest
from views.registry import view_named
from views.supervision.scene import ROW_PX

Seen = dict[str, Any]


def first_window(person: Person) -> Seen:
    """With the keyboard alone."""
    person.expect(person.window.welcome.isVisible, "the welcome page")
    person.press("Ctrl+Shift+A")
    dialog = _find_in(person)
    QTest.keyClick(dialog.filter, Qt.Key.Key_Return)
    seen = _watch(person)
    person.press("Space")
    seen |= _is_frozen(person)
    _to_lane(person, _busiest(person))
    seen |= _scrub(person)
    _pick_in_heat_map(person, seen["lane"])
    return _look_keep_and_leave(person, seen)


def first_window_with_the_mouse(person: Person) -> Seen:
    """The same, clicking wherever a mouse can click; only the steps are keys."""
    person.click(person.window.header.attach_button)
    dialog = _find_in(person)
    row = dialog.list.visualRect(dialog.list.currentIndex())
    QTest.mouseClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, pos=row.center())
    QTest.mouseClick(dialog.go, Qt.MouseButton.LeftButton)
    seen = _watch(person)
    person.click(person.window.transport.play_button)
    seen |= _is_frozen(person)
    timeline = person.window.views["timeline"]
    lane = _busiest(person)
    at = timeline.point_of(lane, 0, person.assigns.visible_ns[0])
    person.click(timeline, QPoint(60, at.y()))
    person.expect(lambda: person.assigns.focus_track_id == lane, "the lane has been picked in the gutter")
    timeline.setFocus()
    seen |= _scrub(person)
    rows = person.window.views["supervision"].rows
    person.click_tab("Supervision")
    for y in range(int(ROW_PX / 2), rows.viewport().height(), int(ROW_PX)):
        shown = rows.row_at(y)
        if shown is not None and shown.track_id == lane:
            person.click(rows.viewport(), QPoint(120, y))
    return _look_keep_and_leave(person, seen)


def first_look_at_damage(person: Person) -> Seen:
    """A recorded session that has been damaged since, from the command line on."""
    person.wait_for_session()
    person.expect(lambda: "damaged" in person.notice(), "the damage is told")
    assert person.assigns.session is not None
    seen: Seen = {"told": person.notice(), "session": person.assigns.session.path}
    _to_lane(person, person.given["lane"])
    seen |= _scrub(person)
    _pick_in_heat_map(person, seen["lane"])
    scrubbed_ns = person.assigns.cursor_ns
    person.press("G")
    person.type_text(f"{person.given['lost_ns']}ns")
    person.expect(lambda: person.assigns.cursor_ns == person.given["lost_ns"] and person.is_at_rest(), "the loss")
    person.open_panel("Inspector", person.window.views["inspector"])
    seen["lost"] = _stack_here(person, seen)
    person.press("G")
    person.type_text(f"{scrubbed_ns}ns")
    person.expect(lambda: person.assigns.cursor_ns == scrubbed_ns and person.is_at_rest(), "the way back")
    return _look_keep_and_leave(person, seen)


def lose_the_own_recorder(person: Person) -> Seen:
    """The recorder that this window has started is killed: the offer to recover stays, whatever else is said."""
    person.press("Ctrl+Shift+A")
    QTest.keyClick(_find_in(person).filter, Qt.Key.Key_Return)
    seen = _watch(person)
    [recorder] = [one for one in psutil.Process().children() if "attach" in one.cmdline()]
    recorder.kill()
    notices = person.window.notices
    person.expect(lambda: notices.isVisible() and notices.offer_button.isVisible(), "the offer")
    seen["told"] = person.notice()
    person.tab_to(notices.offer_button)
    person.press("Return")
    person.expect(lambda: "is recovered" in person.notice(), "it is recovered")
    person.expect(lambda: person.assigns.session and not person.assigns.session.live, "the whole is shown")
    return {**seen, "done": person.notice(), "header": person.window.header.status.text()}


# -- the parts


def _find_in(person: Person) -> AttachDialog:
    """Searches the process in the attach dialog, until it is chosen and can be attached to."""
    person.expect(lambda: isinstance(QApplication.activeModalWidget(), AttachDialog), "the attach dialog")
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, AttachDialog)
    person.expect(dialog.filter.hasFocus, "the search has the keyboard")
    QTest.keyClicks(dialog.filter, person.given["search"])

    def is_ready() -> bool:
        line = dialog.current()
        return line is not None and line.row.pid == person.given["pid"] and dialog.go.isEnabled()

    person.expect(is_ready, "the process is chosen and ready")
    return dialog


def _watch(person: Person) -> Seen:
    """Until the window shows it live, with calls on several threads."""
    person.come_back()
    person.wait_for_session()
    assigns = person.assigns
    assert assigns.session is not None
    seen: Seen = {"session": assigns.session.path, "live": assigns.session.live, "following": assigns.following}
    person.expect(lambda: person.assigns.frame and person.assigns.frame.event_id > 1500, "events come in")
    person.expect(lambda: _busiest(person) > 0, "a thread that has worked for a while")
    seen["header"] = person.window.header.status.text()
    seen["cursor_at_the_end"] = person.assigns.cursor_ns == person.assigns.range_ns[1]
    return seen


def _is_frozen(person: Person) -> Seen:
    """The cursor stays where it is while the recording goes on."""
    cursor_ns, end_ns = person.assigns.cursor_ns, person.assigns.range_ns[1]
    person.expect(lambda: person.assigns.range_ns[1] > end_ns, "the recording goes on")
    return {"frozen": person.assigns.cursor_ns == cursor_ns and not person.assigns.following}


def _busiest(person: Person) -> int:
    """A thread with more calls behind it than the person will step over; 0 while there is none."""
    session = person.window.source.session
    frame = person.assigns.frame
    assert session is not None
    if frame is None:
        return 0
    batch = person.window.source.events_between(None, session.start_ns, frame.time_ns)
    counts = {t.track_id: int((batch.track_id == t.track_id).sum()) for t in frame.tracks if t.kind == "thread"}
    best = max(counts, key=lambda track: counts[track], default=0)
    return best if counts.get(best, 0) > 2 * person.given["steps"] else 0


def _to_lane(person: Person, wanted: int) -> None:
    person.window.views["timeline"].setFocus()
    for _ in range(60):
        if person.assigns.focus_track_id == wanted:
            return
        person.press("Down" if _lane_at(person, wanted) > _lane_at(person) else "Up")
    raise AssertionError("the arrows do not lead to the lane")


def _pick_in_heat_map(person: Person, wanted: int) -> None:
    person.open_panel("Supervision", person.window.views["supervision"].rows)
    for _ in range(60):
        if person.assigns.selection is not None and person.assigns.selection.id == wanted:
            return
        person.press("Down")
    raise AssertionError("the arrows do not lead to the thread")


def _lane_at(person: Person, track_id: int | None = None) -> int:
    """The place of a lane, of the focused one without a track; -1 for one that is not there."""
    wanted = person.assigns.focus_track_id if track_id is None else track_id
    return next((at for at, lane in enumerate(person.assigns.lanes) if lane.track_id == wanted), -1)


def _scrub(person: Person) -> Seen:
    """Back event by event, and again in tens: both lead to the same moment."""
    seen: Seen = {"lane": person.assigns.focus_track_id, "from_ns": person.assigns.cursor_ns}
    places = []
    for _ in range(person.given["steps"]):
        person.press("Left")
        places.append(person.assigns.cursor_ns)
    person.press("G")
    person.type_text(f"{seen['from_ns']}ns")
    person.expect(lambda: person.assigns.cursor_ns == seen["from_ns"], "the way back")
    person.press(*["Shift+Left"] * (person.given["steps"] // 10))
    return {**seen, "places": places, "in_tens_ns": person.assigns.cursor_ns}


def _look_keep_and_leave(person: Person, seen: Seen) -> Seen:
    """Reads the stack, compares it with the command line, bookmarks, exports, closes."""
    person.open_panel("Inspector", person.window.views["inspector"])
    person.press("F6")
    assert person.window.views["timeline"].hasFocus()
    picked = person.assigns.selection
    seen["selection"] = [picked.kind, picked.id] if picked else None
    seen["stacks"] = [_stack_here(person, seen)]
    for keys in (["Right"], [","] * 3):
        person.press(*keys)
        seen["stacks"].append(_stack_here(person, seen))
    person.press("Shift+B")
    person.type_text("slow request")
    seen["bookmark_ns"] = person.assigns.cursor_ns
    if "dies" in person.given:
        os.kill(person.given["pid"], signal.SIGKILL)
    elif person.assigns.session is not None and person.assigns.session.live:
        person.press("Ctrl+Shift+S")
    person.expect(lambda: person.assigns.session and not person.assigns.session.live, "the recording ends")
    person.expect(lambda: "scope-recorder" not in {thread.name for thread in threading.enumerate()}, "all is saved")
    person.expect(person.is_at_rest, "rest")
    seen["ended"] = person.notice()
    seen["still_there_ns"] = person.assigns.cursor_ns
    _export(person, "exported.png")
    person.press("Ctrl+W")
    person.expect(lambda: person.assigns.session is None, "the session closes")
    return seen


def _stack_here(person: Person, seen: Seen) -> Seen:
    """The picked thread's stack: as the inspector shows it, and as the command line says it."""
    shown = view_named("inspector").parts

    def is_shown() -> bool:
        frame = person.assigns.frame
        return person.is_at_rest() and frame is not None and not frame.lacks(shown)

    person.expect(is_shown, "a frame with all that the inspector shows")
    assigns = person.assigns
    command = own_command("scope_gui", "frame", seen["session"], "--at", f"{assigns.cursor_ns}ns", "--json")
    done = subprocess.run(command, capture_output=True, check=True)
    frame = msgspec.json.decode(done.stdout, type=dict[str, Any])
    [track] = [track for track in frame["tracks"] if track["track_id"] == seen["lane"]]
    section = next((part for part in person.window.views["inspector"].sections() if part.key == "stack"), None)
    rows = [[row.label, "".join(piece.text for piece in row.pieces)] for row in section.rows] if section else []
    stack = [[call["function"], f"{Path(call['file']).name}:{call['line']}"] for call in reversed(track["stack"])]
    return {
        "time_ns": assigns.cursor_ns,
        "title": section.title if section else "",
        "inspector": rows,
        "command_line": stack,
        "frame": frame["event_id"],
        "window": assigns.frame.event_id if assigns.frame else 0,
    }


def _export(person: Person, name: str) -> None:
    """What is seen, as a picture; and the same as the screen has it, while the dialog asks."""
    while person.window.notices.isVisible():
        person.tab_to(person.window.notices.dismiss_button)
        person.press("Return")
    person.tab_to(person.window.views["timeline"])
    rest(person)
    person.press("Ctrl+E")
    person.expect(lambda: isinstance(QApplication.activeModalWidget(), ExportDialog), "the export dialog")
    person.window.grab().save("seen.png")
    person.type_text(str(Path(name).absolute()))
    person.expect(lambda: Path(name).exists(), "the picture is written")


def find_it_again(person: Person) -> Seen:
    """Next week: the session opened last is on the welcome page, and the bookmark is in it."""
    person.expect(person.window.welcome.recent.isVisible, "sessions opened lately")
    person.tab_to(person.window.welcome.recent)
    person.press("Return")
    person.wait_for_session()
    person.press("Home", "N")
    assert person.assigns.session is not None
    return {
        "session": person.assigns.session.path,
        "notes": [[bookmark.time_ns, bookmark.text] for bookmark in person.assigns.bookmarks],
        "cursor_ns": person.assigns.cursor_ns,
        "panels": {dock.objectName(): [dock.x(), dock.y()] for dock in person.window.docks.values()},
    }


STORIES = {
    "own recorder killed": lose_the_own_recorder,
    "first window": first_window,
    "first window by mouse": first_window_with_the_mouse,
    "first damage": first_look_at_damage,
    "find it again": find_it_again,
}
