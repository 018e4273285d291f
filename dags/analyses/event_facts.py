"""What one event tells: the facts of the exception, the call or the value that it is about; else of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np

from capture.events.batch import EventBatch
from capture.events.kinds import KIND, Kind
from capture.session.session import Session
from dags.analyses.call_facts import CallFacts, call_facts
from dags.analyses.call_summary import call_summary
from dags.analyses.called import Definitions
from dags.analyses.detail import spans_of
from dags.analyses.exception_facts import ExceptionFacts, exception_facts, segment_of_event
from dags.analyses.exceptions_seen import kind_that_tells
from dags.analyses.value_facts import ValueFacts, value_facts

_CALL = ("call_id", "start_ns", "end_ns", "track_id", "depth", "site_id", "outcome")
_WHERE = ["call_id", "start_ns", "end_ns", "track_id", "site_id"]
ReadsOn = Callable[[], None]


class EventFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An event: its kind as a word and a sentence, where and when. `value`: what it says with a text, '' for nothing.

    Units: ns on the session clock.
    """

    event_id: int
    kind: str
    says: str
    time_ns: int
    track_id: int
    thread: str
    site_id: int
    function: str
    value: str


def event_facts(
    session: Session, event_id: int, *, reads_on: ReadsOn = lambda: None
) -> Iterator[CallFacts | ValueFacts | ExceptionFacts | EventFacts]:
    """What is known of what it tells; nothing where it cannot be read.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    index = segment_of_event(session, event_id)
    batch = EventBatch.empty() if index is None else session.events(index)
    row = event_id - batch.first_event_id
    if index is None or not 0 <= row < len(batch):
        return
    time_ns, kind = int(batch.time_ns[row]), KIND.get(int(batch.kind[row]))
    if kind is kind_that_tells(session):
        yield from exception_facts(session, event_id, reads_on=reads_on)
    elif kind is Kind.STATE and (version_id := _version_of(session, index, batch, row)):
        yield from value_facts(session, version_id, time_ns, reads_on=reads_on)
    elif kind is not None and kind.row.depth.step and (call_id := _call_of(session, index, batch, row)):
        yield from call_facts(session, call_id, time_ns, reads_on=reads_on)
    else:
        yield _itself(batch, row, kind, Definitions(session))


def version_of_event(session: Session, event_id: int) -> int | None:
    """The version that an event made, None where it tells of something else."""
    index = segment_of_event(session, event_id)
    batch = EventBatch.empty() if index is None else session.events(index, ("kind",))
    row = event_id - batch.first_event_id
    if index is None or not 0 <= row < len(batch) or batch.kind[row] != Kind.STATE:
        return None
    return _version_of(session, index, batch, row)


def _version_of(session: Session, index: int, batch: EventBatch, row: int) -> int | None:
    """The version that a state's event made: the rows of states are those events, in order."""
    ids = session.segment_table(index, "states", ("version_id",))["version_id"]
    at = int(np.count_nonzero(batch.kind[:row] == Kind.STATE))
    version_id: int | None = ids[at].as_py() if at < len(ids) else None
    return version_id


def _call_of(session: Session, index: int, batch: EventBatch, row: int) -> int | None:
    """The call that an event began or ended: one that ended in its segment, or is open at the end of that."""
    time_ns, track_id, site_id = (int(column[row]) for column in (batch.time_ns, batch.track_id, batch.site_id))
    begins = KIND[int(batch.kind[row])].row.depth.step > 0
    spans = spans_of(session.calls(index, _CALL))
    if begins:
        still = call_summary(session, index).open
        spans = np.concatenate([spans[_WHERE], still[_WHERE]])
    at = spans["start_ns" if begins else "end_ns"] == time_ns
    at &= (spans["track_id"] == track_id) & (spans["site_id"] == site_id)
    return int(spans["call_id"][at][0]) if at.any() else None


def _itself(batch: EventBatch, row: int, kind: Kind | None, names: Definitions) -> EventFacts:
    at = int(np.searchsorted(batch.value_rows, row))
    has_text = at < len(batch.value_rows) and batch.value_rows[at] == row
    track_id, site_id = int(batch.track_id[row]), int(batch.site_id[row])
    return EventFacts(
        event_id=batch.first_event_id + row,
        kind="of a newer Scope" if kind is None else kind.title,
        says="" if kind is None else kind.row.says,
        time_ns=int(batch.time_ns[row]),
        track_id=track_id,
        thread=names.thread(track_id),
        site_id=site_id,
        function=names.site(site_id).function if site_id else "",
        value=batch.values[at] if has_text else "",
    )
