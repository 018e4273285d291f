"""What a person changes of the lanes: their order, which of them there are, which one has the focus. Pure, no Qt."""

from __future__ import annotations

from msgspec.structs import replace

from views.loop.events import Event, MoveFocus
from views.loop.lane_choice import LaneRef, in_lane_order, left_out, shown_lanes
from views.loop.state import Assigns, Notice
from views.words.figures import count_text


class FocusMain(Event, frozen=True, kw_only=True):
    """The main thread of the focused lane's process."""


class FilterLanes(Event, frozen=True, kw_only=True):
    """Shows the threads with this text in their names only, or with one of several, divided by commas; '': all."""

    text: str


class HideLane(Event, frozen=True, kw_only=True):
    """Shows this thread no more, or again; None: the focused one."""

    track_id: int | None = None


class HideOthers(Event, frozen=True, kw_only=True):
    """Shows this thread only; None: the focused one."""

    track_id: int | None = None


class ShowAllLanes(Event, frozen=True, kw_only=True):
    """Shows every thread again."""


class RankLanes(Event, frozen=True, kw_only=True):
    """Puts the busiest lanes of what is visible to the top; where they are sorted so already, as recorded again. The
    effect finds which they are.
    """


class LanesRanked(Event, frozen=True, kw_only=True):
    """The track ids of the lanes, the busiest first."""

    key: int
    ranked: tuple[int, ...]


_NO_THREAD = "The focused lane is not a thread's; Down leads to the next one."
OF_LANES = (MoveFocus, FocusMain, FilterLanes, HideLane, HideOthers, ShowAllLanes, LanesRanked)


def lanes_chosen(assigns: Assigns, event: Event) -> Assigns:
    """The state after one of OF_LANES."""
    choice = assigns.lane_choice
    match event:
        case MoveFocus(by=by):
            return _focus_moved(assigns, by)
        case FocusMain():
            return _main_focused(assigns)
        case FilterLanes(text=text):
            return _refocused(replace(assigns, lane_choice=replace(choice, text=text)))
        case HideLane(track_id=track_id):
            return _hidden(assigns, track_id or assigns.focus_track_id)
        case HideOthers(track_id=track_id):
            return _alone(assigns, track_id or assigns.focus_track_id)
        case ShowAllLanes():
            return replace(assigns, lane_choice=replace(choice, text="", hidden=frozenset()))
        case LanesRanked(key=key, ranked=ranked) if assigns.session is not None and assigns.session.key == key:
            ordered = in_lane_order(assigns.lanes, ranked)
            sentence = "The busiest lanes of what was visible come first." if ranked else "The lanes are as recorded."
            after = replace(assigns, lane_choice=replace(choice, ranked=ranked), lanes=ordered)
            return replace(after, notice=Notice(sentence))
        case _:
            return assigns


def lanes_of_assigns(assigns: Assigns) -> tuple[LaneRef, ...]:
    """The lanes that are shown, from top to bottom."""
    return shown_lanes(assigns.lanes, assigns.lane_choice, folded=assigns.folded, focus=assigns.focus_track_id)


def _focus_moved(assigns: Assigns, by: int) -> Assigns:
    ids = [lane.track_id for lane in lanes_of_assigns(assigns)]
    if not ids:
        return assigns
    at = ids.index(assigns.focus_track_id) + by if assigns.focus_track_id in ids else 0
    return replace(assigns, focus_track_id=ids[min(max(at, 0), len(ids) - 1)])


def _main_focused(assigns: Assigns) -> Assigns:
    own = next((lane.process_id for lane in assigns.lanes if lane.track_id == assigns.focus_track_id), None)
    threads = [lane for lane in assigns.lanes if not lane.is_head and own in (None, lane.process_id)]
    return replace(assigns, focus_track_id=threads[0].track_id) if threads else assigns


def _hidden(assigns: Assigns, track_id: int) -> Assigns:
    """A thread with the focus hands it to its neighbour. The last one that is left stays."""
    lane = next((lane for lane in assigns.lanes if lane.track_id == track_id), None)
    if lane is None or lane.is_head:
        return replace(assigns, notice=Notice(_NO_THREAD))
    choice = assigns.lane_choice
    after = replace(assigns, lane_choice=replace(choice, hidden=choice.hidden ^ {track_id}))
    if track_id in choice.hidden:
        return after
    seen = [lane.track_id for lane in lanes_of_assigns(assigns) if not lane.is_head]
    others = [one for one in seen if one != track_id]
    if not others:
        return replace(assigns, notice=Notice("This is the only thread that is shown."))
    if track_id == assigns.focus_track_id:
        after = replace(after, focus_track_id=others[min(seen.index(track_id), len(others) - 1)])
    return _said(after)


def _alone(assigns: Assigns, track_id: int) -> Assigns:
    threads = {lane.track_id for lane in assigns.lanes if not lane.is_head}
    if track_id not in threads:
        return replace(assigns, notice=Notice(_NO_THREAD))
    hidden = replace(assigns.lane_choice, text="", hidden=frozenset(threads - {track_id}))
    return _said(replace(assigns, lane_choice=hidden, focus_track_id=track_id))


def _said(assigns: Assigns) -> Assigns:
    count = left_out(assigns.lanes, assigns.lane_choice, assigns.focus_track_id)
    threads = "1 thread is" if count == 1 else f"{count_text(count)} threads are"
    return replace(assigns, notice=Notice(f"{threads} hidden.", hint="{Show all lanes again} shows all of them."))


def _refocused(assigns: Assigns) -> Assigns:
    """The focus on the first thread that is wanted, where it is on one that is not."""
    choice = assigns.lane_choice
    wanted = [lane.track_id for lane in assigns.lanes if not lane.is_head and choice.passes(lane)]
    if not wanted or assigns.focus_track_id in wanted:
        return assigns
    return replace(assigns, focus_track_id=wanted[0])
