"""One thread's story: when it began and ended and who started it, how busy it was in a stretch, what it spent its time
in, its longest call, its exceptions.

    for facts in thread_facts(session, track_id, (start_ns, end_ns), reads_on=asked.reads_on):
        facts.inside_ns, facts.asleep_ns, facts.longest         # of the whole recording: None in the first answer
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pyarrow.compute as pc

from capture.events.definitions import TrackRow
from capture.session.session import Session
from dags.analyses.call_finder import slowest_calls
from dags.analyses.called import Called, Definitions
from dags.analyses.exceptions_seen import exceptions_seen
from dags.analyses.function_statistics import function_statistics, segments_of
from dags.correlate.replay import state_before
from dags.process.waiting import FOREVER_NS

MOST_FUNCTIONS = 5
WAITS = "waits"
"""What a recording is able to tell in which somebody looked at its threads from outside."""
ReadsOn = Callable[[], None]


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """What a function came to on the thread. Units: ns."""

    site_id: int
    function: str
    calls: int
    own_ns: int


class ThreadFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One thread. In `visible_ns` it was in recorded functions for `inside_ns`, and `asleep_ns` long seen to sleep from
    outside, None: nobody looked. `calls` began there. The rest is of the whole recording, as far as it is counted.

    Units: ns on the session clock.
    """

    track_id: int
    start_ns: int | None
    end_ns: int | None
    starter_id: int
    starter: str
    visible_ns: tuple[int, int]
    calls: int
    inside_ns: int
    asleep_ns: int | None
    busiest: tuple[Function, ...] = ()
    all_calls: int | None = None
    longest: Called | None = None
    longest_ns: int = 0
    exceptions: int | None = None
    first_exception: tuple[int, int] | None = None
    """(event id, time) of the first one."""


def thread_facts(
    session: Session, track_id: int, stretch_ns: tuple[int, int], *, reads_on: ReadsOn = lambda: None
) -> Iterator[ThreadFacts]:
    """What is known of a thread; nothing where there is none.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    names = Definitions(session)
    row = names.track(track_id)
    if row is None:
        return
    facts = _of_stretch(session, row, names, stretch_ns, reads_on)
    yield facts
    whole = function_statistics(session, track_ids={track_id}, reads_on=reads_on)
    longest = slowest_calls(session, None, 1, track_ids={track_id}, reads_on=reads_on)
    seen = exceptions_seen(session, track_ids={track_id}, reads_on=reads_on)
    first = min(((one.first_ns, one.first_event_id) for one in seen), default=None)
    yield msgspec.structs.replace(
        facts,
        all_calls=int(whole.calls.sum()),
        longest=names.called(longest[0]) if longest else None,
        longest_ns=longest[0].inside_ns if longest else 0,
        exceptions=sum(one.count for one in seen),
        first_exception=None if first is None else (first[1], first[0]),
    )


def _of_stretch(
    session: Session, row: TrackRow, names: Definitions, stretch_ns: tuple[int, int], reads_on: ReadsOn
) -> ThreadFacts:
    found = function_statistics(session, stretch_ns, track_ids={row.track_id}, reads_on=reads_on)
    busiest = found.ranked("own")[:MOST_FUNCTIONS].tolist()
    return ThreadFacts(
        track_id=row.track_id,
        start_ns=row.start_ns,
        end_ns=row.end_ns,
        starter_id=row.parent_track_id or 0,
        starter=names.thread(row.parent_track_id or 0),
        visible_ns=stretch_ns,
        calls=int(found.calls.sum()),
        inside_ns=int(found.own_ns.sum()),
        asleep_ns=_asleep_ns(session, row.track_id, stretch_ns, reads_on),
        busiest=tuple(
            Function(
                site_id=int(found.site_id[at]),
                function=names.site(int(found.site_id[at])).function,
                calls=int(found.calls[at]),
                own_ns=int(found.own_ns[at]),
            )
            for at in busiest
        ),
    )


def _asleep_ns(session: Session, track_id: int, stretch_ns: tuple[int, int], reads_on: ReadsOn) -> int | None:
    """How long it was seen to sleep, None in a recording at whose threads nobody looked from outside.

    A wait has a row where it ends, and one without an end where it began if that is another segment; merged segments
    have both. One that covers the whole stretch has neither in it: who sleeps then is told by the state before.
    """
    start_ns, end_ns = stretch_ns
    chosen = segments_of(session, start_ns, end_ns)
    if WAITS not in session.manifest.about.capabilities or not chosen:
        return None
    asleep = state_before(session, chosen[0]).waits.state.asleep.get(track_id)
    waits = np.array([[asleep.since_ns, FOREVER_NS]] if asleep is not None else [], np.int64).reshape(-1, 2)
    for index in chosen:
        reads_on()
        table = session.segment_table(index, "waits", ("start_ns", "end_ns", "track_id"))
        rows = table.filter(pc.and_(pc.equal(table["track_id"], track_id), pc.is_valid(table["start_ns"])))
        columns = [rows["start_ns"].to_numpy(), rows["end_ns"].fill_null(FOREVER_NS).to_numpy()]
        waits = np.concatenate([waits, np.stack(columns, axis=1)])
    has_ended = np.isin(waits[:, 0], waits[waits[:, 1] < FOREVER_NS, 0])
    waits = waits[(waits[:, 1] < FOREVER_NS) | ~has_ended]
    waits = waits[np.argsort(waits[:, 0])]
    begin = np.maximum(waits[:, 0], np.maximum.accumulate(np.append(start_ns, waits[:-1, 1])[: len(waits)]))
    return int(np.maximum(np.minimum(waits[:, 1], end_ns) - begin, 0).sum())
