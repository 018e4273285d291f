"""One table of what a right click offers: commands aimed at the thing that is there, and why some cannot be done."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace

from scope_gui import context_actions
from scope_gui.commands import all_commands, peak_title, shown_key
from scope_gui.context_actions import ACTIONS, ContextAction, Entry, menu_of
from tests.views.windows import after, opened
from views.building.state import BuildingState, EnterFloor
from views.loop import events as e
from views.loop.choosing_lanes import HideLane, HideOthers
from views.loop.state import Assigns, Bookmark, Selection
from views.loop.stretch import PickStretch
from views.loop.thing import Thing, ThingKind, bookmark_thing, moment_thing, thread_thing
from views.timeline.state import KeepOpen, PinLane

PICKED = (e.Select(selection=Selection("call", 9, 2)), e.SeekTo(time_ns=500, visit=True))
CALL = Thing(kind="call", name="put", id=9, track_id=2, site_id=4, depth=1, place="orders.py:12", click=PICKED)


def entries(thing: Thing, assigns: Assigns | None = None) -> dict[str, Entry]:
    """The lines of one thing's menu, by their titles."""
    [part] = menu_of([thing], assigns or opened())
    return {entry.title: entry for entry in part.entries}


def test_titles_that_commands_have_show_their_keys() -> None:
    commands = {command.title: command for command in all_commands()}
    shared = [row for row in ACTIONS if row.title in commands]
    assert len(shared) > 25
    for row in ACTIONS:
        if row.title not in commands:
            assert row.sends or row.copies or row.clicks, row.title
    lines = entries(CALL)
    for title in ("Fit what is picked", "Next call of the picked function", "Pick the caller"):
        assert lines[title].key == shown_key(commands[title]) != ""
        assert (lines[title].command, lines[title].first) == (commands[title], PICKED)


@pytest.mark.parametrize("kind", get_args(ThingKind))
def test_every_kind_of_things_has_a_menu_without_a_title_twice(kind: ThingKind) -> None:
    links = (("go there", e.SeekTo(time_ns=1)),) if kind == "row" else ()
    [part] = menu_of([Thing(kind=kind, name="it", time_ns=5, text="text", links=links, click=PICKED)], opened())
    titles = [entry.title for entry in part.entries]
    assert titles
    assert len(titles) == len(set(titles))
    for entry in part.entries:
        assert entry.first or entry.sends or entry.command or entry.copies is not None, entry.title
    assert [entry.group for entry in part.entries] == sorted(entry.group for entry in part.entries)


def test_a_made_up_action_is_found_in_the_menu(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = ContextAction(
        kinds=frozenset({"room"}), title="Paint it red", sends=lambda thing: EnterFloor(floor=thing.track_id)
    )
    monkeypatch.setattr(context_actions, "ACTIONS", (*ACTIONS, made_up))
    assert entries(Thing(kind="room", name="put", track_id=3))["Paint it red"].sends == (EnterFloor(floor=3),)
    assert "Paint it red" not in entries(CALL)


def test_what_cannot_be_done_is_there_and_says_why() -> None:
    outermost = entries(replace(CALL, depth=0, site_id=0, place=""))
    assert outermost["Pick the caller"].why_not == "No call that is recorded made it."
    assert outermost["Next call of the picked function"].why_not == "It is not known which function that is."
    assert outermost["Copy where it is defined"].why_not == "Its file is not recorded."
    assert entries(CALL)["Pick the caller"].why_not == ""

    moment, marked = moment_thing(70), after(opened(), e.Mark())
    title = "Note on the stretch from the mark to here"
    assert entries(moment)[title].why_not == "No moment is marked to compare with."
    assert entries(moment, marked)[title].why_not == ""

    thread, alone = thread_thing(2, "worker-1"), after(opened(), EnterFloor(floor=2))
    assert alone.of(BuildingState).floor == 2
    assert entries(thread)["Show all lanes again"].why_not
    assert entries(thread, after(opened(), HideOthers(track_id=2)))["Show all lanes again"].why_not == ""
    assert entries(thread)["All floors again"].why_not == "All floors are shown."
    assert entries(thread, alone)["All floors again"].why_not == ""
    assert entries(thread, alone)["Alone in the building"].why_not == "The building shows nothing else."


def test_commands_are_aimed_at_the_thing_and_not_at_what_is_focused() -> None:
    lines = entries(thread_thing(3, "worker-2"))
    assert lines["Keep the lane open, or no more"].sends == (KeepOpen(track_id=3),)
    assert lines["Pin the lane to the top, or no more"].sends == (PinLane(track_id=3),)
    assert lines["Keep the lane open, or no more"].command is None
    assert lines["Hide all other lanes"].sends == (HideOthers(track_id=3),)
    assert lines["Hide the lane"].sends == (HideLane(track_id=3),)
    assert lines["Copy its name"].copies == "worker-2"
    assert entries(moment_thing(70))["Zoom in"].sends == (e.Zoom(factor=0.5, around_ns=70),)
    assert entries(moment_thing(70))["Copy the time"].copies == "70ns"
    shown = entries(CALL)["Show its function"].sends
    assert shown == (e.Select(selection=Selection("site", 4, 2)),)


def test_a_bookmark_is_removed_with_undo_and_its_stretch_is_fitted() -> None:
    noted = after(opened(), e.SeekTo(time_ns=70), e.AddBookmark(text="here"))
    [bookmark] = noted.bookmarks
    lines = entries(bookmark_thing(bookmark), noted)
    removed = after(noted, *lines["Remove it"].sends)
    assert removed.bookmarks == ()
    assert after(removed, e.Undo()).bookmarks == (bookmark,)
    assert "Fit its stretch" not in lines
    stretch = entries(bookmark_thing(Bookmark(time_ns=70, end_ns=90)))
    assert stretch["Fit its stretch"].sends == (e.Show(range_ns=(70, 90)),)
    assert stretch["Sum up its stretch"].sends == (PickStretch(range_ns=(70, 90)),)
    assert stretch["Copy its note"].why_not == "There is nothing to copy."


def test_words_of_a_row_come_first_and_lead_where_they_say() -> None:
    there = e.SeekTo(time_ns=40, visit=True)
    lines = entries(Thing(kind="row", name="orders.stock", text="9", links=(("go there", there),)))
    assert list(lines) == ["Go there", "Copy its value"]
    assert lines["Go there"].sends == (there,)
    assert lines["Copy its value"].copies == "9"


def test_a_metric_leads_to_its_own_peak() -> None:
    for title in ("Memory", "CPU"):
        metric = Thing(kind="metric", name=title, text="7", time_ns=5, click=PICKED)
        peaks = [entry for entry in entries(metric).values() if entry.title.startswith("Peak of ")]
        assert [entry.command for entry in peaks] == [
            command for command in all_commands() if command.title == peak_title(title)
        ]
        assert len(peaks) == 1


def test_a_chip_has_its_own_number() -> None:
    third = entries(Thing(kind="finding", name="it grows", id=2))
    assert [title for title in third if title.startswith("Finding ")] == ["Finding 3"]
    assert third["Finding 3"].key == "Alt + 3"
    assert third["Next event of the finding"].why_not == "Go to this finding first."
