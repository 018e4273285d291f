"""The lanes are those that the person wants, in the order that was asked for, and the focus is on one that is seen."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.views.windows import KEY, after, opened
from views.loop import events as e
from views.loop.choosing_lanes import (
    FilterLanes,
    FocusMain,
    HideLane,
    HideOthers,
    LanesRanked,
    ShowAllLanes,
    lanes_of_assigns,
)
from views.loop.lane_choice import LaneRef, in_lane_order, left_out
from views.loop.remembered import OF_SESSION
from views.loop.state import Assigns, Selection, SessionRef
from views.loop.update import handle_event
from views.loop.view_states import from_kept, to_keep

LANES = in_lane_order(
    [
        LaneRef(1, 1, "orders.py", is_head=True),
        LaneRef(2, 1, "worker-1"),
        LaneRef(3, 1, "MainThread", is_main=True),
        LaneRef(4, 1, "worker-2"),
        LaneRef(5, 2, "child", is_head=True),
        LaneRef(6, 2, "io"),
    ]
)


def many(focus: int = 2) -> Assigns:
    return replace(opened(), lanes=LANES, focus_track_id=focus)


def shown(assigns: Assigns) -> list[int]:
    return [lane.track_id for lane in lanes_of_assigns(assigns)]


def test_a_process_comes_before_its_threads_and_its_main_thread_first() -> None:
    assert shown(many()) == [1, 3, 2, 4, 5, 6]
    assert after(many(6), e.MoveFocus(by=-1), e.MoveFocus(by=-1)).focus_track_id == 4
    assert after(many(4), FocusMain()).focus_track_id == 3
    assert after(many(5), FocusMain()).focus_track_id == 6


def test_only_threads_with_a_wanted_name_are_shown_and_the_focus_goes_to_one() -> None:
    some = after(many(3), FilterLanes(text="WORKER, io"))
    assert (shown(some), some.focus_track_id) == ([1, 2, 4, 5, 6], 2)
    assert left_out(some.lanes, some.lane_choice, some.focus_track_id) == 1
    none = after(many(3), FilterLanes(text="nobody"))
    assert shown(none) == [1, 3]  # what has the focus must be seen
    assert shown(after(some, FilterLanes(text=" , "))) == shown(many())


def test_a_hidden_lane_hands_the_focus_on_and_can_be_brought_back() -> None:
    hidden = after(many(2), HideLane())
    assert (shown(hidden), hidden.focus_track_id) == ([1, 3, 4, 5, 6], 4)
    assert hidden.notice is not None
    assert hidden.notice.text == "1 thread is hidden."
    assert shown(after(hidden, HideLane(track_id=2))) == shown(after(hidden, ShowAllLanes())) == shown(many())
    assert 2 in shown(after(hidden, e.Select(selection=Selection("track", 2, 2))))


def test_one_thread_alone_stays_whatever_is_hidden() -> None:
    alone = after(many(4), HideOthers())
    assert shown(alone) == [1, 4]
    assert shown(after(alone, HideLane())) == [1, 4]
    head = after(many(1), HideLane(), HideOthers())
    assert shown(head) == shown(many())
    assert head.notice is not None
    assert head.notice.text.startswith("The focused lane is not a thread's")


def test_the_order_is_the_one_that_was_asked_for_and_stays_while_the_session_grows() -> None:
    ranked = after(many(), LanesRanked(key=KEY, ranked=(1, 4, 2, 3, 5, 6)))
    assert shown(ranked) == [1, 3, 4, 2, 5, 6]
    more = (*LANES, LaneRef(7, 1, "late"))
    grown = after(ranked, e.SessionGrew(key=KEY, range_ns=(0, 2_000_000), live=True, lanes=more))
    assert shown(grown) == [1, 3, 4, 2, 7, 5, 6]
    assert shown(after(ranked, LanesRanked(key=KEY, ranked=()))) == shown(many())
    assert handle_event(ranked, LanesRanked(key=KEY + 1, ranked=())) is ranked


def test_a_folded_process_has_no_lanes_to_walk_through() -> None:
    folded = after(many(1), e.ToggleFold(track_id=1), e.MoveFocus(by=1))
    assert folded.focus_track_id == 5


@pytest.mark.parametrize("event", [FilterLanes(text="io"), HideLane(), LanesRanked(key=KEY, ranked=(1, 4, 2, 3, 5, 6))])
def test_what_was_chosen_is_kept_with_the_session(event: e.Event) -> None:
    left = after(many(), event)
    again = from_kept(to_keep(left, OF_SESSION), OF_SESSION, many())
    assert again.lane_choice == left.lane_choice
    opening = e.SessionOpened(
        session=SessionRef(key=9, path="/srv/orders.scope", name="orders.scope"),
        range_ns=(0, 1_000_000),
        lanes=LANES,
        focus_track_id=left.focus_track_id,
        place=to_keep(left, OF_SESSION),
    )
    assert shown(after(Assigns(), opening)) == shown(left)
