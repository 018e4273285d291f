"""The calls of one function: the next and the previous one from an instant, the slowest ones, when they began.

    found = next_call(session, site_id, cursor_ns, call_id=picked, reads_on=asked.reads_on)       # F3
    found = previous_call(session, site_id, cursor_ns, call_id=picked)                            # Shift+F3
    found = slowest_calls(session, site_id, 1)                                                    # Ctrl+F3
    found = call_with_id(session, call_id, cursor_ns)
    counts = begun_over_time(session, site_id, range_ns, 90)

The summaries of segments say which of them have calls of the function and how long those took at most, so only the
segment with the answer is read, and it stays in memory sorted by function: the next question is two binary searches.
`reads_on` is that of a question of `views.reading.questions`: called before each segment, it may raise to end it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, TypedDict, Unpack

import msgspec
import numpy as np

from capture.events.batch import Int64
from capture.session.session import Session
from dags.analyses.call_forest import COLUMNS
from dags.analyses.call_summary import CallSummary, call_summary
from dags.analyses.detail import OPEN_END, SPAN_DTYPE, spans_of
from dags.analyses.durations import buckets_of
from dags.analyses.function_statistics import pieces_of, segments_of, touching
from dags.analyses.kept_pieces import KeptPieces
from dags.kernels import Array

MOST_COMPARED = 32
ReadsOn = Callable[[], None]
_READ = tuple(name for name in COLUMNS if name != "parent_call_id")


class FoundCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `end_ns` None: it had not ended when the recording did. `inside_ns`: its part in the stretch that was
    asked about, `is_cut` where that is not all of it.

    Units: ns on the session clock.
    """

    call_id: int
    site_id: int
    track_id: int
    start_ns: int
    end_ns: int | None
    raised: bool
    inside_ns: int
    is_cut: bool


class Fitting(NamedTuple):
    """Which calls are looked for: all, or only whole ones that took at least so long and less (`lasting_ns`), that an
    exception ended (`raised`), that ended by an instant.
    """

    lasting_ns: tuple[int, int] | None = None
    raised: bool = False
    ends_by_ns: int | None = None

    @property
    def needs_end(self) -> bool:
        """Whether it makes a difference when a call ended, and how."""
        return self != ANY

    def fits(self, start_ns: Array | int, end_ns: Array | int, raised: Array | int) -> Array:
        """Which of these calls do; one that has no end does not."""
        low_ns, below_ns = self.lasting_ns or (0, OPEN_END)
        lasted: Array = np.subtract(end_ns, start_ns)
        is_it = (np.asarray(end_ns) != OPEN_END) & (lasted >= low_ns) & (lasted < below_ns)
        is_it &= np.asarray(end_ns) <= (OPEN_END if self.ends_by_ns is None else self.ends_by_ns)
        found: Array = is_it & (np.asarray(raised) > 0) if self.raised else is_it
        return found


ANY = Fitting()


class _Begun(msgspec.Struct, frozen=True):
    """The calls that began in a segment, as SPAN_DTYPE by function and in it by begin; those that did not end in it
    have OPEN_END.
    """

    spans: Array

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.spans.nbytes

    def of(self, site_id: int | None) -> Array:
        """Those of a function; None: of all."""
        if site_id is None:
            return self.spans
        sites = self.spans["site_id"]
        return self.spans[np.searchsorted(sites, site_id, "left") : np.searchsorted(sites, site_id, "right")]


_KEPT: KeptPieces[_Begun] = KeptPieces(64 << 20)


class From(TypedDict, total=False):
    """Where a search begins, and what it leaves out: how `next_call` and `previous_call` are asked.

    `call_id`: the call of the function that one is at, which began at that instant: then also those that began with it
    count, by their ids. `fitting`: only calls like these. `track_ids`: only calls on these.
    """

    call_id: int | None
    fitting: Fitting
    track_ids: Collection[int] | None
    reads_on: ReadsOn


def next_call(session: Session, site_id: int, time_ns: int, **options: Unpack[From]) -> FoundCall | None:
    """The first call of the function that began after the instant, None where none did.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    return _nearest(session.pinned(), site_id, time_ns, options, forward=True)


def previous_call(session: Session, site_id: int, time_ns: int, **options: Unpack[From]) -> FoundCall | None:
    """The last call of the function that began before the instant, None where none did.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    return _nearest(session.pinned(), site_id, time_ns, options, forward=False)


def slowest_calls(
    session: Session,
    site_id: int | None,
    most: int,
    range_ns: tuple[int, int] | None = None,
    *,
    track_ids: Collection[int] | None = None,
    reads_on: ReadsOn = lambda: None,
) -> list[FoundCall]:
    """The calls of a function (None: of any) with the longest parts in a stretch of time, the longest first.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    start_ns, end_ns = (session.start_ns, session.end_ns) if range_ns is None else range_ns
    best = np.empty(0, SPAN_DTYPE)

    def add(spans: Array) -> None:
        nonlocal best
        spans = _of_tracks(spans[touching(spans, start_ns, end_ns)], track_ids)
        best = _longest(np.concatenate([best, spans]), most, start_ns, end_ns)

    chosen = segments_of(session, start_ns, end_ns)
    bounded: list[tuple[int, int]] = []
    for index in chosen:
        reads_on()
        segment, found = session.segments[index], call_summary(session, index)
        add(_singles(found.carried, site_id))
        if index == chosen[-1]:
            add(_singles(found.open, site_id))
        groups = found.groups[found.groups["calls"] > 0]
        longest = _of_tracks(groups if site_id is None else groups[groups["site_id"] == site_id], track_ids)
        if len(longest) and segment.end_ns >= start_ns and segment.start_ns <= end_ns:
            bounded.append((int(longest["longest_ns"].max()), index))
    for at_most_ns, index in sorted(bounded, reverse=True):
        if len(best) == most and _inside(best, start_ns, end_ns).min() > at_most_ns:
            break
        reads_on()
        begun = _begun(session, index).of(site_id)
        add(begun[begun["end_ns"] != OPEN_END])
    return [_found(session, best[row : row + 1], start_ns, end_ns) for row in range(len(best))]


def begun_over_time(
    session: Session,
    site_id: int,
    range_ns: tuple[int, int],
    parts: int,
    *,
    track_ids: Collection[int] | None = None,
    reads_on: ReadsOn = lambda: None,
) -> Int64:
    """How many calls of the function began in each of so many equal parts of a stretch of time, both ends included.

    A segment whose calls of it all began in one part is not read, so that a long session costs as many as there are
    parts.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    start_ns, end_ns = range_ns
    counts = np.zeros(parts, np.int64)

    def part_of(began_ns: Array) -> Array:
        part: Array = (began_ns - start_ns) * parts // (end_ns - start_ns + 1)
        return part

    def add(began_ns: Array, amounts: Array) -> None:
        at = part_of(began_ns)
        inside = (at >= 0) & (at < parts)
        np.add.at(counts, at[inside], amounts[inside])

    for piece in pieces_of(session, start_ns, end_ns, reads_on):
        single = _of_tracks(piece.calls[piece.calls["site_id"] == site_id], track_ids)
        add(single["start_ns"], np.ones(len(single), np.int64))
        if piece.whole is None:
            continue
        groups = piece.whole.groups
        groups = _of_tracks(groups[(groups["site_id"] == site_id) & (groups["calls"] > 0)], track_ids)
        ends = [part_of(groups[name]) for name in ("first_ns", "last_ns")]
        if (ends[0] == ends[1]).all():
            add(groups["first_ns"], groups["calls"])
        else:
            began_ns = _began_and_ended(session, piece.segment_index, site_id, track_ids)
            add(began_ns, np.ones(len(began_ns), np.int64))
    return counts


def call_with_id(session: Session, call_id: int, near_ns: int, *, reads_on: ReadsOn = lambda: None) -> FoundCall | None:
    """The call of that id, looked for from an instant outwards; None where it cannot be read.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    here = session.segment_at(near_ns) or 0
    for index in sorted(session.with_rows, key=lambda index: abs(index - here)):
        reads_on()
        found = call_summary(session, index)
        pieces = [_singles(found.carried, None), _singles(found.open, None)]
        groups = found.groups[found.groups["calls"] > 0]
        if ((groups["first_call_id"] <= call_id) & (groups["last_call_id"] >= call_id)).any():
            pieces.append(_begun(session, index).spans)
        for spans in pieces:
            row = np.flatnonzero(spans["call_id"] == call_id)
            if len(row):
                return _found(session, spans[row[:1]], session.start_ns, session.end_ns)
    return None


def longer_calls(session: Session, site_id: int, than_ns: int, *, reads_on: ReadsOn = lambda: None) -> tuple[int, bool]:
    """(how many calls of the function took longer, whether all of them were counted); open ones count until the end.

    Buckets tell of most calls; those of the same bucket are compared one by one, in MOST_COMPARED segments. Where there
    are more, half of the others count.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    bucket = int(buckets_of(np.array([than_ns]))[0])
    longer, alike = 0, list[tuple[int, int]]()
    for index in session.with_rows:
        reads_on()
        found = call_summary(session, index)
        buckets = found.buckets[found.buckets["site_id"] == site_id]
        longer += int(buckets["count"][buckets["bucket"] > bucket].sum())
        same = int(buckets["count"][buckets["bucket"] == bucket].sum())
        alike += [(index, same)] if same else []
        singles = np.concatenate([found.carried, found.open]) if index == session.with_rows[-1] else found.carried
        lasted = _inside(_singles(singles, site_id), session.start_ns, session.end_ns)
        longer += int(np.count_nonzero(lasted > than_ns))
    for index, _ in alike[:MOST_COMPARED]:
        reads_on()
        begun = _begun(session, index).of(site_id)
        lasted = (begun["end_ns"] - begun["start_ns"])[begun["end_ns"] != OPEN_END]
        longer += int(np.count_nonzero((lasted > than_ns) & (buckets_of(lasted) == bucket)))
    return longer + sum(same for _, same in alike[MOST_COMPARED:]) // 2, len(alike) <= MOST_COMPARED


def _began_and_ended(session: Session, index: int, site_id: int, track_ids: Collection[int] | None) -> Int64:
    """When the calls of the function began that began and ended in a segment, in any order: nothing else is read."""
    table = session.calls(index, ("start_ns", "end_ns", "site_id", "track_id"))
    sites = table["site_id"].fill_null(0).to_numpy()
    chosen = (sites == site_id) & table["end_ns"].is_valid().to_numpy()
    if track_ids is not None:
        chosen &= np.isin(table["track_id"].to_numpy(), sorted(track_ids))
    began_ns: Int64 = table["start_ns"].to_numpy()[chosen].astype(np.int64)
    return began_ns[began_ns >= session.segments[index].start_ns]


def _nearest(session: Session, site_id: int, time_ns: int, options: From, *, forward: bool) -> FoundCall | None:
    """The nearest call beyond (time_ns, call_id) in the order in which calls begin."""
    call_id, reads_on, track_ids = options.get("call_id"), options.get("reads_on"), options.get("track_ids")
    fitting = options.get("fitting", ANY)
    at = (time_ns, (np.iinfo(np.int64).max if forward else 0) if call_id is None else call_id)
    for index in _outwards(session, at[0], forward=forward):
        if reads_on is not None:
            reads_on()
        segment, found = session.segments[index], call_summary(session, index)
        if not _may_hold(found, segment.start_ns, site_id, at, fitting, forward=forward):
            continue
        begun = _of_tracks(_begun(session, index).of(site_id), track_ids)
        times, ids = begun["start_ns"], begun["call_id"]
        if forward:
            rows = np.flatnonzero((times > at[0]) | ((times == at[0]) & (ids > at[1])))
        else:
            rows = np.flatnonzero((times < at[0]) | ((times == at[0]) & (ids < at[1])))
        rows = rows[np.lexsort((ids[rows], times[rows]))][:: 1 if forward else -1]
        row = _first_fitting(session, begun, rows, fitting)
        if row is not None:
            return _found(session, begun[row : row + 1], session.start_ns, session.end_ns)
    return None


def _first_fitting(session: Session, begun: Array, rows: Int64, fitting: Fitting) -> int | None:
    """The first of these rows that fits; of a call that went on after its segment the end is looked up."""
    if fitting.needs_end:
        is_open = begun["end_ns"][rows] == OPEN_END
        rows = rows[is_open | fitting.fits(begun["start_ns"][rows], begun["end_ns"][rows], begun["raised"][rows])]
    for row in rows.tolist():  # an open one is at most as far down as the stacks are deep
        start_ns = int(begun["start_ns"][row])
        if not fitting.needs_end or int(begun["end_ns"][row]) != OPEN_END:
            return int(row)
        if fitting.fits(start_ns, *_end_of(session, int(begun["call_id"][row]), start_ns)):
            return int(row)
    return None


def _outwards(session: Session, time_ns: int, *, forward: bool) -> Iterator[int]:
    """The segments with rows in which a call may have begun then or later, or then or earlier."""
    rows, segments = session.with_rows, session.segments
    if forward:
        first = bisect_left(segments, time_ns, key=lambda segment: segment.end_ns)
        return iter(rows[bisect_left(rows, first) :])
    last = bisect_left(segments, time_ns + 1, key=lambda segment: segment.start_ns)
    return iter(rows[: bisect_left(rows, last)][::-1])


def _may_hold(
    found: CallSummary, start_ns: int, site_id: int, at: tuple[int, int], fitting: Fitting, *, forward: bool
) -> bool:
    """Whether a call of the function that began in the segment can fit and lie beyond the place."""
    groups = found.groups[(found.groups["site_id"] == site_id) & (found.groups["calls"] > 0)]
    if fitting.lasting_ns is not None:
        low_ns, below_ns = fitting.lasting_ns
        groups = groups[(groups["longest_ns"] >= low_ns) & (groups["shortest_ns"] < below_ns)]
    if fitting.raised:
        groups = groups[groups["errors"] > 0]
    still = found.open[(found.open["site_id"] == site_id) & (found.open["start_ns"] >= start_ns)]
    begins = [groups["last_ns" if forward else "first_ns"], still["start_ns"]]
    times = np.concatenate(begins)
    return bool((times >= at[0]).any() if forward else (times <= at[0]).any())


def _begun(session: Session, index: int) -> _Begun:
    return _KEPT.get(session, index, _read_begun)


def _read_begun(session: Session, index: int) -> _Begun:
    start_ns = session.segments[index].start_ns
    ended = spans_of(session.calls(index, _READ))
    still = _singles(call_summary(session, index).open, None)
    spans = np.concatenate([ended[ended["end_ns"] != OPEN_END], still])
    spans = spans[spans["start_ns"] >= start_ns]
    return _Begun(spans[np.lexsort((spans["call_id"], spans["site_id"]))])


def _singles(calls: Array, site_id: int | None) -> Array:
    """Single calls of a summary as SPAN_DTYPE."""
    if site_id is not None:
        calls = calls[calls["site_id"] == site_id]
    out = np.zeros(len(calls), SPAN_DTYPE)
    for name in ("call_id", "start_ns", "end_ns", "track_id", "site_id", "raised"):
        out[name] = calls[name]
    return out


def _of_tracks(rows: Array, track_ids: Collection[int] | None) -> Array:
    return rows if track_ids is None else rows[np.isin(rows["track_id"], sorted(track_ids))]


def _inside(spans: Array, start_ns: int, end_ns: int) -> Int64:
    """How much of each lies in the stretch."""
    inside: Int64 = np.minimum(spans["end_ns"], end_ns) - np.maximum(spans["start_ns"], start_ns)
    return inside


def _longest(spans: Array, most: int, start_ns: int, end_ns: int) -> Array:
    """So many with the longest parts, the longest first; of equal ones those that began first."""
    order = np.lexsort((spans["call_id"], -_inside(spans, start_ns, end_ns)))[:most]
    longest: Array = spans[order]
    return longest


def _found(session: Session, span: Array, start_ns: int, end_ns: int) -> FoundCall:
    """The one call that is in there; of one that went on after its segment the end is looked up."""
    call_id, began_ns, ended_ns, raised = (int(span[name][0]) for name in ("call_id", "start_ns", "end_ns", "raised"))
    if ended_ns == OPEN_END:
        ended_ns, raised = _end_of(session, call_id, began_ns)
    return FoundCall(
        call_id=call_id,
        site_id=int(span["site_id"][0]),
        track_id=int(span["track_id"][0]),
        start_ns=began_ns,
        end_ns=None if ended_ns == OPEN_END else ended_ns,
        raised=raised > 0,
        inside_ns=min(ended_ns, end_ns) - max(began_ns, start_ns),
        is_cut=began_ns < start_ns or ended_ns > end_ns,
    )


def _end_of(session: Session, call_id: int, start_ns: int) -> tuple[int, int]:
    """(when a call ended that outlasted its segment, whether raising), by the summaries behind it."""
    for index in _outwards(session, start_ns, forward=True):
        ended = call_summary(session, index).carried
        if session.segments[index].start_ns == start_ns:  # it counts as begun where two segments share the instant
            ended = _begun(session, index).spans
        row = np.flatnonzero((ended["call_id"] == call_id) & (ended["end_ns"] != OPEN_END))
        if len(row):
            return int(ended["end_ns"][row[0]]), int(ended["raised"][row[0]])
    return OPEN_END, 0
