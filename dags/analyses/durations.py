"""How long calls took, in buckets whose width is a 32nd of what is in them: counts of millions in bounded room.

A bucket below 64 ns is one nanosecond wide. Above, each doubling has 32 buckets of one width, so that the middle of one
is off by at most a 64th (as in HdrHistogram, Gil Tene, with 5 bits below the leading one).

    ns       0 1 ... 63 | 64,65  66,67 ... | 128..131 ...
    bucket   0 1 ... 63 | 64     65    ... | 96 ...
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from capture.events.batch import Int64

BITS = 5
MAX_NS = (1 << 52) - 1  # 52 days; longer ones lie in the last bucket
BUCKETS = 48 << BITS

Buckets = npt.NDArray[np.int64]


def buckets_of(ns: Int64) -> Buckets:
    """The bucket of each duration; below 0 counts as 0.

    >>> buckets_of(np.array([0, 63, 64, 65, 128, 1 << 60])).tolist()
    [0, 63, 64, 64, 96, 1535]
    """
    held = np.clip(ns, 0, MAX_NS)
    shift = np.maximum(np.frexp(held.astype(np.float64))[1].astype(np.int64) - 1 - BITS, 0)
    return (shift << BITS) + (held >> shift)


def bounds_of(buckets: Buckets) -> tuple[Int64, Int64]:
    """(the least duration of each bucket, the least that is above it).

    >>> [part.tolist() for part in bounds_of(np.array([63, 64, 96]))]
    [[63, 64, 128], [64, 66, 132]]
    """
    shift = np.maximum((buckets >> BITS) - 1, 0)
    low = (buckets - (shift << BITS)) << shift
    return low, low + (np.int64(1) << shift)


def quantile(buckets: Buckets, counts: Int64, part: float, least_ns: int, most_ns: int) -> int:
    """The duration that `part` of all are not above, by nearest rank: the middle of its bucket.

    The buckets are ascending and have at least one duration. The first and the last duration are exact.

    >>> quantile(np.array([64, 96]), np.array([3, 1]), 0.5, 64, 129)
    65
    """
    ends = np.cumsum(counts)
    rank = max(1, int(np.ceil(part * int(ends[-1]))))
    if rank in {1, int(ends[-1])}:
        return least_ns if rank == 1 else most_ns
    low, above = bounds_of(buckets[np.searchsorted(ends, rank)])
    return min(max(int(low + above) // 2, least_ns), most_ns)


def coarser(buckets: Buckets, counts: Int64, per_doubling: int) -> tuple[Int64, Int64, Int64]:
    """(least, least above, count) of wider buckets, as a drawing wants them: 1, 2, 4, ... 32 to a doubling.

    Those without a duration between the first and the last are there with 0.

    >>> [part.tolist() for part in coarser(np.array([64, 65, 128]), np.array([2, 1, 5]), 1)]
    [[64, 128, 256], [128, 256, 512], [3, 0, 5]]
    """
    merged = (1 << BITS) // per_doubling
    if not len(buckets):
        return (np.empty(0, np.int64),) * 3
    wide = buckets // merged
    first, last = int(wide[0]), int(wide[-1])
    summed = np.bincount(wide - first, counts, last - first + 1).astype(np.int64)
    edges, _ = bounds_of(np.arange(first, last + 2) * merged)
    return edges[:-1], edges[1:], summed
