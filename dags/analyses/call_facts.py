"""One call: how long it took itself and in what it called, who called it, how it ended, what it wrote, and its place
among the calls of its function.

    for facts in call_facts(session, call_id, near_ns, reads_on=asked.reads_on):
        facts.own_ns, facts.callees, facts.among          # `among` is None in the first answer

Two answers come: what the segments of the call tell, and the same with its place, for which every segment's summary is
asked. A call of many segments costs their summaries and the calls of the segments at its ends: where it is open all the
while, what ran one level below it on its track is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import pyarrow.compute as pc

from capture.session.session import Session
from dags.analyses.call_finder import FoundCall, call_with_id, longer_calls, slowest_calls
from dags.analyses.call_forest import MAX_LEVELS, MAX_NODES
from dags.analyses.call_summary import call_summary
from dags.analyses.called import Called, Definitions, call_row
from dags.analyses.detail import open_at_end
from dags.analyses.exception_facts import Told, exception_that_left
from dags.analyses.function_statistics import function_statistics, segments_of
from dags.analyses.writes import WantedWrites, Write, writes_between
from dags.code.argument_text import arguments_of_text
from dags.frame_parts import FrameArgument
from dags.kernels import Array

MOST_CALLEES = 8
MOST_WRITES = 12
_LOOKED_AT = 4  # of the longest calls of a callee's function meanwhile, the call itself and its callers may be some
_CHILD = ("call_id", "start_ns", "end_ns", "site_id", "parent_call_id")
ReadsOn = Callable[[], None]


class Callee(msgspec.Struct, frozen=True, kw_only=True):
    """What a call made of one function; `longest`: the longest call of it meanwhile, None where that is not known."""

    site_id: int
    function: str
    calls: int
    total_ns: int
    longest: Called | None = None
    longest_ns: int = 0


class Among(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of its function: so many in all, `longer` of them took longer, `is_counted` where that is no estimate.

    `median_ns` is that of whole calls, None where there is none.
    """

    calls: int
    longer: int
    is_counted: bool
    median_ns: int | None


class CallFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `end_ns` None: it was open when the recording ended, until when it has `lasted_ns`.

    `callees`: the functions it called, what took longest first, MOST_CALLEES of them and `more_callees`; `made_calls`
    are all that it made itself. `writes`: the first values that it wrote. `arguments` and `result`, what it returned or
    yielded: None where that is not known. `call_line`: the line of `caller` that made it, 0: not known.

    Units: ns on the session clock.
    """

    call: Called
    thread: str
    end_ns: int | None
    lasted_ns: int
    own_ns: int
    outcome: str
    depth: int
    caller: Called | None
    callees: tuple[Callee, ...]
    more_callees: int
    made_calls: int
    writes: tuple[Write, ...]
    more_writes: int
    arguments: tuple[FrameArgument, ...] | None = None
    result: str | None = None
    call_line: int = 0
    exception: Told | None = None
    among: Among | None = None


def call_facts(
    session: Session, call_id: int, near_ns: int, *, reads_on: ReadsOn = lambda: None
) -> Iterator[CallFacts]:
    """What is known of a call, looked for from an instant outwards; nothing where it cannot be read.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    found = call_with_id(session, call_id, near_ns, reads_on=reads_on)
    if found is None:
        return
    names = Definitions(session)
    outcome, depth, caller_id, arguments, result, call_line = call_row(session, found)
    caller = call_with_id(session, caller_id, found.start_ns, reads_on=reads_on) if caller_id else None
    made = _made(session, found, depth, reads_on)
    by_time = sorted(made, key=lambda site_id: (-made[site_id][1], site_id))
    until_ns = session.end_ns if found.end_ns is None else found.end_ns
    writes, more_writes = writes_between(
        session, (found.start_ns, until_ns), WantedWrites(call_id=call_id), names, MOST_WRITES, reads_on=reads_on
    )
    facts = CallFacts(
        call=names.called(found),
        thread=names.thread(found.track_id),
        end_ns=found.end_ns,
        lasted_ns=found.inside_ns,
        own_ns=found.inside_ns - sum(total_ns for _, total_ns in made.values()),
        outcome=outcome,
        depth=depth,
        arguments=None if arguments is None else arguments_of_text(arguments),
        result=result,
        call_line=call_line,
        caller=None if caller is None else names.called(caller),
        callees=tuple(
            _callee(session, found, names, (site_id, *made[site_id]), reads_on) for site_id in by_time[:MOST_CALLEES]
        ),
        more_callees=max(0, len(by_time) - MOST_CALLEES),
        made_calls=sum(calls for calls, _ in made.values()),
        writes=tuple(writes),
        more_writes=more_writes,
        exception=exception_that_left(session, found, reads_on=reads_on) if found.raised else None,
    )
    yield facts
    yield msgspec.structs.replace(facts, among=_among(session, found, reads_on))


def _made(session: Session, found: FoundCall, depth: int, reads_on: ReadsOn) -> dict[int, tuple[int, int]]:
    """(calls, their time) by function, of those that the call made itself."""
    until_ns = session.end_ns if found.end_ns is None else found.end_ns
    made: dict[int, tuple[int, int]] = {}

    def add(sites: Array, calls: Array, totals: Array) -> None:
        for site_id, count, total_ns in zip(sites.tolist(), calls.tolist(), totals.tolist(), strict=True):
            before = made.get(site_id, (0, 0))
            made[site_id] = before[0] + count, before[1] + total_ns

    chosen = segments_of(session, found.start_ns, until_ns)
    for index in chosen:
        reads_on()
        if session.segments[index].start_ns > found.start_ns and _added_by_summary(session, index, found, depth, add):
            continue
        table = session.calls(index, _CHILD)
        table = table.filter(pc.and_(pc.equal(table["parent_call_id"], found.call_id), pc.is_valid(table["end_ns"])))
        lasted = table["end_ns"].to_numpy() - table["start_ns"].to_numpy()
        add(table["site_id"].fill_null(0).to_numpy(), np.ones(len(table), np.int64), lasted)
    if found.end_ns is None and chosen:
        still = open_at_end(session, session.with_rows[-1])
        still = still[(still["track_id"] == found.track_id) & (still["depth"] == depth + 1)]
        add(still["site_id"], np.ones(len(still), np.int64), session.end_ns - still["start_ns"])
    return made


def _added_by_summary(
    session: Session, index: int, found: FoundCall, depth: int, add: Callable[[Array, Array, Array], None]
) -> bool:
    """Adds what a segment tells in which the call was open from before its begin to its end; False where it was not, or
    where it lies deeper than summaries tell apart.
    """
    told = call_summary(session, index)
    here = told.open[told.open["call_id"] == found.call_id]
    if not len(here) or here["folded"][0] or depth + 1 >= MAX_LEVELS or len(told.nodes) >= MAX_NODES:
        return False
    node = int(here["node"][0])
    below = told.nodes[told.nodes["parent"] == node]
    add(below["site_id"], below["calls"], below["total_ns"])
    ended = told.carried[told.nodes["parent"][told.carried["node"]] == node]
    ended = ended[ended["folded"] == 0]
    add(ended["site_id"], np.ones(len(ended), np.int64), ended["end_ns"] - ended["start_ns"])
    return True


def _callee(
    session: Session, found: FoundCall, names: Definitions, sums: tuple[int, int, int], reads_on: ReadsOn
) -> Callee:
    """`sums`: the function, its calls, their time."""
    site_id, count, total_ns = sums
    range_ns = found.start_ns, session.end_ns if found.end_ns is None else found.end_ns
    calls = slowest_calls(session, site_id, _LOOKED_AT, range_ns, track_ids={found.track_id}, reads_on=reads_on)
    inside = [one for one in calls if one.call_id > found.call_id and one.start_ns >= found.start_ns]
    return Callee(
        site_id=site_id,
        function=names.site(site_id).function,
        calls=count,
        total_ns=total_ns,
        longest=names.called(inside[0]) if inside else None,
        longest_ns=inside[0].inside_ns if inside else 0,
    )


def _among(session: Session, found: FoundCall, reads_on: ReadsOn) -> Among:
    statistics = function_statistics(session, reads_on=reads_on)
    row = statistics.row_of(found.site_id)
    longer, is_counted = longer_calls(session, found.site_id, found.inside_ns, reads_on=reads_on)
    return Among(
        calls=max(1, 0 if row is None else int(statistics.calls[row])),
        longer=longer,
        is_counted=is_counted,
        median_ns=None if row is None else statistics.median_ns(row),
    )
