"""What the window asks of the world, from an event to its answer, without a screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from capture.drain.blocks import file_name
from capture.session.notes import Note, notes_path, write_notes
from scope_gui.settings.file import load, settings_file
from scope_gui.window.effects import Effects
from tests.damaged import files_of, flip_bit
from tests.leftovers import wait_for
from tests.sessions import build_session
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Assigns, Selection
from views.loop.store import Store
from views.reading.source import Source
from views.timeline.state import KeepOpen, TimelineState


class Desk:
    """A Store with effects, folded by hand."""

    def __init__(self) -> None:
        self.store = Store()
        self.effects = Effects(Source(), self.store.send)
        self.store.effects.append(self.effects)

    def do(self, *events: e.Event, until: Callable[[Assigns], bool] = lambda assigns: True) -> Assigns:
        """Sends events and folds until the answer is there."""
        for event in events:
            self.store.send(event)

        def answered() -> bool:
            self.store.fold()
            return until(self.store.assigns)

        assert wait_for(answered, 10), self.store.assigns
        return self.store.assigns


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = Desk()
    yield made
    made.effects.stop()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return build_session(tmp_path / "orders.scope", events=400, segments=3).path


def has_frame(assigns: Assigns) -> bool:
    return assigns.frame is not None and assigns.frame_wanted_ns is None


def test_an_opened_session_shows_its_first_frame_and_its_lanes(desk: Desk, path: Path) -> None:
    shown = desk.do(r.OpenSession(path=str(path)), until=has_frame)
    assert shown.session is not None
    assert (shown.session.name, shown.focus_track_id) == ("orders.scope", 3)
    assert [lane.track_id for lane in shown.lanes] == [1, 2, 3]
    assert shown.recent == (str(path),)
    assert shown.busy == ""


def test_what_is_settled_is_in_its_file_at_once_and_a_file_that_is_none_is_told(desk: Desk) -> None:
    desk.do(e.ChangeSetting(name="scale", value=125), e.SetTheme(theme="light"))
    assert wait_for(lambda: load().settings == {"scale": 125, "theme": "light"}, 10)
    desk.do(e.Enlarge(steps=0))
    assert wait_for(lambda: load().settings == {"theme": "light"}, 10)
    settings_file().write_text("mine")
    told = desk.do(e.SetTheme(theme="dark"), until=lambda assigns: assigns.notice is not None)
    assert told.notice is not None
    assert told.notice.text.startswith(f"{settings_file()} cannot be read: ")
    assert settings_file().read_text() == "mine"


def test_a_session_opens_at_the_time_that_was_asked_for(desk: Desk, path: Path) -> None:
    shown = desk.do(r.OpenSession(path=str(path), at="50%"), until=has_frame)
    assert shown.cursor_ns == shown.range_ns[0] + (shown.range_ns[1] - shown.range_ns[0]) // 2
    assert shown.frame is not None
    assert shown.frame.time_ns == shown.cursor_ns


def test_what_cannot_be_opened_is_said_and_the_open_session_stays(desk: Desk, path: Path) -> None:
    desk.do(r.OpenSession(path=str(path)), until=has_frame)
    told = desk.do(r.OpenSession(path=str(path / "nowhere")), until=lambda assigns: assigns.notice is not None)
    assert told.notice is not None
    assert told.notice.serious
    assert told.session is not None


def test_the_last_of_many_seeks_is_answered(desk: Desk, path: Path) -> None:
    opened = desk.do(r.OpenSession(path=str(path)), until=has_frame)
    end_ns = opened.range_ns[1]
    shown = desk.do(*[e.SeekTo(time_ns=end_ns * at // 50) for at in range(50)], until=has_frame)
    assert shown.frame is not None
    assert shown.frame.time_ns == end_ns * 49 // 50


def test_steps_are_made_one_after_the_other_and_come_back(desk: Desk, path: Path) -> None:
    start = desk.do(r.OpenSession(path=str(path), at="50%"), until=has_frame)
    forward = desk.do(
        *[e.Step(count=1, over="all")] * 7, until=lambda assigns: not assigns.steps and has_frame(assigns)
    )
    assert forward.cursor_ns > start.cursor_ns
    once = desk.do(e.Step(count=-6, over="all"), until=lambda assigns: not assigns.steps)
    again = desk.do(e.Step(count=6, over="all"), until=lambda assigns: not assigns.steps)
    assert start.cursor_ns < once.cursor_ns < again.cursor_ns == forward.cursor_ns


def test_bookmarks_are_there_again_when_the_session_is_opened_again(desk: Desk, path: Path) -> None:
    desk.do(r.OpenSession(path=str(path), at="50%"), until=has_frame)
    marked = desk.do(e.AddBookmark(text="leak"), e.SeekTo(time_ns=2_000), e.AddBookmark())
    closed = desk.do(e.SessionClosed(), until=lambda assigns: assigns.session is None)
    assert closed.bookmarks == ()
    again = desk.do(r.OpenSession(path=str(path)), until=has_frame)
    assert again.bookmarks == marked.bookmarks
    assert [bookmark.text for bookmark in again.bookmarks] == ["", "leak"]


def test_a_session_opens_where_it_was_left(desk: Desk, path: Path) -> None:
    shown = desk.do(r.OpenSession(path=str(path)), until=has_frame)
    middle_ns = (shown.range_ns[0] + shown.range_ns[1]) // 2
    left = desk.do(
        e.SeekTo(time_ns=middle_ns),
        e.Mark(),
        e.Zoom(factor=0.25),
        e.Select(selection=Selection("track", 3, 3)),
        KeepOpen(track_id=2),
        e.ToggleFold(track_id=1),
        e.SeekTo(time_ns=middle_ns + 9),
        until=has_frame,
    )
    desk.do(e.SessionClosed(), until=lambda assigns: assigns.session is None)
    again = desk.do(r.OpenSession(path=str(path)), until=has_frame)
    for name in ("cursor_ns", "visible_ns", "selection", "focus_track_id", "folded", "marked_ns"):
        assert getattr(again, name) == getattr(left, name), name
    assert again.of(TimelineState) == left.of(TimelineState)
    assert again.visible_ns != again.range_ns
    elsewhere = desk.do(r.OpenSession(path=str(path), at="10%"), until=lambda assigns: assigns.session != again.session)
    assert elsewhere.cursor_ns == shown.range_ns[0] + (shown.range_ns[1] - shown.range_ns[0]) // 10
    assert (elsewhere.visible_ns, elsewhere.selection, elsewhere.folded) == (shown.range_ns, None, frozenset({1}))


def test_the_window_that_ends_keeps_its_place_too_and_one_that_only_looked_writes_nothing(path: Path) -> None:
    for by, is_kept in ((0, False), (5, True)):
        desk = Desk()
        shown = desk.do(r.OpenSession(path=str(path)), until=has_frame)
        desk.do(e.SeekTo(time_ns=shown.cursor_ns + by), until=has_frame)
        desk.effects.stop()
        assert notes_path(path).exists() is is_kept
    again = Desk()
    assert again.do(r.OpenSession(path=str(path)), until=has_frame).cursor_ns == shown.cursor_ns + 5
    again.effects.stop()


@pytest.mark.parametrize(
    "place",
    [
        {"cursor_ns": "x"},
        {"cursor_ns": 1 << 62, "visible_ns": [5, -5], "focus_track_id": 99},
        {"selection": {"kind": "nothing", "id": 1}},
        {"views": {"timeline": {"kept_open": "all"}, "gone": {"a": 1}}},
        {"views": 7},
        {"folded": [1, 2, 3, 4], "theme": "light", "recent": ["/etc/passwd"]},
    ],
)
def test_a_place_that_nobody_left_harms_nothing(desk: Desk, path: Path, place: dict[str, Any]) -> None:
    write_notes(path, [Note(time_ns=3)], place)
    shown = desk.do(r.OpenSession(path=str(path)), until=has_frame)
    assert shown.range_ns[0] <= shown.cursor_ns <= shown.range_ns[1]
    assert shown.range_ns[0] <= shown.visible_ns[0] < shown.visible_ns[1] <= shown.range_ns[1]
    assert shown.focus_track_id in [lane.track_id for lane in shown.lanes]
    assert (shown.theme, shown.recent, len(shown.bookmarks)) == ("dark", (str(path),), 1)


def test_notes_that_cannot_be_understood_are_told_and_stay_as_they_are(desk: Desk, path: Path) -> None:
    write_notes(path, [Note(time_ns=3)])
    notes_path(path).write_bytes(b"{")
    told = desk.do(r.OpenSession(path=str(path)), until=lambda assigns: assigns.notice is not None)
    assert told.session is not None
    assert told.notice is not None
    assert "notes.json" in told.notice.text
    desk.do(e.AddBookmark(text="leak"), e.SessionClosed(), until=lambda assigns: assigns.session is None)
    assert notes_path(path).read_bytes() == b"{"


def test_a_search_is_answered_and_what_is_picked_can_be_fitted(desk: Desk, path: Path) -> None:
    desk.do(r.OpenSession(path=str(path)), until=has_frame)
    found = desk.do(e.Search(text="store"), until=lambda assigns: bool(assigns.search_sites))
    assert len(found.search_sites) == 2
    zoomed = desk.do(e.Zoom(factor=0.1))
    assert zoomed.visible_ns != zoomed.range_ns
    fitted = desk.do(
        e.Select(selection=Selection("track", 2)),
        e.FitSelection(),
        until=lambda assigns: assigns.visible_ns == assigns.range_ns,
    )
    assert fitted.focus_track_id == 2


def test_a_growing_session_is_followed(desk: Desk, tmp_path: Path) -> None:
    path = build_session(tmp_path / "live.scope", events=100, segments=2, finish=False).path
    shown = desk.do(r.OpenSession(path=str(path)), until=lambda assigns: assigns.session is not None)
    assert shown.session is not None
    assert shown.session.live
    assert shown.following
    assert shown.cursor_ns == shown.range_ns[1]


def test_the_marked_moment_stays_to_compare_with_while_the_cursor_goes_on(desk: Desk, path: Path) -> None:
    desk.do(r.OpenSession(path=str(path)), until=has_frame)
    marked_ns = desk.store.assigns.cursor_ns
    desk.do(e.Mark(), until=lambda assigns: assigns.marked_frame is not None)
    moved = desk.do(e.Follow(), until=has_frame)
    assert moved.marked_frame is not None and moved.frame is not None
    assert (moved.marked_frame.time_ns, moved.frame.time_ns) == (marked_ns, moved.range_ns[1])
    assert moved.marked_frame.event_id < moved.frame.event_id


def test_a_recording_that_was_killed_before_its_first_manifest_is_offered_to_be_recovered(
    desk: Desk, tmp_path: Path
) -> None:
    path = tmp_path / "killed.scope"
    (path / "journal").mkdir(parents=True)
    (path / "journal" / file_name(1)).touch()
    told = desk.do(r.OpenSession(path=str(path)), until=lambda assigns: assigns.notice is not None)
    assert told.notice is not None
    assert (told.notice.offer, told.notice.path) == ("recover", str(path))
    assert told.session is None


def test_damage_is_told_once_for_all_files_of_a_segment(desk: Desk, path: Path) -> None:
    for file in files_of(path, 2):
        flip_bit(file)
    desk.do(r.OpenSession(path=str(path)), until=has_frame)
    told = desk.do(e.SeekTo(time_ns=10**12), e.SeekTo(time_ns=0), until=has_frame)
    middle = desk.do(e.SeekTo(time_ns=told.range_ns[1] // 2), until=lambda assigns: assigns.notice is not None)
    assert middle.notice is not None
    assert "orders.scope is damaged" in middle.notice.text
    desk.do(e.Tell(notice=None), until=lambda assigns: assigns.notice is None)
    again = desk.do(e.Step(count=-5, over="all"), e.FitSelection(), until=lambda assigns: assigns.notice is not None)
    assert again.notice is not None
    assert again.notice.text.startswith("Nothing is picked")
