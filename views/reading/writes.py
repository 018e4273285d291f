"""Where Ctrl+[ and Ctrl+] lead: the last and the next write of what is picked. No Qt."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from capture.events.track_kinds import HEADS
from dags.analyses.event_facts import version_of_event
from dags.analyses.writes import WantedWrites, nearest_write, version_with_id
from views.loop import events as e
from views.loop.state import Notice, Selection
from views.reading.questions import Asked

OF_A_FUNCTION = "Whose writes? Those of a value, a call, a thread or a process are known; with nothing picked, all."


class _Meant(NamedTuple):
    """Which writes, what they are called, and the version that is picked."""

    wanted: WantedWrites
    words: str
    at_id: int | None = None


def found_write(asked: Asked) -> Iterator[e.Event]:
    """The last or the next write from the cursor; beyond the first and the last one it goes around, and says so."""
    assert isinstance(asked.event, e.GoToWrite)
    shown, session, by = asked.assigns, asked.source.session, asked.event.by
    if session is None:
        return
    meant = _meant(asked, shown.selection)
    if meant is None:
        yield _told(OF_A_FUNCTION)
        return
    found = nearest_write(session, meant.wanted, (shown.cursor_ns, meant.at_id), by, reads_on=asked.reads_on)
    if found is None:
        beyond_ns = session.start_ns - 1 if by > 0 else session.end_ns + 1
        found = nearest_write(session, meant.wanted, (beyond_ns, None), by, reads_on=asked.reads_on)
        if found is None:
            yield _told(f"No write{meant.words} is recorded.")
            return
        there = ("after", "first") if by > 0 else ("before", "last")
        is_it = found.version_id == meant.at_id
        other = "the only one" if is_it else f"the {there[1]} one"
        yield _told(f"No write{meant.words} {there[0]} this moment; this is {other}.")
    yield e.Visit(time_ns=found.time_ns, selection=Selection("state", found.version_id, found.track_id))


def _meant(asked: Asked, picked: Selection | None) -> _Meant | None:
    """Those of what is picked; None where there is no saying."""
    names = asked.source.names
    match picked:
        case None:
            return _Meant(WantedWrites(), "")
        case Selection(kind="state", id=version_id):
            return _of_value(asked, version_id)
        case Selection(kind="track", id=track_id) if (row := names.tracks.get(track_id)) and row.kind in HEADS:
            return _of_process(asked, row.process_id)
        case Selection(kind="track", id=track_id):
            return _Meant(WantedWrites(track_ids={track_id}), f" by {names.track(track_id)}")
        case Selection(kind="process", id=process_id):
            return _of_process(asked, process_id)
        case Selection(kind="call", id=call_id):
            return _Meant(WantedWrites(call_id=call_id), " by the picked call")
        case Selection(kind="event", id=event_id, track_id=track_id):
            assert asked.source.session is not None
            written_id = version_of_event(asked.source.session, event_id)
            if written_id is not None:
                return _of_value(asked, written_id)
            return _Meant(WantedWrites(track_ids={track_id}), f" by {names.track(track_id)}")
        case _:
            return None


def _of_value(asked: Asked, version_id: int) -> _Meant | None:
    assert asked.source.session is not None
    picked = version_with_id(asked.source.session, version_id, asked.assigns.cursor_ns, reads_on=asked.reads_on)
    if picked is None:
        return None
    wanted = WantedWrites(name=(picked.owner, picked.key), object_id=picked.object_id)
    return _Meant(wanted, f" of {picked.cell}", version_id)


def _of_process(asked: Asked, process_id: int) -> _Meant:
    tracks = [row.track_id for row in asked.source.names.tracks.values() if row.process_id == process_id]
    return _Meant(WantedWrites(track_ids=tracks), " by the picked process")


def _told(sentence: str) -> e.Tell:
    return e.Tell(notice=Notice(sentence))
