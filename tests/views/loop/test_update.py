"""What each event changes, and what it leaves alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.views.windows import END_NS, KEY, LANES, after, frame, opened
from views import registry
from views.building.state import BuildingState, SetMeasure
from views.inspector.state import InspectorState, ToggleSource
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.lane_choice import LaneRef
from views.loop.state import (
    Assigns,
    Bookmark,
    BoxRow,
    Launch,
    Notice,
    RecentSession,
    Recorder,
    Selection,
    SessionRef,
    Stride,
)
from views.loop.update import handle_event
from views.supervision.state import SetHeat, SupervisionState


def test_a_seek_moves_the_cursor_and_asks_for_its_frame() -> None:
    moved = after(opened(), e.SeekTo(time_ns=500))
    assert (moved.cursor_ns, moved.frame_wanted_ns) == (500, 500)


@pytest.mark.parametrize(("wanted", "reached"), [(-1, 0), (END_NS + 1, END_NS), (17, 17)])
def test_a_seek_stays_within_what_is_recorded(wanted: int, reached: int) -> None:
    assert after(opened(), e.SeekTo(time_ns=wanted)).cursor_ns == reached


def test_a_seek_to_where_the_cursor_is_changes_nothing_at_all() -> None:
    before = after(opened(), e.SeekTo(time_ns=500))
    assert handle_event(before, e.SeekTo(time_ns=500)) == before


def test_a_seek_out_of_sight_moves_what_is_visible() -> None:
    zoomed = after(opened(), e.Show(range_ns=(0, 1_000)), e.SeekTo(time_ns=5_000))
    assert zoomed.visible_ns[0] < 5_000 < zoomed.visible_ns[1]
    assert zoomed.visible_ns[1] - zoomed.visible_ns[0] == 1_000


def test_nothing_moves_without_a_session() -> None:
    still = Assigns()
    moves = [e.SeekTo(time_ns=5), e.Step(count=1), e.Play(), e.Follow(), e.Zoom(factor=2.0), e.Shuttle(direction=1)]
    for event in moves:
        assert handle_event(still, event) == still


def test_steps_wait_for_the_one_in_hand_and_add_up() -> None:
    steps = after(opened(), *[e.Step(count=1)] * 4).steps
    assert steps == (Stride(1), Stride(3))


def test_steps_of_different_kinds_are_made_one_after_the_other() -> None:
    steps = after(opened(), e.Step(count=1), e.Step(count=-10, over="calls"), e.Step(count=1, over="all")).steps
    assert steps == (Stride(1), Stride(-10, "calls"), Stride(1, "all"))


def test_a_step_back_undoes_a_waiting_step_forward() -> None:
    assert after(opened(), *[e.Step(count=1)] * 2, e.Step(count=-1)).steps == (Stride(1),)


def test_the_answer_to_a_step_moves_the_cursor_and_lets_the_next_one_come() -> None:
    done = after(opened(), e.Step(count=1), e.Step(count=1, over="all"), e.Stepped(key=KEY, from_ns=0, time_ns=70))
    assert (done.cursor_ns, done.steps) == (70, (Stride(1, "all"),))


def test_the_answer_to_a_step_from_elsewhere_is_dropped() -> None:
    asked = after(opened(), e.SeekTo(time_ns=50), e.Step(count=1))
    assert handle_event(asked, e.Stepped(key=KEY, from_ns=0, time_ns=70)) is asked
    assert handle_event(asked, e.Stepped(key=KEY + 1, from_ns=50, time_ns=70)) is asked


def test_a_key_that_is_held_adds_up_with_itself_and_not_with_single_strokes() -> None:
    held = [e.Step(count=1, held=True)] * 3
    steps = after(opened(), e.Step(count=1), *held, e.Step(count=1)).steps
    assert steps == (Stride(1), Stride(3, held=True), Stride(1))


def test_a_seek_forgets_the_steps_that_wait() -> None:
    assert after(opened(), e.Step(count=1), e.SeekTo(time_ns=9)).steps == ()


def test_playing_moves_by_the_time_that_has_passed_and_the_speed() -> None:
    playing = after(opened(), e.SetSpeed(speed=0.5), e.Play(on=True), e.Tick(elapsed_ns=1_000))
    assert (playing.playing, playing.cursor_ns) == (True, 500)


def test_a_tick_while_paused_changes_nothing() -> None:
    paused = opened()
    assert handle_event(paused, e.Tick(elapsed_ns=1_000)) is paused


def test_playing_stops_at_the_end_of_a_finished_session() -> None:
    ended = after(opened(), e.Play(on=True), e.Tick(elapsed_ns=2 * END_NS))
    assert (ended.cursor_ns, ended.playing, ended.following) == (END_NS, False, False)


def test_playing_into_the_end_of_a_live_session_follows_it() -> None:
    caught_up = after(opened(live=True, at_ns=0), e.Play(on=True), e.Tick(elapsed_ns=2 * END_NS))
    assert (caught_up.playing, caught_up.following) == (False, True)


def test_playing_from_the_end_starts_again() -> None:
    again = after(opened(at_ns=END_NS), e.Play())
    assert (again.cursor_ns, again.playing) == (0, True)


def test_the_shuttle_doubles_its_speed_only_in_the_same_direction() -> None:
    forward = after(opened(at_ns=500), *[e.Shuttle(direction=1)] * 3)
    assert (forward.speed, forward.backwards) == (4.0, False)
    back = after(forward, e.Shuttle(direction=-1), e.Tick(elapsed_ns=50))
    assert (back.speed, back.backwards, back.cursor_ns) == (4.0, True, 300)
    assert not after(back, e.Shuttle(direction=0)).playing


@pytest.mark.parametrize(("asked", "set_to"), [(0.0, 0.001), (1e9, 1000.0), (3.0, 3.0)])
def test_the_speed_stays_within_its_bounds(asked: float, set_to: float) -> None:
    assert after(opened(), e.SetSpeed(speed=asked)).speed == set_to


def test_a_live_session_is_followed_until_space_freezes_it() -> None:
    live = opened(live=True)
    grown = after(live, e.SessionGrew(key=KEY, range_ns=(0, 2 * END_NS), live=True))
    assert grown.following
    assert grown.cursor_ns == 2 * END_NS
    frozen = after(grown, e.Play(), e.SessionGrew(key=KEY, range_ns=(0, 3 * END_NS), live=True))
    assert (frozen.following, frozen.playing, frozen.cursor_ns) == (False, False, 2 * END_NS)
    assert after(frozen, e.Follow()).cursor_ns == 3 * END_NS


def test_growth_counts_revisions_and_keeps_the_whole_in_sight() -> None:
    more = (*LANES, LaneRef(4, 1, "late"))
    grown = after(opened(at_ns=5), e.SessionGrew(key=KEY, range_ns=(0, 2 * END_NS), live=False, lanes=more))
    assert (grown.revision, grown.visible_ns, grown.lanes) == (1, (0, 2 * END_NS), more)
    zoomed = after(grown, e.Show(range_ns=(0, 500)), e.SessionGrew(key=KEY, range_ns=(0, 3 * END_NS), live=False))
    assert (zoomed.revision, zoomed.visible_ns, zoomed.lanes) == (2, (0, 500), more)


def test_growth_of_another_session_changes_nothing() -> None:
    before = opened()
    assert handle_event(before, e.SessionGrew(key=KEY + 1, range_ns=(0, 5), live=True)) is before


def test_visited_moments_can_be_gone_back_to_and_forward_again() -> None:
    there = after(opened(), e.SeekTo(time_ns=100, visit=True), e.SeekTo(time_ns=900, visit=True))
    assert there.trail == (0, 100, 900)
    back = after(there, e.GoThroughTrail(by=-1))
    assert back.cursor_ns == 100
    assert after(back, e.GoThroughTrail(by=1)).cursor_ns == 900
    assert after(back, *[e.GoThroughTrail(by=-1)] * 5).cursor_ns == 0


def test_going_back_after_walking_on_can_return_to_where_one_was() -> None:
    walked = after(opened(), e.SeekTo(time_ns=100, visit=True), e.SeekTo(time_ns=150))
    back = after(walked, e.GoThroughTrail(by=-1))
    assert back.cursor_ns == 100
    assert after(back, e.GoThroughTrail(by=1)).cursor_ns == 150


def test_the_trail_is_bounded() -> None:
    far = after(opened(), *[e.SeekTo(time_ns=at, visit=True) for at in range(1, 300)])
    assert (len(far.trail), far.trail_at, far.trail[-1]) == (100, 99, 299)


def test_zoom_keeps_its_instant_in_place_and_show_brings_everything_back() -> None:
    zoomed = after(opened(), e.Zoom(factor=0.5, around_ns=END_NS // 2))
    assert zoomed.visible_ns == (250_000, 750_000)
    assert after(zoomed, e.Pan(share=1.0)).visible_ns == (500_000, END_NS)
    assert after(zoomed, e.Show()).visible_ns == (0, END_NS)


def test_the_focus_moves_along_the_lanes_and_stops_at_both_ends() -> None:
    assert after(opened(), e.MoveFocus(by=1)).focus_track_id == 3
    assert after(opened(), *[e.MoveFocus(by=1)] * 9).focus_track_id == 3
    assert after(opened(), *[e.MoveFocus(by=-1)] * 9).focus_track_id == 1


def test_a_lane_folds_and_unfolds() -> None:
    folded = after(opened(), e.ToggleFold(track_id=1))
    assert folded.folded == {1}
    assert after(folded, e.ToggleFold(track_id=1)).folded == frozenset()


def test_picking_a_call_focuses_its_track() -> None:
    picked = after(opened(), e.Select(selection=Selection("call", 40, track_id=3)))
    assert (picked.selection, picked.focus_track_id) == (Selection("call", 40, track_id=3), 3)
    assert after(picked, e.Select(selection=Selection("site", 4))).focus_track_id == 3
    assert after(picked, e.Select(selection=None)).selection is None


def test_what_colour_and_height_mean_can_be_chosen() -> None:
    chosen = after(opened(), SetHeat(heat_by="memory"), SetMeasure(measure="time"), e.SetTheme(theme="light"))
    assert (chosen.of(SupervisionState).heat_by, chosen.of(BuildingState).measure) == ("memory", "time")
    assert chosen.theme == "light"


def test_a_marked_moment_is_forgotten_when_marked_again() -> None:
    marked = after(opened(at_ns=9), e.Mark())
    assert marked.marked_ns == 9
    assert after(marked, e.Mark()).marked_ns is None
    assert after(marked, e.SeekTo(time_ns=50), e.Mark(forget=True)).marked_ns is None


def test_the_marked_frame_is_kept_only_for_the_mark_and_session_it_was_asked_for() -> None:
    marked = after(opened(at_ns=9), e.Mark())
    assert after(marked, e.MarkedFrameReady(key=KEY, time_ns=9, frame=frame(9))).marked_frame == frame(9)
    for late in (
        e.MarkedFrameReady(key=KEY, time_ns=8, frame=frame(8)),
        e.MarkedFrameReady(key=KEY + 1, time_ns=9, frame=frame(9)),
    ):
        assert after(marked, late).marked_frame is None
    shown = after(marked, e.MarkedFrameReady(key=KEY, time_ns=9, frame=frame(9)))
    assert after(shown, e.SeekTo(time_ns=50), e.Mark()).marked_frame is None


def test_the_last_stretch_is_shown_up_to_the_end_and_followed_while_live() -> None:
    shown = after(opened(live=True), e.SeekTo(time_ns=5), e.ShowLast(span_ns=1_000))
    assert (shown.visible_ns, shown.cursor_ns, shown.following) == ((END_NS - 1_000, END_NS), END_NS, True)
    longer = after(opened(), e.ShowLast(span_ns=10**15))
    assert (longer.visible_ns, longer.following) == ((0, END_NS), False)


def test_bookmarks_stay_in_order_and_are_taken_away_at_the_same_place() -> None:
    two = after(opened(at_ns=900), e.AddBookmark(text="leak"), e.SeekTo(time_ns=100), e.AddBookmark())
    assert two.bookmarks == (Bookmark(time_ns=100), Bookmark(time_ns=900, text="leak"))
    assert after(two, e.AddBookmark()).bookmarks == (Bookmark(time_ns=900, text="leak"),)
    assert after(two, e.AddBookmark(text="why")).bookmarks[0].text == "why"


def test_bookmarks_are_gone_to_and_their_absence_is_said() -> None:
    two = after(opened(at_ns=900), e.AddBookmark(), e.SeekTo(time_ns=100), e.AddBookmark())
    assert after(two, e.GoToBookmark(by=1)).cursor_ns == 900
    lost = after(two, e.GoToBookmark(by=-1))
    assert lost.cursor_ns == 100
    assert lost.notice is not None


def test_a_frame_is_shown_and_a_newer_one_still_waited_for() -> None:
    waiting = after(opened(), e.SeekTo(time_ns=50), e.FrameReady(key=KEY, time_ns=40, frame=frame(40)))
    assert (waiting.frame, waiting.frame_wanted_ns) == (frame(40), 50)
    assert after(waiting, e.FrameReady(key=KEY, time_ns=50, frame=frame(50))).frame_wanted_ns is None


def test_parts_that_come_into_sight_are_asked_for_unless_the_frame_has_them() -> None:
    whole = after(opened(), e.FrameReady(key=KEY, time_ns=0, frame=frame(0)))
    fewer = after(whole, e.ShowParts(parts=frozenset({"tracks"})))
    assert (fewer.frame_parts, fewer.frame_wanted_ns) == (frozenset({"tracks"}), None)
    bare = replace(frame(0), left_out=["processes", "states"])
    shown = after(fewer, e.FrameReady(key=KEY, time_ns=0, frame=bare))
    assert after(shown, e.ShowParts(parts=frozenset())).frame_wanted_ns is None
    wanted = after(shown, e.ShowParts(parts=frozenset({"tracks", "states"})))
    assert wanted.frame_wanted_ns == 0
    assert after(wanted, e.FrameReady(key=KEY, time_ns=0, frame=bare)).frame_wanted_ns == 0
    assert after(wanted, e.FrameReady(key=KEY, time_ns=0, frame=frame(0))).frame_wanted_ns is None


def test_answers_about_another_session_are_dropped() -> None:
    before = after(opened(), e.Search(text="put"))
    assert handle_event(before, e.FrameReady(key=KEY + 1, time_ns=0, frame=frame(0))) is before
    assert handle_event(before, e.SearchFound(key=KEY + 1, text="put", site_ids=(1,))) is before
    assert handle_event(before, e.SearchFound(key=KEY, text="pu", site_ids=(1,))) is before
    assert after(before, e.SearchFound(key=KEY, text="put", site_ids=(4,))).search_sites == (4,)


def test_opening_another_session_keeps_only_what_is_not_of_the_old_one() -> None:
    before = after(
        opened(), e.SetTheme(theme="light"), r.RecentChanged(paths=("/a",)), e.AddBookmark(), e.Mark(), e.Play(on=True)
    )
    other = SessionRef(key=KEY + 1, path="/b", name="b")
    there = after(before, e.SessionOpened(session=other, range_ns=(5, 10)))
    assert there == Assigns(
        session=other, range_ns=(5, 10), visible_ns=(5, 10), cursor_ns=5, frame_wanted_ns=5, theme="light",
        settings={"theme": "light"},
        recent=("/a",),
    )  # fmt: skip


def test_closing_leads_back_to_the_welcome_screen() -> None:
    closed = after(opened(), r.RecentChanged(paths=("/a",)), e.SessionClosed())
    assert closed == Assigns(recent=("/a",))


def test_what_the_world_says_is_shown() -> None:
    recorder, notice = Recorder(pid=4, dropped=2), Notice("The disk is full.", serious=True)
    told = after(opened(), r.RecorderSaid(recorder=recorder), e.Tell(notice=notice), e.Busy(what="opening"))
    assert (told.recorder, told.notice, told.busy) == (recorder, notice, "opening")


def test_every_event_is_handled_without_a_session_and_with_one() -> None:
    samples: dict[str, object] = {
        "time_ns": 1, "count": 1, "speed": 2.0, "elapsed_ns": 1, "by": 1, "factor": 0.5, "share": 0.1, "track_id": 1,
        "selection": None, "heat_by": "cpu", "measure": "time", "text": "x", "theme": "light", "key": KEY,
        "session": SessionRef(key=1, path="p", name="n"), "range_ns": (0, 9), "live": False, "frame": frame(1),
        "site_ids": (), "recorder": None, "paths": (), "notice": None, "what": "", "direction": 1, "from_ns": 0,
        "path": "p", "flags": {}, "span_ns": 5, "rows": (), "parts": frozenset(),
        "look": "front", "floor": 1, "name": "theme", "value": "light", "steps": 1,
        "words": ("attach", "1"), "which": "next", "shows": "",
        "about": Selection("call", 1), "facts": frame(1), "figures": frame(1), "ends": "mark", "by_thread": True,
        "ranked": (), "metric": "rss_bytes",
        "findings": (), "at": 0, "row": BoxRow(kind="function", title="put", detail="", id=1),
    }  # fmt: skip
    registry.states()  # whose modules hold the views' own events: which of them are loaded must not decide
    kinds = [kind for kind in e.Event.__subclasses__() if kind.__module__.startswith("views.")]
    assert len(kinds) > 30
    for kind in kinds:
        fields = {name: samples[name] for name in kind.__struct_fields__ if name in samples}
        for assigns in (Assigns(), opened()):
            assert isinstance(handle_event(assigns, kind(**fields)), Assigns)


def test_source_lines_are_asked_for_anew_in_each_session() -> None:
    shown = after(opened(), ToggleSource())
    assert shown.of(InspectorState).source_shown
    assert not after(shown, ToggleSource()).of(InspectorState).source_shown
    again = e.SessionOpened(session=SessionRef(key=KEY + 1, path="/b.scope", name="b.scope"), range_ns=(0, 9))
    assert not after(shown, again).of(InspectorState).source_shown
    assert not after(Assigns(), ToggleSource()).of(InspectorState).source_shown


def test_a_step_in_time_is_a_share_of_what_is_visible_and_never_nothing() -> None:
    at = after(opened(at_ns=500_000), e.Show(range_ns=(400_000, 600_000)))
    assert after(at, e.StepInTime(share=0.01)).cursor_ns == 502_000
    assert after(at, e.StepInTime(share=-0.01)).cursor_ns == 498_000
    assert after(at, e.StepInTime(share=1e-9)).cursor_ns == 500_001
    assert after(opened(), e.StepInTime(share=-0.5)).cursor_ns == 0
    assert not after(opened(live=True), e.StepInTime(share=-0.1)).following


def test_what_was_started_is_offered_first_next_time_whichever_session_is_open() -> None:
    first, second = Launch("python a.py", "/srv"), Launch("python b.py", "/srv")
    begun = [
        r.StartRecording(words=("run",), path="/rec/a.scope", what="a", launch=launch) for launch in (first, second)
    ]
    shown = after(Assigns(), *begun, begun[0])
    assert (shown.launches, shown.recordings_folder) == ((first, second), "/rec")
    session = SessionRef(key=2, path="p", name="n")
    moved_on = after(shown, e.SessionOpened(session=session, range_ns=(0, 9)), e.SessionClosed())
    assert (moved_on.launches, moved_on.recordings_folder) == ((first, second), "/rec")


def test_what_a_session_holds_stays_known_when_it_is_taken_off_the_list() -> None:
    rows = (RecentSession(path="/a"), RecentSession(path="/b"))
    known = after(Assigns(recent=("/a", "/b")), r.RecentDescribed(rows=rows))
    left = after(known, r.ForgetRecent(path="/a"))
    assert (left.recent, left.recent_described) == (("/b",), rows)


def test_damage_is_shown_anew_and_answers_about_another_session_change_nothing() -> None:
    seen = after(opened(at_ns=5), e.FrameReady(key=KEY, time_ns=5, frame=frame(5)))
    assert handle_event(seen, e.DamageFound(key=KEY + 1)) is seen
    found = after(seen, e.DamageFound(key=KEY))
    assert found.revision == seen.revision + 1
    assert (found.frame_wanted_ns, found.frame) == (5, seen.frame)


def test_a_frame_that_cannot_be_made_is_not_waited_for() -> None:
    waiting = opened(at_ns=5)
    assert waiting.without_a_frame == "Reading …"
    assert after(waiting, e.FrameFailed(key=KEY, time_ns=4)).frame_wanted_ns == 5
    failed = after(waiting, e.FrameFailed(key=KEY, time_ns=5))
    assert failed.frame_wanted_ns is None
    assert failed.without_a_frame == "This moment cannot be read"
    assert Assigns().without_a_frame == "No session is open"


def test_a_recording_that_ends_while_it_is_watched_is_told_of() -> None:
    live = opened(live=True)
    stopped = after(live, e.SessionGrew(key=KEY, range_ns=(0, END_NS), live=False))
    assert stopped.notice is not None
    assert not stopped.notice.serious
    died = after(live, e.SessionGrew(key=KEY, range_ns=(0, END_NS), live=False, ended="python 4711"))
    assert died.notice is not None
    assert died.notice.serious
    assert died.notice.text.startswith("python 4711 has ended")
    assert died.recorder is None
    assert not died.following
    assert after(died, e.SessionGrew(key=KEY, range_ns=(0, END_NS), live=False)).notice is died.notice


@pytest.mark.parametrize("program", ["", "python 4711"])
def test_where_a_recording_was_saved_is_not_talked_over_by_its_end(program: str) -> None:
    """The recorder may be gone before the window sees that its session is finished."""
    saved = e.Tell(notice=Notice("Stopped on request; saved /srv/orders.scope"))
    over = after(opened(live=True), saved, r.RecordingOver(path="/srv/orders.scope"))
    finished = after(over, e.SessionGrew(key=KEY, range_ns=(0, END_NS), live=False, ended=program))
    assert finished.notice == saved.notice
    assert (finished.standing is not None) == bool(program)
    assert after(finished, e.Tell(notice=None)).notice == finished.standing


def test_a_session_without_its_recorder_is_unfinished_until_it_is_recovered() -> None:
    live = opened(live=True)
    lost = after(live, r.RecorderGone(key=KEY))
    assert lost.session is not None
    assert (lost.session.live, lost.session.unfinished) == (True, True)
    recovered = after(lost, e.SessionGrew(key=KEY, range_ns=(0, 2 * END_NS), live=False))
    assert recovered.session is not None
    assert (recovered.session.live, recovered.session.unfinished) == (False, False)
    assert handle_event(live, r.RecorderGone(key=KEY + 1)) is live


def test_the_first_thread_of_a_growing_session_becomes_the_focused_lane() -> None:
    empty = after(opened(live=True), e.SessionGrew(key=KEY, range_ns=(0, 9), live=True, focus_track_id=3))
    assert empty.focus_track_id == 2
    none_yet = replace(opened(live=True), focus_track_id=0)
    assert after(none_yet, e.SessionGrew(key=KEY, range_ns=(0, 9), live=True, focus_track_id=3)).focus_track_id == 3


def test_a_plain_sentence_covers_a_serious_one_for_its_moment_only() -> None:
    serious, plain = Notice("damaged", serious=True), Notice("nothing there")
    covered = after(opened(), e.Tell(notice=serious), e.Tell(notice=plain))
    assert covered.notice == plain
    again = after(covered, e.Tell(notice=None))
    assert again.notice == serious
    assert after(again, e.Tell(notice=None)).notice is None
    assert after(again, e.Tell(notice=None), e.Tell(notice=plain), e.Tell(notice=None)).notice is None
