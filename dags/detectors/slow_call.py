"""A call that took many times as long as the calls of its function usually do.

Told is what was recorded: how long it took, and the median. Why, nobody can say before waits are recorded; and a busy
machine makes a program stand still where it just is. So a call counts only
- where it took that time itself, and not in the calls that it made;
- where it is unlikely that the machine did it: other threads of the process went on meanwhile, or, as pauses strike
  functions as often as they run, the function has far more than its share of all that are found.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from capture.session.query import query
from capture.session.session import Session
from dags.analyses.call_finder import FoundCall, slowest_calls
from dags.analyses.function_statistics import FunctionStatistics, function_statistics
from dags.analyses.whole_calls import longest_of_each, medians_ns
from dags.detectors.finding import Finding

LEAST_NS = 50_000_000
LEAST_TIMES = 20
LEAST_CALLS = 20
MOST_SLOW = 0.1
"""Where more of the calls are slow, that is what the function usually does."""
MOST_CHANCE = 0.005
MOST_PER_FUNCTION = 64
MOST_EVENTS = 2
PARTS, LEAST_PARTS = 8, 6
"""Other threads went on where something happened in so many equal parts of the call."""
MOST_DIGITS = 6
"""A call that took a million times the median has score 1."""

_CALLEES = """
SELECT parent_call_id AS call_id, sum(end_ns - start_ns) AS ns FROM calls
WHERE parent_call_id IN ({ids}) AND outcome <> 'open' GROUP BY ALL
"""
_MEANWHILE = """
SELECT count(DISTINCT (time_ns - {start_ns}) * {parts} // {lasted_ns}) AS parts FROM events
WHERE track_id IN ({tracks}) AND time_ns BETWEEN {start_ns} AND {end_ns}
"""
_PROOF = """
SELECT event_id FROM events
WHERE track_id = {track_id} AND site_id = {site_id} AND time_ns IN ({start_ns}, {end_ns})
ORDER BY event_id
"""


class _Slow(NamedTuple):
    """A function with calls that took long. `usual_ns`: what all its calls took themselves without these."""

    row: int
    calls: list[FoundCall]
    usual_ns: int


def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
    """One finding for each function, about the slowest of its calls.

    Raises: as `capture.session.query.query`.
    """
    if not _is_any_far_from_usual(session, range_ns):
        return []
    statistics = function_statistics(session, range_ns)
    sites = {row.site_id: row for row in session.sites()}
    slow = [_slow_calls(session, statistics, row, range_ns) for row in _candidates(statistics)]
    slow = _themselves_slow(session, [one for one in slow if one.calls])
    pauses = sum(len(one.calls) for one in slow)
    usual_ns = np.maximum(statistics.own_ns, 0).astype(np.float64)
    for one in slow:
        usual_ns[one.row] = one.usual_ns
    found = []
    for one in slow:
        share = float(usual_ns[one.row] / max(1.0, usual_ns.sum()))
        chance = len(statistics) * _chance(len(one.calls), pauses, share)  # of any of the functions, not of this one
        site = sites.get(int(statistics.site_id[one.row]))
        if site is None or not (chance <= MOST_CHANCE or _others_went_on(session, one.calls[0])):
            continue
        worst, median_ns = one.calls[0], statistics.median_ns(one.row) or 0
        where = {"track_id": worst.track_id, "site_id": site.site_id, "start_ns": worst.start_ns}
        proof = query(session, _PROOF.format(**where, end_ns=worst.end_ns)).to_pylist()
        calls = int(statistics.calls[one.row])
        found.append(
            Finding(
                kind="slow-call",
                sentence=_sentence(site.function, worst.inside_ns, median_ns, len(one.calls), calls),
                score=round(min(1.0, math.log10(worst.inside_ns / max(1, median_ns)) / MOST_DIGITS), 3),
                function=site.function,
                file=site.file,
                line=site.line,
                event_ids=[row["event_id"] for row in proof][:MOST_EVENTS],
            )
        )
    return found


def _is_any_far_from_usual(session: Session, range_ns: tuple[int, int]) -> bool:
    """Whether there can be candidates: in most recordings there are none, and statistics take ten times as long."""
    longest = longest_of_each(session, range_ns)
    long = [site for site, one in longest.items() if one.longest_ns >= LEAST_NS and one.calls >= LEAST_CALLS]
    medians = medians_ns(session, range_ns, long) if long else {}
    return any(longest[site].longest_ns >= LEAST_TIMES * max(1, medians[site]) for site in long)


def _candidates(statistics: FunctionStatistics) -> list[int]:
    """The functions of which some calls are far from the median, and most are not."""
    longest = statistics.longest_whole_ns
    rows = np.flatnonzero((longest >= LEAST_NS) & (statistics.calls - statistics.cut >= LEAST_CALLS))
    return [row for row in rows.tolist() if longest[row] >= LEAST_TIMES * max(1, statistics.median_ns(row) or 0)]


def _slow_calls(session: Session, statistics: FunctionStatistics, row: int, range_ns: tuple[int, int]) -> _Slow:
    """The whole calls of a function that took nearly as long as the longest."""
    found = slowest_calls(session, int(statistics.site_id[row]), MOST_PER_FUNCTION, range_ns)
    median_ns = statistics.median_ns(row) or 0
    least_ns = max(LEAST_NS, LEAST_TIMES * median_ns)
    slow = [call for call in found if not call.is_cut and call.inside_ns >= least_ns]
    from_ns, _, counts = statistics.distribution(row, 32)
    many = max(len(slow), int(counts[from_ns >= least_ns].sum()))  # of more than MOST_PER_FUNCTION, by their buckets
    is_rare = many <= MOST_SLOW * int(statistics.calls[row])
    return _Slow(row, slow if is_rare else [], int(statistics.own_ns[row]))


def _themselves_slow(session: Session, functions: list[_Slow]) -> list[_Slow]:
    """The same without calls that spent most of their time in calls of their own."""
    ids = ", ".join(str(call.call_id) for one in functions for call in one.calls)
    inside = {row["call_id"]: int(row["ns"]) for row in query(session, _CALLEES.format(ids=ids or "NULL")).to_pylist()}
    kept = []
    for one in functions:
        own = [(call, call.inside_ns - inside.get(call.call_id, 0)) for call in one.calls]
        own = [(call, own_ns) for call, own_ns in own if own_ns >= max(LEAST_NS, call.inside_ns / 2)]
        if own:
            usual_ns = max(0, one.usual_ns - sum(own_ns for _, own_ns in own))
            kept.append(_Slow(one.row, [call for call, _ in own], usual_ns))
    return kept


def _others_went_on(session: Session, call: FoundCall) -> bool:
    """Whether other threads of the process did something all the while, so that it did not stand still as a whole."""
    process = {track.track_id: track.process_id for track in session.tracks()}
    others = [track for track, of in process.items() if of == process.get(call.track_id) and track != call.track_id]
    if not others or call.end_ns is None:
        return False
    where = {"start_ns": call.start_ns, "end_ns": call.end_ns, "lasted_ns": call.end_ns - call.start_ns}
    [row] = query(session, _MEANWHILE.format(**where, parts=PARTS, tracks=", ".join(map(str, others)))).to_pylist()
    return int(row["parts"]) >= LEAST_PARTS


def _chance(hits: int, pauses: int, share: float) -> float:
    """How likely it is that so many of the pauses, or more, strike a function that runs for that share of the time.

    >>> round(_chance(1, 1, 0.25), 3), round(_chance(2, 2, 0.25), 4), _chance(3, 3, 0.0)
    (0.25, 0.0625, 0.0)
    """
    part = min(1.0, max(0.0, share))
    return sum(math.comb(pauses, n) * part**n * (1 - part) ** (pauses - n) for n in range(hits, pauses + 1))


def _sentence(function: str, longest_ns: int, median_ns: int, slow: int, calls: int) -> str:
    """What happened.

    >>> _sentence("check", 94_700_000, 790_000, 3, 283)
    'check took 94.7 ms, 120 times its median of 790 µs; 3 of its 283 calls were so slow.'
    """
    times = longest_ns / max(1, median_ns)
    others = f"1 of its {calls} calls was" if slow == 1 else f"{slow} of its {calls} calls were"
    if slow == MOST_PER_FUNCTION:
        others = f"{slow} or more of its {calls} calls were"
    return f"{function} took {_time(longest_ns)}, {times:.0f} times its median of {_time(median_ns)}; {others} so slow."


def _time(ns: int) -> str:
    """Three digits.

    >>> _time(1_372_000_000), _time(13_720), _time(790_000), _time(500)
    ('1.37 s', '13.7 µs', '790 µs', '500 ns')
    """
    for unit, size in (("s", 10**9), ("ms", 10**6), ("µs", 10**3)):
        if ns >= size:
            return f"{ns / size:.0f} {unit}" if ns >= 100 * size else f"{ns / size:.3g} {unit}"
    return f"{ns} ns"
