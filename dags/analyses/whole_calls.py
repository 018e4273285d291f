"""How long the calls of functions took that lie in a stretch of time as a whole, without whose time it was.

Three columns of a segment's calls say it; to add up own times takes twenty times as long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from capture.events.batch import Int64
from capture.session.eventtable import integers, one_array
from capture.session.session import Session
from dags.analyses.durations import BUCKETS, buckets_of, quantile
from dags.analyses.function_statistics import segments_of
from dags.columns import dense

_COLUMNS = ("start_ns", "end_ns", "site_id")


class Longest(NamedTuple):
    """Of one function: how many of its calls lie in the stretch, and how long the longest took."""

    calls: int
    longest_ns: int


def longest_of_each(session: Session, range_ns: tuple[int, int]) -> dict[int, Longest]:
    """Of every function, by site. Raises: SessionProblem."""
    calls, longest = Counter[int](), dict[int, int]()
    for site_id, lasted_ns in _whole_calls(session, range_ns):
        sites, at = dense(site_id)
        counts, most = np.bincount(at, minlength=len(sites)), np.zeros(len(sites), np.int64)
        np.maximum.at(most, at, lasted_ns)
        for site, count, ns in zip(sites.tolist(), counts.tolist(), most.tolist(), strict=True):
            calls[site] += count
            longest[site] = max(longest.get(site, 0), ns)
    return {site: Longest(calls[site], ns) for site, ns in longest.items()}


def medians_ns(session: Session, range_ns: tuple[int, int], sites: Collection[int]) -> dict[int, int]:
    """Half of a function's calls take longer, to a 64th (`FunctionStatistics.median_ns`), by site.

    Raises: SessionProblem.
    """
    counts = {site: np.zeros(BUCKETS, np.int64) for site in sites}
    ends_ns = dict[int, tuple[int, int]]()
    for site_id, lasted_ns in _whole_calls(session, range_ns):
        for site, counted in counts.items():
            own_ns = lasted_ns[site_id == site]
            if len(own_ns):
                counted[:] += np.bincount(buckets_of(own_ns), minlength=BUCKETS)
                least, most = ends_ns.get(site, (int(own_ns[0]), int(own_ns[0])))
                ends_ns[site] = min(least, int(own_ns.min())), max(most, int(own_ns.max()))
    found = dict[int, int]()
    for site, (least, most) in ends_ns.items():
        buckets = np.flatnonzero(counts[site])
        found[site] = quantile(buckets, counts[site][buckets], 0.5, least, most)
    return found


def _whole_calls(session: Session, range_ns: tuple[int, int]) -> Iterator[tuple[Int64, Int64]]:
    """(site, how long it took) of each of them, segment by segment."""
    session = session.pinned()
    for index in segments_of(session, *range_ns):
        table = session.calls(index, _COLUMNS)
        start_ns, end_ns, site_id = (one_array(table[name]) for name in _COLUMNS)
        rows = np.ones(len(table), np.bool_) if not end_ns.null_count else np.asarray(end_ns.is_valid())
        starts, ends = integers(start_ns), integers(end_ns)
        rows = rows & (starts >= range_ns[0]) & (ends <= range_ns[1])
        yield integers(site_id, np.int64)[rows], (ends - starts)[rows]
