"""The inspector's sections and rows for a selection at a frame; rows that lead somewhere carry the event. No Qt.

Identity    worker-1 · thread 15935 of python 15921 · since 48.9 ms
Stack       Service._work          service.py:120      entered 1.2 s ago     [source]
State       orders.stock   { 'paper': 12 -> 9 }        11.2 ms ago by worker-1
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Literal

import msgspec

from capture.changes import told_flags
from capture.events.track_kinds import HEADS
from dags.frame_parts import (
    LINE_WORDS,
    Frame,
    FrameProcess,
    FrameSettings,
    FrameState,
    FrameTrack,
    StackFrame,
    process_status_text,
    status_text,
)
from views.inspector.comparing import comparison
from views.inspector.diff import Piece, value_diff
from views.inspector.figures import Stretch
from views.inspector.pages.function import counting
from views.inspector.pages.notes import note_section, notes_section
from views.inspector.pages.parts import place_row
from views.inspector.pages.stretch import short_stretch, stretch_sections
from views.inspector.sections import NAME_LENGTH, VALUE_LENGTH, Form, Link, Row, Section, SourcePlace
from views.inspector.state import InspectorState
from views.loop.events import SeekTo, Select, Visit
from views.loop.state import Bookmark, Selection
from views.words.figures import calls_text, count_text, duration_text, short_count, size_text
from views.words.plain_text import plain

MAX_STATES = 150
MAX_STACK = 300
FOLDED_FROM = 5
"""So many calls of one function in a row, each made by the same line of it, are recursion."""
UNWATCHED = "not captured: no attributes were watched when this was recorded"
MAX_COMPARED = 40  # states whose earlier values are looked up


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A function and how it did lately, for a selected room."""

    function: str
    module: str
    file: str
    line: int
    calls: int = 0
    own_ns: int = 0
    window_ns: int = 0


def inspector_sections(
    frame: Frame,
    selection: Selection | None,
    old_values: Mapping[int, str] | None = None,
    site: Site | None = None,
    marked: Frame | None = None,
    *,
    page: Sequence[Section] = (),
    bookmarks: Sequence[Bookmark] = (),
    own: InspectorState | None = None,
    stretch_ns: Stretch | None = None,
) -> tuple[Section, ...]:
    """What is known about the selection; of the whole program when nothing is selected.

    `old_values`: by version id the value that the version replaced. `marked`: the frame to compare with. `page`: what
    was read about the selected thing. That may not exist at this moment: the identity then says so, and the rest of it
    is left out. `stretch_ns`: the picked stretch; what was counted of it is in `own`.
    """
    sections: list[Section] = [*note_section(bookmarks, frame.time_ns)]
    if stretch_ns is not None:
        whole = stretch_sections(stretch_ns, own or InspectorState())
        sections += whole if selection is None else [short_stretch(stretch_ns)]
    kind = selection.kind if selection is not None else None
    track = _track_of(frame, selection)
    process = _process_of(frame, selection, track)
    if marked is not None and marked.time_ns != frame.time_ns:
        thread_id = track.track_id if track is not None and track.kind not in HEADS else None
        sections.append(comparison(frame, marked, thread_id, process.process_id if process is not None else None))
    if selection is not None and kind == "site" and site is not None:
        sections.append(_site_section(site))
        page = page or [counting()]
    sections += page
    if track is not None and track.kind not in HEADS:
        sections += [_thread_section(frame, track), _stack_section(frame, track, selection)]
    elif process is not None:
        sections.append(_process_section(process, frame))
    elif selection is not None and kind in ("process", "track", "call"):
        sections.append(_words("identity", "Identity", "not there at this moment"))
    if selection is None and frame.settings is not None and frame.settings.since_ns is not None:
        sections.append(Section(key="settings", title="What is recorded here", rows=_all_settings_rows(frame)))
    if selection is None:
        sections += notes_section(bookmarks, frame.time_ns)
    states = _states_of(frame, selection)
    if states or kind in (None, "state"):
        sections.append(_state_section(frame, states, selection, old_values or {}))
    return tuple(sections)


def shown_states(frame: Frame, selection: Selection | None) -> list[FrameState]:
    """The states the sections show, whose earlier values are worth looking up."""
    return _states_of(frame, selection)[:MAX_STATES]


def _track_of(frame: Frame, selection: Selection | None) -> FrameTrack | None:
    if selection is None:
        return None
    wanted = selection.id if selection.kind == "track" else selection.track_id
    found = next((track for track in frame.tracks if track.track_id == wanted), None)
    if found is None and selection.kind == "call":
        found = next((t for t in frame.tracks if any(call.call_id == selection.id for call in t.stack)), None)
    return found


def _process_of(frame: Frame, selection: Selection | None, track: FrameTrack | None) -> FrameProcess | None:
    if selection is None:
        return None
    wanted = track.process_id if track is not None else selection.id if selection.kind == "process" else None
    return next((process for process in frame.processes if process.process_id == wanted), None)


def _states_of(frame: Frame, selection: Selection | None) -> list[FrameState]:
    """Newest first; those that a selected thread wrote, or all when no thread is selected."""
    newest = sorted(frame.states, key=lambda state: (-state.since_ns, -state.version_id))
    if selection is None or selection.kind == "process":
        return newest
    if selection.kind == "state":
        return sorted(newest, key=lambda state: state.version_id != selection.id)
    writer = selection.id if selection.kind == "track" else selection.track_id
    track = _track_of(frame, selection)
    if track is not None and track.kind in HEADS:
        return newest
    return [state for state in newest if writer and state.writer_track_id == writer]


def _site_section(site: Site) -> Section:
    span = f"in the last {duration_text(site.window_ns)}"
    rows = [_plain_row("function", "function", site.function), _plain_row("module", "module", site.module)]
    rows.append(place_row(site.file, site.line))
    if site.window_ns:
        lately = f"{calls_text(site.calls)}, {duration_text(site.own_ns)} of its own"
        rows.append(_plain_row("lately", "lately", f"{lately} {span}"))
    return Section(key="site", title="Function", rows=tuple(rows), form="facts")


def _thread_section(frame: Frame, track: FrameTrack) -> Section:
    process = next((one for one in frame.processes if one.process_id == track.process_id), None)
    rows = [
        _plain_row("name", "name", track.name or "unnamed"),
        _plain_row("kind", plain(track.kind, 40), f"id {track.os_id}" if track.os_id is not None else "id not known"),
        _plain_row("status", "status", _status(track, frame.time_ns)),
    ]
    if process is not None:
        link = Link("show process", Select(selection=Selection("process", process.process_id)))
        rows.append(_plain_row("process", "process", f"{process.name} {process.pid}", link))
    if track.waiting_on is not None:
        name = next((one.name for one in frame.tracks if one.track_id == track.waiting_on), "a thread")
        link = Link("show", Select(selection=Selection("track", track.waiting_on, track.waiting_on)))
        rows.append(_plain_row("waiting", "waits for", name, link))
    rows += _life(track.start_ns, track.end_ns, frame.time_ns)
    if (raised := track.exception) is not None:
        said = f": {raised.message}" if raised.message else ""
        link = Link("exception", Select(selection=Selection("event", raised.exception_id, track.track_id)))
        rows.append(_plain_row("raises", "raises", f"{raised.type or 'an exception'}{said}", link))
    if track.confidence != "exact":
        rows.append(_plain_row("confidence", "confidence", track.confidence))
    return Section(key="identity", title="Thread", rows=tuple(rows), form="facts")


def _status(track: FrameTrack, time_ns: int) -> str:
    """For how long it has waited and what for; `sampled`: as looks at it from outside have found."""
    since = [] if track.waiting_since_ns is None else [duration_text(max(0, time_ns - track.waiting_since_ns))]
    sampled = ["sampled"] if track.status_confidence == "sampled" else []
    return " · ".join([status_text(track), *since, *sampled])


def _process_section(process: FrameProcess, frame: Frame) -> Section:
    cpu = "not captured" if process.cpu_percent is None else f"{process.cpu_percent:.1f} %"
    memory = "not captured" if process.rss_bytes is None else size_text(process.rss_bytes)
    threads = sum(track.process_id == process.process_id and track.kind not in HEADS for track in frame.tracks)
    rows = [
        _plain_row("name", "name", process.name),
        _plain_row("pid", "pid", str(process.pid)),
        _plain_row("status", "status", process_status_text(process)),
        _plain_row("python", "Python", process.python or "not known"),
        _plain_row("command", "command", process.command),
        _plain_row("cpu", "CPU", cpu),
        _plain_row("rss", "memory", memory),
        _plain_row("threads", "threads", str(threads) if process.tier != "observe" else "not captured"),
    ]
    rows += _settings_rows(frame, process.settings or frame.settings) if process.tier != "observe" else ()
    parent = next((one for one in frame.processes if one.process_id == process.parent_id), None)
    if parent is not None:
        link = Link("show", Select(selection=Selection("process", parent.process_id)))
        rows.append(_plain_row("parent", "started by", f"{parent.name} {parent.pid}", link))
    return Section(key="identity", title="Process", rows=tuple(rows), form="facts")


def _all_settings_rows(frame: Frame) -> tuple[Row, ...]:
    """What is recorded at this moment; a row for each process where they are not all recorded alike."""
    settings = frame.settings
    if settings is None or not any(process.settings for process in frame.processes):
        return _settings_rows(frame, settings)
    return tuple(
        _plain_row(
            f"recorded {one.process_id}",
            f"{one.name} {one.pid}",
            told_flags(msgspec.structs.asdict(one.settings or settings)),
        )
        for one in frame.processes
        if one.tier != "observe" and one.status != "ended"
    )


def _settings_rows(frame: Frame, settings: FrameSettings | None) -> tuple[Row, ...]:
    """What is recorded at this moment, and since when where that has changed: it explains what is not there."""
    if settings is None:
        return ()
    rows = [_plain_row("recorded", "recorded", told_flags(msgspec.structs.asdict(settings)))]
    if (since_ns := settings.since_ns) is not None:
        ago, there = duration_text(max(0, frame.time_ns - since_ns)), SeekTo(time_ns=since_ns, visit=True)
        rows.append(_plain_row("changed", "changed", f"{ago} ago", Link("go there", there)))
    return tuple(rows)


def _stack_section(frame: Frame, track: FrameTrack, selection: Selection | None) -> Section:
    if not track.stack:
        unknown = track.confidence == "not captured"
        return _words("stack", "Stack", "not captured" if unknown else "no recorded function is running")
    rows = tuple(islice(_stack_rows(frame, track, selection), MAX_STACK))
    title = f"Stack, innermost first ({len(track.stack)})"
    if track.confidence == "not captured":
        title += " · as last known: what came after it is lost"
    return Section(key="stack", title=title, rows=rows)


def _stack_rows(frame: Frame, track: FrameTrack, selection: Selection | None) -> Iterator[Row]:
    """A row for each call, innermost first; of recursion the two ends, how many are between, and what is picked."""
    innermost_first = reversed(list(enumerate(track.stack)))
    for _, run in groupby(innermost_first, key=lambda one: (one[1].function, one[1].file, one[1].line)):
        rows = [_call_row(frame, track, depth, call, selection) for depth, call in run]
        if len(rows) < FOLDED_FROM:
            yield from rows
            continue
        picked = [row for row in rows[1:-1] if row.picked]
        between = f"{count_text(len(rows) - 2 - len(picked))} more calls of {rows[0].label} between"
        yield from (rows[0], *picked, Row(key=f"between {rows[0].key}", label=between), rows[-1])


def _call_row(frame: Frame, track: FrameTrack, depth: int, call: StackFrame, selection: Selection | None) -> Row:
    ago = duration_text(frame.time_ns - call.entered_ns)
    place = f"{LINE_WORDS[call.line_is]} {call.file.rsplit('/', 1)[-1]}:{call.line}"
    return Row(
        key=f"{depth}:{call.call_id}",
        label=plain(call.function, NAME_LENGTH),
        pieces=(Piece(plain(place, NAME_LENGTH)),),
        note=f"running since at least {ago}" if call.entered_earlier else f"entered {ago} ago",
        links=(
            Link("go to entry", SeekTo(time_ns=call.entered_ns, visit=True)),
            Link("select", Select(selection=Selection("call", call.call_id, track.track_id))),
        ),
        source=SourcePlace(call.file, call.line),
        picked=selection is not None and selection.kind == "call" and selection.id == call.call_id,
    )


def _state_section(
    frame: Frame, states: Sequence[FrameState], selection: Selection | None, old_values: Mapping[int, str]
) -> Section:
    if not states:
        captured = frame.confidence.states != "not captured"
        return _words("state", "State", "no state has a value yet" if captured else UNWATCHED)
    names = {track.track_id: track.name for track in frame.tracks}
    rows = tuple(_state_row(frame, state, selection, old_values, names) for state in states[:MAX_STATES])
    more = f", newest {MAX_STATES}" if len(states) > MAX_STATES else ""
    return Section(key="state", title=f"State ({short_count(len(states))}{more})", rows=rows)


def _state_row(
    frame: Frame,
    state: FrameState,
    selection: Selection | None,
    old_values: Mapping[int, str],
    names: Mapping[int, str],
) -> Row:
    new = plain(state.value, VALUE_LENGTH)
    old = old_values.get(state.version_id)
    writer = plain(names.get(state.writer_track_id, ""), NAME_LENGTH)
    links = [Link("go there", SeekTo(time_ns=state.since_ns, visit=True))]
    if state.writer_call_id is not None:
        picked = Selection("call", state.writer_call_id, state.writer_track_id)
        links.append(Link("writer", Visit(time_ns=state.since_ns, selection=picked)))
    elif state.writer_track_id:
        links.append(Link("writer", Select(selection=Selection("track", state.writer_track_id))))
    version = Selection("state", state.version_id, state.writer_track_id)
    links += [Link("history", Select(selection=version))] if selection != version else []
    ago = f"{duration_text(frame.time_ns - state.since_ns)} ago"
    ago += "" if state.confidence == "exact" else f" · {state.confidence}"
    ago += f", {count_text(state.changes)} changes" if state.changes > 1 else ""
    cell = f"{state.owner}.{state.key}" + (f" #{state.object_id}" if state.object_id else "")
    return Row(
        key=f"{state.object_id}:{state.owner}:{state.key}",
        label=plain(cell, NAME_LENGTH),
        pieces=(Piece(new),) if old is None else value_diff(plain(old, VALUE_LENGTH), new),
        note=f"{ago} by {writer}" if writer else ago,
        links=tuple(links),
        picked=selection is not None and selection.kind == "state" and selection.id == state.version_id,
    )


def _life(start_ns: int | None, end_ns: int | None, now_ns: int) -> list[Row]:
    rows = []
    if start_ns is not None:
        link = Link("go there", SeekTo(time_ns=start_ns, visit=True))
        rows.append(_plain_row("start", "started", f"{duration_text(now_ns - start_ns)} ago", link))
    if end_ns is not None:
        link = Link("go there", SeekTo(time_ns=end_ns, visit=True))
        rows.append(_plain_row("end", "ended", f"{duration_text(now_ns - end_ns)} ago", link))
    return rows


def _plain_row(key: str, label: str, text: str, *links: Link) -> Row:
    return Row(key=key, label=label, pieces=(Piece(plain(text, VALUE_LENGTH)),), links=links)


def _words(key: Literal["identity", "stack", "state"], title: str, text: str) -> Section:
    form: Form = "facts" if key == "identity" else "entries"
    return Section(key=key, title=title, rows=(Row(key="words", label=text),), form=form)
