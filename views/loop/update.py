"""What each event changes: `handle_event` is the only place where the window's state is decided. Pure, no Qt.
What is not known here is handed to the views' own states.

An event that changes nothing returns the very same assigns, so that nothing is painted for it.
"""

from __future__ import annotations

from pathlib import PurePath

import msgspec
from msgspec.structs import replace

from views.loop import events as e
from views.loop import recording_events as r
from views.loop.box import in_the_box
from views.loop.choosing_lanes import OF_LANES, lanes_chosen
from views.loop.chosen import settled
from views.loop.edits import bookmarks_by_time, edited
from views.loop.lane_choice import in_lane_order
from views.loop.recents import put_back, taken_off
from views.loop.remembered import OF_SESSION
from views.loop.state import SPEEDS, Assigns, Notice, Stride
from views.loop.stretch import PickStretch, PickStretchTo, with_stretch
from views.loop.view_states import from_kept, only_remembered, passed_on
from views.loop.viewport import fitted, panned, showing, zoomed

MAX_TRAIL = 100
MAX_LAUNCHES = 20
_TO_SET_ONE = "{Bookmark this moment, or take it away} sets one."
_TO_THE_FIRST = "{Finding 1} leads to the first one."


def handle_event(assigns: Assigns, event: e.Event) -> Assigns:
    """The state after this event."""
    match event:
        case (
            e.SeekTo()
            | e.Stepped()
            | e.Play()
            | e.Shuttle()
            | e.SetSpeed()
            | e.Tick()
            | e.Follow()
            | e.Step()
            | e.StepInTime()
        ):
            return _in_time(assigns, event)
        case e.GoThroughTrail(by=by):
            return _through_trail(assigns, by)
        case e.Zoom() | e.Pan() | e.Show() | e.ShowLast() | e.ToggleFold():
            return _on_the_timeline(assigns, event)
        case e.Visit(time_ns=time_ns, selection=selection):
            return _picked(_in_time(assigns, e.SeekTo(time_ns=time_ns, visit=True)), e.Select(selection=selection))
        case _ if isinstance(event, OF_LANES) and assigns.session is not None:
            return lanes_chosen(assigns, event)
        case e.Select() | e.PickNothing() | e.Search() | e.SearchFound():
            return _picked(assigns, event)
        case e.ChangeSetting() | e.SetTheme() | e.Enlarge() | e.DesktopLooks():
            return settled(assigns, event)
        case e.OpenBox() | e.LookFor() | e.CloseBox() | e.GoTo() | e.BoxFound() | e.FiguresKnown():
            return in_the_box(assigns, event)
        case e.GoToFinding() | e.GoToOccurrence():
            return _to_finding(assigns, event)
        case e.Mark(forget=forget):
            marked_ns = None if forget or assigns.marked_ns == assigns.cursor_ns else assigns.cursor_ns
            return replace(assigns, marked_ns=marked_ns, marked_frame=None)
        case PickStretch() | PickStretchTo():
            return passed_on(with_stretch(assigns, event), event)
        case e.AddBookmark() | e.EditBookmark() | e.Undo() if assigns.session is not None:
            return edited(assigns, event)
        case e.GoToBookmark(by=by):
            return _to_bookmark(assigns, by)
        case _:
            return _answered(assigns, event)


def _answered(assigns: Assigns, event: e.Event) -> Assigns:
    """What the world says; answers about a session that is not open any more change nothing."""
    match event:
        case e.SessionOpened():
            return _opened(assigns, event)
        case e.SessionGrew():
            return _grown(assigns, event)
        case e.SessionClosed():
            return _without_session(assigns)
        case r.StartRecording():
            return _recording_begun(assigns, event)
        case e.FrameReady(key=key, time_ns=time_ns, frame=frame):
            if not _is_open(assigns, key):
                return assigns
            is_it = assigns.frame_wanted_ns == time_ns and not frame.lacks(assigns.frame_parts or ())
            return replace(assigns, frame=frame, frame_wanted_ns=None if is_it else assigns.frame_wanted_ns)
        case e.ShowParts(parts=parts) if assigns.session is not None:
            is_lacking = assigns.frame is not None and assigns.frame.lacks(parts)
            wanted_ns = assigns.cursor_ns if is_lacking else assigns.frame_wanted_ns
            return replace(assigns, frame_parts=parts, frame_wanted_ns=wanted_ns)
        case e.FindingsKnown(key=key, findings=findings):
            return replace(assigns, findings=findings, finding_at=None) if _is_open(assigns, key) else assigns
        case e.MarkedFrameReady(key=key, time_ns=time_ns, frame=frame):
            wanted = _is_open(assigns, key) and time_ns == assigns.marked_ns
            return replace(assigns, marked_frame=frame) if wanted else assigns
        case e.FrameFailed(key=key, time_ns=time_ns):
            is_wanted = _is_open(assigns, key) and assigns.frame_wanted_ns == time_ns
            return replace(assigns, frame_wanted_ns=None, revision=assigns.revision + 1) if is_wanted else assigns
        case e.DamageFound(key=key):
            if not _is_open(assigns, key):
                return assigns
            return replace(assigns, revision=assigns.revision + 1, frame_wanted_ns=assigns.cursor_ns)
        case r.RecorderGone(key=key) if assigns.session is not None and assigns.session.key == key:
            return replace(assigns, session=replace(assigns.session, unfinished=True), recorder=None)
        case r.RecordingOver(path=path) if assigns.session is not None and assigns.session.path == path:
            return replace(assigns, session=replace(assigns.session, over=True))
        case r.RecorderSaid(recorder=recorder):
            return replace(assigns, recorder=recorder)
        case r.RecentDescribed(rows=rows):
            return replace(assigns, recent_described=rows)
        case r.ForgetRecent(path=path):
            return taken_off(assigns, path)
        case e.Undo(again=False):
            return put_back(assigns)
        case r.PicturesWritten(path=path, said=said):
            folder = str(PurePath(path).parent)
            return replace(assigns, pictures_folder=folder, notice=Notice(f"Exported {path}. {said}".rstrip()))
        case r.RecentChanged(paths=paths):
            return replace(assigns, recent=paths)
        case e.Tell(notice=notice):
            return _told(assigns, notice)
        case e.Busy(what=what):
            return replace(assigns, busy=what)
        case e.StopLooking() if not assigns.busy:
            return _told(assigns, Notice("Nothing is under way that could be stopped."))
        case _:
            return passed_on(assigns, event)


def _in_time(assigns: Assigns, event: e.Event) -> Assigns:
    match event:
        case e.SeekTo(time_ns=time_ns, visit=visit):
            moved = _visited(assigns, time_ns) if visit else assigns
            return _moved(replace(moved, following=False, steps=()), time_ns)
        case e.Step(count=count, over=over, held=held):
            return _step_queued(assigns, Stride(count, over, held))
        case e.StepInTime(share=share):
            by_ns = max(1, round(abs(share) * (assigns.visible_ns[1] - assigns.visible_ns[0])))
            to_ns = assigns.cursor_ns + (by_ns if share > 0 else -by_ns)
            return _moved(replace(assigns, following=False, playing=False, steps=()), to_ns)
        case e.Stepped(key=key, from_ns=from_ns, time_ns=time_ns):
            if not _is_open(assigns, key) or not assigns.steps or from_ns != assigns.cursor_ns:
                return assigns
            return _moved(replace(assigns, following=False, steps=assigns.steps[1:]), time_ns)
        case e.Play(on=on, backwards=backwards):
            if assigns.session is None:
                return assigns
            wanted = not (assigns.playing or assigns.following) if on is None else on
            return _playing(assigns, wanted, backwards=backwards)
        case e.Shuttle(direction=direction):
            if assigns.session is None:
                return assigns
            backwards = direction < 0
            again = assigns.playing and direction != 0 and backwards == assigns.backwards
            speed = min(assigns.speed * 2, SPEEDS[1]) if again else assigns.speed
            return replace(_playing(assigns, direction != 0, backwards=backwards), speed=speed)
        case e.SetSpeed(speed=speed):
            return replace(assigns, speed=min(max(speed, SPEEDS[0]), SPEEDS[1]))
        case e.Tick(elapsed_ns=elapsed_ns):
            return _ticked(assigns, elapsed_ns)
        case e.Follow():
            if assigns.session is None:
                return assigns
            live = assigns.session.live
            return _moved(replace(assigns, following=live, playing=False, steps=()), assigns.range_ns[1])
        case _:
            return assigns


def _on_the_timeline(assigns: Assigns, event: e.Event) -> Assigns:
    if assigns.session is None:
        return assigns
    match event:
        case e.Zoom(factor=factor, around_ns=around_ns):
            around = assigns.cursor_ns if around_ns is None else around_ns
            return replace(assigns, visible_ns=zoomed(assigns.visible_ns, assigns.range_ns, factor, around))
        case e.Pan(share=share):
            return replace(assigns, visible_ns=panned(assigns.visible_ns, assigns.range_ns, share))
        case e.Show(range_ns=range_ns):
            return replace(assigns, visible_ns=fitted(range_ns or assigns.range_ns, assigns.range_ns))
        case e.ShowLast(span_ns=span_ns):
            end_ns = assigns.range_ns[1]
            shown = replace(assigns, visible_ns=fitted((end_ns - span_ns, end_ns), assigns.range_ns))
            return _in_time(shown, e.Follow())
        case e.ToggleFold(track_id=track_id):
            return replace(assigns, folded=assigns.folded ^ {track_id})
        case _:
            return assigns


def _picked(assigns: Assigns, event: e.Event) -> Assigns:
    match event:
        case e.Select(selection=None):
            return replace(assigns, selection=None)
        case e.Select(selection=selection) if selection is not None:
            track_id = selection.id if selection.kind == "track" else selection.track_id
            return replace(assigns, selection=selection, focus_track_id=track_id or assigns.focus_track_id)
        case e.PickNothing():
            return _let_go(assigns)
        case e.Search(text=text):
            return replace(assigns, search_text=text, search_sites=())
        case e.SearchFound(key=key, text=text, site_ids=site_ids):
            wanted = _is_open(assigns, key) and text == assigns.search_text
            return replace(assigns, search_sites=site_ids) if wanted else assigns
        case _:
            return assigns


def _to_finding(assigns: Assigns, event: e.GoToFinding | e.GoToOccurrence) -> Assigns:
    """Which finding and which event of it is gone to; that there is none is said."""
    found = assigns.findings or ()
    if isinstance(event, e.GoToFinding):
        if 0 <= event.at < len(found):
            return replace(assigns, finding_at=event.at, occurrence=0)
        said = "Still looking for what is worth a look." if assigns.looks_for_findings else "There is no such finding."
        return _told(replace(assigns, finding_at=None), Notice(said))
    if assigns.finding_at is None:
        return _told(assigns, Notice("No finding was gone to.", hint=_TO_THE_FIRST))
    count = max(1, len(found[assigns.finding_at].event_ids))
    return replace(assigns, occurrence=(assigns.occurrence + event.by) % count)


def _let_go(assigns: Assigns) -> Assigns:
    """Nothing picked and nothing searched for; what there was of it is said. A stretch in which something is picked
    goes after that: its page was below.
    """
    stays = assigns.selection is not None and assigns.stretch_ns is not None
    was = [
        (assigns.selection is not None, "Only the stretch is picked" if stays else "Nothing is picked"),
        (assigns.stretch_ns is not None and not stays, "No stretch is picked"),
        (bool(assigns.search_text), "the search is over"),
    ]
    said = " and ".join(words for there_was, words in was if there_was)
    if not said:
        return assigns
    stretch_ns = assigns.stretch_ns if stays else None
    freed = replace(assigns, selection=None, stretch_ns=stretch_ns, search_text="", search_sites=())
    return _told(freed, Notice(f"{said[0].upper()}{said[1:]}."))


def _is_open(assigns: Assigns, key: int) -> bool:
    return assigns.session is not None and assigns.session.key == key


def _moved(assigns: Assigns, time_ns: int) -> Assigns:
    """The cursor there, within what is recorded, and the timeline moved so far that it can be seen."""
    if assigns.session is None:
        return assigns
    cursor_ns = min(max(time_ns, assigns.range_ns[0]), assigns.range_ns[1])
    visible_ns = showing(cursor_ns, assigns.visible_ns, assigns.range_ns)
    if cursor_ns == assigns.cursor_ns and visible_ns == assigns.visible_ns:
        return assigns
    wanted_ns = cursor_ns if cursor_ns != assigns.cursor_ns else assigns.frame_wanted_ns
    return replace(assigns, cursor_ns=cursor_ns, visible_ns=visible_ns, frame_wanted_ns=wanted_ns)


def _step_queued(assigns: Assigns, stride: Stride) -> Assigns:
    """One more step to make; those behind the one in hand add up, so that a held key cannot run ahead for long."""
    if assigns.session is None or not stride.by:
        return assigns
    paused = replace(assigns, playing=False, following=False)
    in_hand, waiting = paused.steps[:1], paused.steps[1:]
    if waiting and waiting[-1][1:] == stride[1:]:
        total = waiting[-1].by + stride.by
        waiting = (*waiting[:-1], stride._replace(by=total)) if total else waiting[:-1]
        return replace(paused, steps=in_hand + waiting)
    return replace(paused, steps=(*paused.steps, stride))


def _playing(assigns: Assigns, on: bool, *, backwards: bool) -> Assigns:
    """Playing or paused; playing from the very end starts again at the beginning."""
    start_ns, end_ns = assigns.range_ns
    paused = replace(assigns, playing=on, following=False, backwards=backwards if on else assigns.backwards, steps=())
    at_its_end = assigns.cursor_ns == (start_ns if backwards else end_ns)
    return _moved(paused, end_ns if backwards else start_ns) if on and at_its_end else paused


def _ticked(assigns: Assigns, elapsed_ns: int) -> Assigns:
    if not assigns.playing or assigns.session is None:
        return assigns
    by_ns = int(elapsed_ns * assigns.speed) * (-1 if assigns.backwards else 1)
    moved = _moved(assigns, assigns.cursor_ns + by_ns)
    if moved.cursor_ns not in assigns.range_ns:
        return moved
    at_end = moved.cursor_ns == assigns.range_ns[1] and not assigns.backwards
    return replace(moved, playing=False, following=at_end and assigns.session.live)


def _visited(assigns: Assigns, time_ns: int) -> Assigns:
    """The trail with the moment that is left and the one that is gone to."""
    moments = assigns.trail[: assigns.trail_at + 1]
    for moment_ns in (assigns.cursor_ns, time_ns):
        if not moments or moments[-1] != moment_ns:
            moments = (*moments, moment_ns)
    moments = moments[-MAX_TRAIL:]
    return replace(assigns, trail=moments, trail_at=len(moments) - 1)


def _through_trail(assigns: Assigns, by: int) -> Assigns:
    if not assigns.trail:
        return assigns
    trail, at = assigns.trail, assigns.trail_at
    if by < 0 and trail[at] != assigns.cursor_ns:  # walked on since: coming back here must be possible
        trail, at = (*trail[: at + 1], assigns.cursor_ns), at + 1
    at = min(max(at + by, 0), len(trail) - 1)
    return _moved(replace(assigns, trail=trail, trail_at=at, following=False, steps=()), trail[at])


def _to_bookmark(assigns: Assigns, by: int) -> Assigns:
    here_ns = assigns.cursor_ns
    ahead = [b.time_ns for b in assigns.bookmarks if (b.time_ns > here_ns if by > 0 else b.time_ns < here_ns)]
    if not ahead:
        return replace(assigns, notice=Notice("No bookmark in that direction.", hint=_TO_SET_ONE))
    return _in_time(assigns, e.SeekTo(time_ns=min(ahead) if by > 0 else max(ahead), visit=True))


def _opened(assigns: Assigns, event: e.SessionOpened) -> Assigns:
    start_ns = event.range_ns[0] if event.busiest_ns is None else event.busiest_ns
    following = event.session.live and event.at_ns is None
    begun = replace(
        _without_session(assigns),
        session=event.session,
        range_ns=event.range_ns,
        visible_ns=event.range_ns,
        cursor_ns=start_ns if event.at_ns is None else event.at_ns,
        following=following,
        bookmarks=bookmarks_by_time(event.bookmarks),
        lanes=event.lanes,
        focus_track_id=event.focus_track_id,
        speed=assigns.speed,
    )
    left = _as_left(begun, event)
    cursor_ns = event.range_ns[1] if following else min(max(left.cursor_ns, event.range_ns[0]), event.range_ns[1])
    return replace(left, cursor_ns=cursor_ns, frame_wanted_ns=cursor_ns)


def _as_left(begun: Assigns, event: e.SessionOpened) -> Assigns:
    """The session as it was left; what it does not have any more, or never had, is as at first."""
    try:
        left = from_kept(event.place, OF_SESSION, begun)
    except msgspec.ValidationError:
        return begun
    left = replace(left, lanes=in_lane_order(left.lanes, left.lane_choice.ranked))
    if left.focus_track_id not in {lane.track_id for lane in event.lanes}:
        left = replace(left, focus_track_id=begun.focus_track_id)
    if begun.following or event.at_ns is not None:
        return replace(left, cursor_ns=begun.cursor_ns, visible_ns=begun.visible_ns, selection=None, stretch_ns=None)
    return replace(left, visible_ns=fitted(left.visible_ns, event.range_ns))


def _without_session(assigns: Assigns) -> Assigns:
    """What the window knows whichever session is open."""
    return replace(
        only_remembered(assigns),
        recent_described=assigns.recent_described,
        settings=assigns.settings,
        scale=assigns.scale,
        motion=assigns.motion,
        desktop_theme=assigns.desktop_theme,
    )


def _recording_begun(assigns: Assigns, event: r.StartRecording) -> Assigns:
    """The program and the folder are offered again next time."""
    launches, folder = assigns.launches, str(PurePath(event.path).parent)
    if event.launch is not None:
        others = (launch for launch in launches if launch != event.launch)
        launches = (event.launch, *others)[:MAX_LAUNCHES]
    return replace(assigns, launches=launches, recordings_folder=folder, notice=None, standing=None)


def _grown(assigns: Assigns, event: e.SessionGrew) -> Assigns:
    """More to show. What was seen whole stays whole; while following, the visible stretch slides along."""
    if assigns.session is None or assigns.session.key != event.key:
        return assigns
    grown = replace(
        assigns,
        session=replace(assigns.session, live=event.live, unfinished=assigns.session.unfinished and event.live),
        revision=assigns.revision + 1,
        range_ns=event.range_ns,
        lanes=in_lane_order(event.lanes, assigns.lane_choice.ranked) or assigns.lanes,
        focus_track_id=assigns.focus_track_id or event.focus_track_id,
        visible_ns=event.range_ns if assigns.visible_ns == assigns.range_ns else assigns.visible_ns,
        following=assigns.following and event.live,
    )
    if assigns.session.unfinished and not event.live:  # recovered: whoever did it says so
        grown = replace(grown, standing=None, notice=None if grown.notice == grown.standing else grown.notice)
    elif assigns.session.live and not event.live:
        ended = _told(replace(grown, recorder=None), _ended_notice(event.ended))
        grown = replace(ended, notice=grown.notice or ended.notice) if assigns.session.over else ended
    return _moved(grown, event.range_ns[1]) if assigns.following else grown


def _told(assigns: Assigns, notice: Notice | None) -> Assigns:
    """A plain sentence covers a serious one for its moment only; taking the serious one away is for the person."""
    if notice is not None:
        return replace(assigns, notice=notice, standing=notice if notice.serious else assigns.standing)
    if assigns.notice is not None and not assigns.notice.serious:
        return replace(assigns, notice=assigns.standing)
    return replace(assigns, notice=None, standing=None)


def _ended_notice(program: str) -> Notice:
    """The recording is over; a program that has gone while it was watched is worth a look."""
    if not program:
        return Notice("The recording has ended; all of it is here.")
    return Notice(f"{program} has ended; its recording is complete.", serious=True)
