"""What grew in a stretch of time: figures of processes, and watched values that are numbers, by the line through them.

    for one in growth(session, (start_ns, end_ns), reads_on=asked.reads_on):
        one.name, one.per_minute, one.first, one.last

The line is that of least squares through all that was found in the stretch. `steadiness` is how much of what moved
lies on that line (r squared): 1 for what grows evenly, near 0 for what only goes up and down. Of a container only its
text is recorded and not its length, so that what it holds is not told here.

It is asked for as `function_statistics` is. Sums are kept of each name and not its values, so that a day costs no more
memory than a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capture.events.batch import Int64
from capture.events.metrics import metric_named
from capture.session.session import Session
from dags.analyses.function_statistics import segments_of
from dags.kernels import Array

Kind = Literal["metric", "value"]
MOST_SERIES = 1 << 16
LEAST_SAMPLES = 3
_NUMBER = r"^-?\d{1,300}(\.\d{1,30})?(e[+-]?\d{1,3})?$"
_SERIES = np.dtype(
    [
        ("count", "<i8"),
        ("first_ns", "<i8"),
        ("last_ns", "<i8"),
        ("first", "<f8"),
        ("last", "<f8"),
        ("low", "<f8"),
        ("high", "<f8"),
        ("mean_s", "<f8"),
        ("mean", "<f8"),
        ("spread_s", "<f8"),  # sums of products of what lies off the means
        ("spread", "<f8"),
        ("together", "<f8"),
    ]
)


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """One figure or value. `id`: the process of a metric, the object of a value (0: a module's). `name`: of the metric,
    or owner and key.

    Units: ns on the session clock; the rest is in that of the figure.
    """

    kind: Kind
    name: str
    id: int
    samples: int
    first: float
    last: float
    lowest: float
    highest: float
    per_minute: float
    steadiness: float
    first_ns: int
    last_ns: int

    @property
    def share(self) -> float:
        """By how much of its highest amount it grew along the line, -1 to 1: comparable between units."""
        most = max(abs(self.highest), abs(self.lowest))
        grown = self.per_minute * (self.last_ns - self.first_ns) / 60e9
        return max(-1.0, min(1.0, grown / most)) if most else 0.0


def growth(
    session: Session,
    range_ns: tuple[int, int] | None = None,
    *,
    kinds: Collection[Kind] = ("metric", "value"),
    reads_on: Callable[[], None] = lambda: None,
) -> list[Growth]:
    """What was found at least three times between two instants, both included, what grew most and most evenly first.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    start_ns, end_ns = (session.start_ns, session.end_ns) if range_ns is None else range_ns
    metrics, values = _Sums(start_ns), _Sums(start_ns)
    for index in segments_of(session, start_ns, end_ns):
        reads_on()
        segment = session.segments[index]
        if "metric" in kinds and segment.file("metrics") is not None:
            table = session.segment_table(index, "metrics", ("time_ns", "process_id", "name", "value"))
            _add(metrics, table, ("process_id", "name"), table["value"], (start_ns, end_ns))
        if "value" in kinds and segment.file("states") is not None:
            table = session.segment_table(index, "states", ("time_ns", "object_id", "owner", "key", "new"))
            _add(values, table, ("object_id", "owner", "key"), _numbers(table["new"]), (start_ns, end_ns))
    found = [*metrics.told("metric"), *values.told("value")]
    drawn = [one for one in found if one.kind == "value" or not metric_named(one.name).places]
    return sorted(drawn, key=lambda one: (-one.share * one.steadiness, one.kind, one.name, one.id))


def _numbers(texts: Any) -> pa.Array:
    """The values that are numbers, null for others."""
    plain = (
        pa.concat_arrays(texts.cast(pa.large_string()).chunks) if texts.num_chunks else pa.array([], pa.large_string())
    )
    return pc.if_else(pc.match_substring_regex(plain, _NUMBER), plain, None).cast(pa.float64())


def _add(sums: _Sums, table: Any, names: tuple[str, ...], values: Any, range_ns: tuple[int, int]) -> None:
    """The rows of a segment that lie in the stretch and have a finite number."""
    times = table["time_ns"].to_numpy()
    figures = np.asarray(values.to_numpy(zero_copy_only=False) if isinstance(values, pa.Array) else values.to_numpy())
    rows = np.flatnonzero(np.isfinite(figures) & (times >= range_ns[0]) & (times <= range_ns[1]))
    if not len(rows):
        return
    rows = rows[np.argsort(times[rows], kind="stable")]  # of several processes, rows may lie in any order
    words: list[list[Any]] = []
    place = np.zeros(len(rows), np.int64)
    for name in names:
        column = table[name].combine_chunks().dictionary_encode()
        codes = column.indices.fill_null(len(column.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)
        words.append([*column.dictionary.to_pylist(), None])
        place = place * len(words[-1]) + codes[rows]
    distinct, which = np.unique(place, return_inverse=True)
    keys = []
    for number in distinct.tolist():
        rest, key = number, list[Any]()
        for some in reversed(words):
            rest, code = divmod(rest, len(some))
            key.append(some[code])
        keys.append(tuple(reversed(key)))
    sums.add(keys, which, times[rows], figures[rows].astype(np.float64))


class _Sums:
    """Series by key, as far as segments were added; those beyond MOST_SERIES are left out."""

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._rows: dict[tuple[Any, ...], int] = {}
        self._series = np.zeros(0, _SERIES)

    def add(self, keys: list[tuple[Any, ...]], which: Int64, times: Int64, values: Array) -> None:
        """Samples in order of time; `which` says of each whose it is."""
        new = _series_of(which, (times - self._start_ns) / 1e9, times, values, len(keys))
        for at, key in enumerate(keys):  # as many as there are names
            if key not in self._rows and len(self._rows) >= MOST_SERIES:
                continue
            row = self._rows.setdefault(key, len(self._rows))
            if row == len(self._series):
                self._series = np.concatenate([self._series, np.zeros(max(16, row), _SERIES)])
            self._series[row] = _together(self._series[row], new[at])

    def told(self, kind: Kind) -> list[Growth]:
        """Those with enough samples."""
        found = []
        for key, row in self._rows.items():
            one = self._series[row]
            if one["count"] < LEAST_SAMPLES or one["spread_s"] <= 0:
                continue
            slope = float(one["together"] / one["spread_s"])
            steady = float(one["together"] ** 2 / (one["spread_s"] * one["spread"])) if one["spread"] > 0 else 0.0
            found.append(
                Growth(
                    kind=kind,
                    name=str(key[1]) if kind == "metric" else f"{key[1]}.{key[2]}",
                    id=int(key[0] or 0),
                    samples=int(one["count"]),
                    first=float(one["first"]),
                    last=float(one["last"]),
                    lowest=float(one["low"]),
                    highest=float(one["high"]),
                    per_minute=slope * 60,
                    steadiness=min(1.0, steady),
                    first_ns=int(one["first_ns"]),
                    last_ns=int(one["last_ns"]),
                )
            )
        return found


def _series_of(which: Int64, seconds: Array, times: Int64, values: Array, count: int) -> Array:
    """A row for each series; every one has a sample."""
    out = np.zeros(count, _SERIES)
    order = np.argsort(which, kind="stable")
    first = np.searchsorted(which[order], np.arange(count))
    last = np.append(first[1:], len(order)) - 1
    out["count"] = last - first + 1
    out["first_ns"], out["last_ns"] = times[order[first]], times[order[last]]
    out["first"], out["last"] = values[order[first]], values[order[last]]
    out["low"], out["high"] = np.minimum.reduceat(values[order], first), np.maximum.reduceat(values[order], first)
    out["mean_s"] = np.bincount(which, seconds, count) / out["count"]
    out["mean"] = np.bincount(which, values, count) / out["count"]
    off_s, off = seconds - out["mean_s"][which], values - out["mean"][which]
    for name, product in (("spread_s", off_s * off_s), ("spread", off * off), ("together", off_s * off)):
        out[name] = np.bincount(which, product, count)
    return out


def _together(one: Any, other: Any) -> Any:
    """Two parts of a series as one, the first before the second (Chan, Golub and LeVeque 1983)."""
    if not one["count"]:
        return other
    out, count = other.copy(), one["count"] + other["count"]
    off_s, off = other["mean_s"] - one["mean_s"], other["mean"] - one["mean"]
    weight = one["count"] * other["count"] / count
    out["count"], out["first"], out["first_ns"] = count, one["first"], one["first_ns"]
    out["low"], out["high"] = min(one["low"], other["low"]), max(one["high"], other["high"])
    out["mean_s"] = one["mean_s"] + off_s * other["count"] / count
    out["mean"] = one["mean"] + off * other["count"] / count
    out["spread_s"] += one["spread_s"] + off_s * off_s * weight
    out["spread"] += one["spread"] + off * off * weight
    out["together"] += one["together"] + off_s * off * weight
    return out
