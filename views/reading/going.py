"""Where keys lead: the next call of the picked function, the longest one, the next exception, caller and callee. No Qt.

Each answers one of QUESTIONS and yields the events that go there, or a sentence that says why nothing lies there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from capture.events.batch import Int64
from capture.session.session import Session
from dags.analyses.call_finder import Fitting, FoundCall, next_call, previous_call, slowest_calls
from dags.analyses.exceptions_seen import coming_up, kind_that_tells
from dags.frame_parts import Frame, FrameTrack, StackFrame
from views.loop import events as e
from views.loop.state import Notice, Selection
from views.reading import steps
from views.reading.questions import Asked
from views.words.figures import duration_text

NO_FUNCTION = Notice(
    "No function is picked.",
    hint="{Find anything} finds one by its name, {Pick the call under the cursor} picks the one under the cursor.",
)


class PickedCall(NamedTuple):
    """A call that is known by its id: of which function, and when it began."""

    call_id: int
    site_id: int
    start_ns: int


class SeenAt(NamedTuple):
    """An exception that came up."""

    event_id: int
    time_ns: int
    track_id: int


def place(asked: Asked) -> Iterator[e.Event]:
    """Where a line of the box leads."""
    assert isinstance(asked.event, e.GoTo)
    row, session = asked.event.row, asked.source.session
    if session is None:
        return
    match row.kind:
        case "function":
            yield from _to_function(asked, row.id)
        case "longest call":
            yield from _to_longest(asked, row.id)
        case "value":
            yield from _to_value(asked, row.id, row.title)
        case "thread":
            yield e.Select(selection=Selection("track", row.id, row.id))
        case "exception":
            where = steps.event_place(asked.source, row.id)
            if where is None:
                yield _told("It cannot be read any more.")
                return
            yield e.SeekTo(time_ns=where[0], visit=True)
            yield e.Select(selection=Selection("event", row.id, where[1]))
        case _:
            yield e.SeekTo(time_ns=row.time_ns or 0, visit=True)


def _to_function(asked: Asked, site_id: int) -> Iterator[e.Event]:
    """Picks the function, and goes to its next call from the cursor, or to the first when there is none."""
    session = asked.source.session
    yield e.Select(selection=Selection("site", site_id))
    if session is None:
        return
    found = next_call(session, site_id, asked.assigns.cursor_ns, reads_on=asked.reads_on)
    found = found or next_call(session, site_id, session.start_ns - 1, reads_on=asked.reads_on)
    if found is None:
        yield _told(f"No call of {asked.source.names.site(site_id)} is recorded.")
        return
    yield e.SeekTo(time_ns=found.start_ns, visit=True)
    yield e.Select(selection=Selection("site", site_id, found.track_id))


def _to_value(asked: Asked, key_id: int, title: str) -> Iterator[e.Event]:
    """Goes to the last write of a value up to the cursor, or to its first one after it, and picks what it wrote."""
    session = asked.source.session
    key = None if session is None else next((row for row in session.state_keys() if row.key_id == key_id), None)
    found = None if key is None else write_near(asked, key.owner, key.key)
    if found is None:
        yield _told(f"No write of {title} is recorded.")
        return
    version_id, time_ns, track_id = found
    yield e.SeekTo(time_ns=time_ns, visit=True)
    yield e.Select(selection=Selection("state", version_id, track_id))


def write_near(asked: Asked, owner: str, key: str) -> tuple[int, int, int] | None:
    """(version, when, on which track) of the last write of a name up to the cursor, else of its first one after it."""
    session, cursor_ns = asked.source.session, asked.assigns.cursor_ns
    if session is None:
        return None
    columns = ("version_id", "time_ns", "owner", "key", "writer_track_id")
    for by in (-1, 1):
        for index in _segments_from(session, cursor_ns, by):
            if session.segments[index].file("states") is None and not session.live:
                continue
            asked.reads_on()
            table = session.segment_table(index, "states", columns)
            is_it = pc.and_(pc.equal(table["owner"], owner), pc.equal(table["key"], key))
            compare = pc.less_equal if by < 0 else pc.greater
            rows = table.filter(pc.and_(is_it, compare(table["time_ns"], cursor_ns)))
            if len(rows):
                row = rows.slice(len(rows) - 1 if by < 0 else 0, 1).to_pylist()[0]
                return row["version_id"], row["time_ns"], row["writer_track_id"] or 0
    return None


def call(asked: Asked) -> Iterator[e.Event]:
    """The next, previous or longest call of a function; from the last one on it begins anew, and says so."""
    assert isinstance(asked.event, e.GoToCall)
    event, session = asked.event, asked.source.session
    here = _call_here(asked)
    site_id = event.site_id or _picked_site(asked, here)
    if session is None or not site_id:
        yield e.Tell(notice=NO_FUNCTION)
        return
    if event.which == "longest":
        yield from _to_longest(asked, site_id, stays=event.stays)
        return
    bounds_ns = asked.assigns.stretch_ns if event.stays else None
    low_ns, high_ns = bounds_ns or (session.start_ns, session.end_ns)
    at_ns = asked.assigns.cursor_ns if event.from_ns is None else event.from_ns - 1
    at_one = here is not None and (here.site_id, here.start_ns) == (site_id, at_ns)
    at_id = here.call_id if here is not None and at_one else None
    called = _Called(asked.source.names.site(site_id), event, bounds_ns)
    fitting = Fitting(event.lasting_ns, event.raised, high_ns if event.lasting_ns is not None else None)

    def nearest(time_ns: int, call_id: int | None = None) -> FoundCall | None:
        find = next_call if event.which == "next" else previous_call
        inside_ns = min(max(time_ns, low_ns - 1), high_ns + 1)
        found = find(session, site_id, inside_ns, call_id=call_id, fitting=fitting, reads_on=asked.reads_on)
        return found if found is not None and low_ns <= found.start_ns <= high_ns else None

    found = nearest(at_ns, at_id)
    if found is None:
        found = nearest(low_ns - 1 if event.which == "next" else high_ns + 1)
        if found is not None:
            yield _told(called.begun_anew(is_only=found.call_id == at_id))
    yield from _to_call(found, called.none_there, stays=event.stays)


def exception(asked: Asked) -> Iterator[e.Event]:
    """The next or the previous exception, on whichever thread; after the last one the first, with a sentence."""
    assert isinstance(asked.event, e.GoToException)
    shown, session, by = asked.assigns, asked.source.session, asked.event.by
    if session is None:
        return
    picked = shown.selection
    at_id = picked.id if picked is not None and picked.kind == "event" else None
    found = exception_from(asked, (shown.cursor_ns, at_id), by)
    if found is None:
        beyond_ns = session.start_ns - 1 if by > 0 else session.end_ns + 1
        found = exception_from(asked, (beyond_ns, None), by)
        if found is None:
            yield _told("No exception is recorded here.")
            return
        there = ("after", "first") if by > 0 else ("before", "last")
        yield _told(f"No exception came up {there[0]} this moment; this is the {there[1]} one.")
    yield e.SeekTo(time_ns=found.time_ns, visit=True)
    yield e.Select(selection=Selection("event", found.event_id, found.track_id))


def exception_from(asked: Asked, at: tuple[int, int | None], by: int) -> SeenAt | None:
    """The nearest exception beyond (an instant, the event that one is at there), None without one.

    Reads segment by segment outwards: what is near costs one segment.
    """
    session, source = asked.source.session, asked.source
    if session is None or not session.manifest.kinds.get(kind_that_tells(session).word):
        return None
    kind, (time_ns, at_id) = kind_that_tells(session), at
    for index in _segments_from(session, time_ns, by):
        batch = source.segment_events(index)
        rows = coming_up(batch, kind)
        times, ids = batch.time_ns[rows], batch.first_event_id + rows
        is_at = np.zeros(len(rows), np.bool_) if at_id is None else times == time_ns
        beyond = (times > time_ns) | (is_at & (ids > (at_id or 0)))
        if by < 0:
            beyond = (times < time_ns) | (is_at & (ids < (at_id or 0)))
        inside: Int64 = rows[beyond]
        if len(inside):
            row = int(inside[0 if by > 0 else -1])
            return SeenAt(batch.first_event_id + row, int(batch.time_ns[row]), int(batch.track_id[row]))
    return None


def at_cursor(asked: Asked) -> Iterator[e.Event]:
    """The innermost call that runs on the focused lane at the cursor."""
    track = _focused(asked)
    if track is None or not track.stack:
        yield _told("No call runs at the cursor on the focused lane.")
        return
    yield e.Select(selection=Selection("call", track.stack[-1].call_id, track.track_id))


def on_stack(asked: Asked) -> Iterator[e.Event]:
    """The caller of the picked call, or the call that it has made: the one that runs at the cursor, else its next."""
    assert isinstance(asked.event, e.PickOnStack)
    track = _focused(asked)
    stack = track.stack if track is not None else []
    if track is None or not stack:
        yield _told("No call runs at the cursor on the focused lane.")
        return
    at = _depth_of(stack, asked.assigns.selection)
    wanted = at + asked.event.by
    if wanted < 0:
        yield _told(f"{stack[at].function} is the outermost call that is known here.")
    elif wanted < len(stack):
        yield e.Select(selection=Selection("call", stack[wanted].call_id, track.track_id))
    else:
        yield from _into_next(asked, track)


def _into_next(asked: Asked, track: FrameTrack) -> Iterator[e.Event]:
    """Goes to where the innermost call calls on, and picks what it calls."""
    innermost = track.stack[-1]
    begun_ns = steps.next_begin(asked.source, asked.assigns.cursor_ns, track.track_id)
    frame = None if begun_ns is None or asked.frame_at is None else asked.frame_at(begun_ns)
    then = None if frame is None else _track(frame, track.track_id)
    deeper = [] if then is None else then.stack[len(track.stack) :]
    if begun_ns is None or not deeper:
        yield _told(f"{innermost.function} calls nothing more that is recorded.")
        return
    yield e.SeekTo(time_ns=begun_ns, visit=True)
    yield e.Select(selection=Selection("call", deeper[0].call_id, track.track_id))


def _to_longest(asked: Asked, site_id: int, *, stays: bool = False) -> Iterator[e.Event]:
    """Goes to the longest call of a function, and says how long it took."""
    function, session = asked.source.names.site(site_id), asked.source.session
    range_ns = asked.assigns.stretch_ns if stays else None
    longest = [] if session is None else slowest_calls(session, site_id, 1, range_ns, reads_on=asked.reads_on)
    yield from _to_call(longest[0] if longest else None, f"No call of {function} is recorded.", stays=stays)
    if longest:
        more = "more than " if longest[0].is_cut or longest[0].end_ns is None else ""
        yield _told(f"The longest call of {function} took {more}{duration_text(longest[0].inside_ns)}.")


def _to_call(found: FoundCall | None, none_there: str, *, stays: bool) -> Iterator[e.Event]:
    """Goes to it and picks it, or its function where that is to stay picked."""
    if found is None:
        yield _told(none_there)
        return
    yield e.SeekTo(time_ns=found.start_ns, visit=True)
    picked = Selection("call", found.call_id, found.track_id)
    yield e.Select(selection=Selection("site", found.site_id, found.track_id) if stays else picked)


class _Called(NamedTuple):
    """What is looked for, in words."""

    function: str
    event: e.GoToCall
    bounds_ns: tuple[int, int] | None

    @property
    def none_there(self) -> str:
        """There is none of them."""
        where = "in the picked stretch" if self.bounds_ns else "is recorded"
        return f"No {self._what} {where}."

    def begun_anew(self, *, is_only: bool) -> str:
        """There is none of them in that direction."""
        if is_only:
            return f"This is the only {self._what}."
        where, which = ("after", "first") if self.event.which == "next" else ("before", "last")
        return f"No {self._what} {where} this one; here is its {which}."

    @property
    def _what(self) -> str:
        longer = " that took as long" if self.event.lasting_ns is not None else ""
        raised = " that an exception has left" if self.event.raised else ""
        return f"call of {self.function}{longer}{raised}"


def _call_here(asked: Asked) -> PickedCall | None:
    """The picked call; else the innermost one of the picked function that runs at the cursor on the focused lane."""
    picked, frame = asked.assigns.selection, asked.assigns.frame
    if picked is None or picked.kind not in ("call", "site"):
        return None
    if picked.kind == "call":
        return call_with_id(asked, picked.id)
    track = None if frame is None else _track(frame, asked.assigns.focus_track_id)
    running = [] if track is None else [one for one in track.stack if one.site_id == picked.id]
    return PickedCall(running[-1].call_id, picked.id, running[-1].entered_ns) if running else None


def call_with_id(asked: Asked, call_id: int) -> PickedCall | None:
    """A call near the cursor: one that runs there, else one that ended in the segments around it."""
    frame, session = asked.assigns.frame, asked.source.session
    for track in [] if frame is None else frame.tracks:
        for one in track.stack:
            if one.call_id == call_id and one.site_id:
                return PickedCall(call_id, one.site_id, one.entered_ns)
    if session is None:
        return None
    around = sorted(
        range(len(session.segments)),
        key=lambda index: abs(index - (session.segment_at(asked.assigns.cursor_ns) or 0)),
    )
    for index in around[: steps.MAX_SEGMENTS_FOR_A_CALL]:
        segment = session.segments[index]
        calls = asked.source.calls_between(segment.start_ns, segment.end_ns)
        rows = np.flatnonzero(calls["call_id"].to_numpy() == call_id)
        if len(rows):
            row = calls.slice(int(rows[0]), 1).to_pylist()[0]
            return PickedCall(call_id, row["site_id"], row["start_ns"])
    return None


def _picked_site(asked: Asked, here: PickedCall | None) -> int:
    picked = asked.assigns.selection
    if picked is not None and picked.kind == "site":
        return picked.id
    return 0 if here is None else here.site_id


def _focused(asked: Asked) -> FrameTrack | None:
    """The focused lane at the cursor. For the reader only."""
    if asked.frame_at is None:
        return None
    return _track(asked.frame_at(asked.assigns.cursor_ns), asked.assigns.focus_track_id)


def _track(frame: Frame, track_id: int) -> FrameTrack | None:
    return next((track for track in frame.tracks if track.track_id == track_id), None)


def _depth_of(stack: list[StackFrame], picked: Selection | None) -> int:
    """Where on the stack the picked call or function is, the innermost one where it is not."""
    if picked is not None:
        for depth in range(len(stack) - 1, -1, -1):
            if picked.id == (stack[depth].call_id if picked.kind == "call" else stack[depth].site_id) and (
                picked.kind in ("call", "site")
            ):
                return depth
    return len(stack) - 1


def _segments_from(session: Session, time_ns: int, by: int) -> list[int]:
    """The segments with rows in which something may have happened then or later, or then or earlier."""
    rows = session.with_rows
    if by > 0:
        return [index for index in rows if session.segments[index].end_ns >= time_ns]
    return rows[: bisect_right(rows, bisect_right(session.segments, time_ns, key=lambda one: one.start_ns))][::-1]


def _told(sentence: str) -> e.Tell:
    return e.Tell(notice=Notice(sentence))
