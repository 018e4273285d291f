"""One exception: what it says, the calls that it left, where it was caught, and the others of its kind.

    for facts in exception_facts(session, event_id, reads_on=asked.reads_on):
        facts.told.type, facts.frames, facts.caught_in, facts.before, facts.after

An exception leaves the call that it is raised in without a row of its own in `exception_frames`: it has left that one
if no other of the call's exceptions came later and the call ended by raising. What it came into after the last call
that it left has caught it, be it by `except` or in code that is not Python's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capture.events.batch import EventBatch
from capture.events.kinds import Kind
from capture.session.session import Session
from dags.analyses.call_finder import FoundCall, call_with_id
from dags.analyses.called import Called, Definitions, call_row
from dags.analyses.exceptions_seen import kind_that_tells

MOST_FRAMES = 40
MOST_SEGMENTS = 8  # after that of its raise, in which an exception may still be on its way
_ROW = ("exception_id", "time_ns", "track_id", "call_id", "site_id", "type", "message")
_FRAME = ("exception_id", "depth", "call_id", "site_id", "role")
Fate = Literal["caught", "left", ""]
"""`left`: it went on from the outermost recorded call. '': not known."""
ReadsOn = Callable[[], None]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An exception as its raise tells it; `type` and `message` None: not known, nothing. Units: ns."""

    exception_id: int
    time_ns: int
    track_id: int
    call_id: int
    site_id: int
    type: str | None
    message: str | None


class Passed(msgspec.Struct, frozen=True, kw_only=True):
    """A call that it was in. `call_id` 0: not known."""

    call_id: int
    site_id: int
    function: str
    file: str
    line: int
    role: str


class ExceptionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One exception. `frames`: from where it was raised outwards, the first MOST_FRAMES. `caught_in`: the call that it
    did not leave. `before`, `after`: the nearest others of its type, and so many of that type in all, `number` of them
    up to this one; 0: not counted yet.
    """

    told: Told
    thread: str
    function: str
    file: str
    line: int
    frames: tuple[Passed, ...] = ()
    more_frames: int = 0
    fate: Fate = ""
    caught_in: Called | None = None
    before: Told | None = None
    after: Told | None = None
    number: int = 0
    of_type: int = 0


def exception_facts(session: Session, event_id: int, *, reads_on: ReadsOn = lambda: None) -> Iterator[ExceptionFacts]:
    """What is known of the exception that an event told; nothing where that event tells of none.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    told = exception_with_id(session, event_id)
    if told is None:
        return
    names = Definitions(session)
    site = names.site(told.site_id)
    facts = ExceptionFacts(
        told=told,
        thread=names.thread(told.track_id),
        function=site.function,
        file=site.file,
        line=site.line,
    )
    frames = _frames(session, told, reads_on)
    fate, caught_in = _fate(session, told, frames, reads_on)
    facts = msgspec.structs.replace(
        facts,
        frames=tuple(_passed(row, names) for row in frames[:MOST_FRAMES]),
        more_frames=max(0, len(frames) - MOST_FRAMES),
        fate=fate,
        caught_in=None if caught_in is None else names.called(caught_in),
        before=_nearest(session, told, -1, reads_on),
        after=_nearest(session, told, 1, reads_on),
    )
    yield facts
    number, of_type = _counted(session, told, reads_on)
    yield msgspec.structs.replace(facts, number=number, of_type=of_type)


def exception_with_id(session: Session, event_id: int) -> Told | None:
    """The exception that is told by that event, None where it is of another kind or cannot be read."""
    index = segment_of_event(session, event_id)
    if index is None:
        return None
    table = session.segment_table(index, "exceptions", _ROW)
    rows = table.filter(pc.equal(table["exception_id"], event_id)).to_pylist()
    if rows:
        return _told(rows[0])
    kind = kind_that_tells(session)
    batch = session.events(index)
    row = event_id - batch.first_event_id
    if kind is Kind.RAISE or not 0 <= row < len(batch) or batch.kind[row] != kind:
        return None
    return _told_by_event(batch, row)


def segment_of_event(session: Session, event_id: int) -> int | None:
    """The segment that an event lies in."""
    index = bisect_right(session.segments, event_id, key=lambda segment: segment.first_event_id) - 1
    return index if index >= 0 else None


def exception_that_left(session: Session, call: FoundCall, *, reads_on: ReadsOn = lambda: None) -> Told | None:
    """The exception that a call ended by, None where that is not known: the last of those that were in it."""
    if call.end_ns is None:
        return None
    here = session.segment_at(call.end_ns) or 0
    first = session.segment_at(call.start_ns) or 0
    for index in range(here, max(first, here - MOST_SEGMENTS) - 1, -1):
        reads_on()
        table = _left(session, index)
        ids = table.filter(pc.equal(table["call_id"], call.call_id))["exception_id"].to_pylist()
        if ids:
            return exception_with_id(session, ids[-1])
    return None


def _left(session: Session, index: int) -> pa.Table:
    """Of a segment, the rows of exception_frames that are calls it was in, not local variables."""
    table = session.segment_table(index, "exception_frames", _FRAME)
    return table.filter(pc.is_in(table["role"].cast(pa.string()), pa.array(["raised", "unwound"])))


def _frames(session: Session, told: Told, reads_on: ReadsOn) -> list[dict[str, Any]]:
    """Rows of exception_frames, from where it was raised outwards."""
    index = segment_of_event(session, told.exception_id) or 0
    found = list[dict[str, Any]]()
    for at in range(index, min(index + MOST_SEGMENTS, len(session.segments))):
        if session.segments[at].file("exception_frames") is None and not session.live:
            continue
        reads_on()
        table = _left(session, at)
        found += table.filter(pc.equal(table["exception_id"], told.exception_id)).to_pylist()
    return sorted(found, key=lambda row: row["depth"])


def _fate(
    session: Session, told: Told, frames: list[dict[str, Any]], reads_on: ReadsOn
) -> tuple[Fate, FoundCall | None]:
    """(what became of it, the call that has caught it)."""
    last = frames[-1] if frames else None
    if last is None or not last["call_id"]:
        return "", None
    call = call_with_id(session, last["call_id"], told.time_ns, reads_on=reads_on)
    if call is None:
        return "", None
    if last["role"] == "raised":
        left = exception_that_left(session, call, reads_on=reads_on) if call.raised else None
        if left is None or left.exception_id != told.exception_id:
            return "caught", call
    parent_id = call_row(session, call).parent_call_id
    if not parent_id:
        return "left", None
    caller = call_with_id(session, parent_id, call.start_ns, reads_on=reads_on)
    return ("caught", caller) if caller is not None else ("", None)


def _nearest(session: Session, told: Told, by: int, reads_on: ReadsOn) -> Told | None:
    """The last one of its type before it, or the next one after it, on any thread."""
    if told.type is None:
        return None
    start = segment_of_event(session, told.exception_id) or 0
    for index in range(start, len(session.segments)) if by > 0 else range(start, -1, -1):
        if not _may_hold(session, index):
            continue
        reads_on()
        rows = _of_type(session, index, told.type, _ROW)
        ids = rows["exception_id"].to_numpy()
        beyond = np.flatnonzero(ids > told.exception_id if by > 0 else ids < told.exception_id)
        if len(beyond):
            return _told(rows.slice(int(beyond[np.argsort(ids[beyond])][0 if by > 0 else -1]), 1).to_pylist()[0])
    return None


def _counted(session: Session, told: Told, reads_on: ReadsOn) -> tuple[int, int]:
    """(how many of its type until it, how many in all)."""
    number = of_type = 0
    for index in range(len(session.segments)):
        if told.type is not None and _may_hold(session, index):
            reads_on()
            ids = _of_type(session, index, told.type, ("exception_id", "type"))["exception_id"].to_numpy()
            number += int(np.count_nonzero(ids <= told.exception_id))
            of_type += len(ids)
    return number, of_type


def _of_type(session: Session, index: int, name: str, columns: tuple[str, ...]) -> pa.Table:
    table = session.segment_table(index, "exceptions", columns)
    return table.filter(pc.equal(table["type"], name))


def _may_hold(session: Session, index: int) -> bool:
    return session.live or session.segments[index].file("exceptions") is not None


def _told(row: dict[str, Any]) -> Told:
    numbers = {name: row[name] or 0 for name in ("exception_id", "time_ns", "track_id", "call_id", "site_id")}
    return Told(**numbers, type=row["type"], message=row["message"])


def _told_by_event(batch: EventBatch, row: int) -> Told:
    """Of a recording that tells only where exceptions leave a function: the type at most."""
    at = int(np.searchsorted(batch.value_rows, row))
    has_text = at < len(batch.value_rows) and batch.value_rows[at] == row
    return Told(
        exception_id=batch.first_event_id + row,
        time_ns=int(batch.time_ns[row]),
        track_id=int(batch.track_id[row]),
        call_id=0,
        site_id=int(batch.site_id[row]),
        type=batch.values[at] if has_text else None,
        message=None,
    )


def _passed(row: dict[str, Any], names: Definitions) -> Passed:
    site = names.site(row["site_id"] or 0)
    return Passed(
        call_id=row["call_id"] or 0,
        site_id=site.site_id,
        function=site.function,
        file=site.file,
        line=site.line,
        role=row["role"],
    )
