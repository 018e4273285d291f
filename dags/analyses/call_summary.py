"""What a segment's calls come to, function by function: small enough to keep one for every segment of a session.

Calls that began and ended in the segment are added up. Those that began earlier or are open at its end are few, as many
as the stacks were deep, and are kept one by one: a range may begin or end inside of them.

`cache/SSSSSSSS.calls` is a cache file (`capture.session.caches`) of msgpack, kept and read as a level of detail is
(`dags.analyses.detail`): in finished session folders only, and of segments that have enough events.
"""

from __future__ import annotations

import contextlib

import msgspec
import numpy as np

from capture.errors import FormatError, ScopeError, SessionProblem
from capture.session.caches import unframed, write_cache
from capture.session.session import Session
from capture.typed import from_msgpack
from dags.analyses.call_forest import NODE_DTYPE, Forest, Paths, call_forest, paths_of
from dags.analyses.detail import OPEN_END, has_file
from dags.analyses.durations import BUCKETS, buckets_of
from dags.analyses.kept_pieces import KeptPieces
from dags.columns import Packed, dense, packed, unpacked
from dags.kernels import Array

VERSION = 2
MAX_FILE_BYTES = 64 << 20

GROUP_DTYPE = np.dtype(
    [
        ("first_ns", "<i8"),
        ("last_ns", "<i8"),
        ("total_ns", "<i8"),
        ("own_ns", "<i8"),
        ("calls", "<i8"),
        ("errors", "<i8"),
        ("longest_ns", "<i8"),
        ("shortest_ns", "<i8"),
        ("longest_call_id", "<i8"),
        ("first_call_id", "<i8"),
        ("last_call_id", "<i8"),
        ("track_id", "<i4"),
        ("site_id", "<i4"),
    ]
)
BUCKET_DTYPE = np.dtype([("count", "<i8"), ("track_id", "<i4"), ("site_id", "<i4"), ("bucket", "<i4")])
CALL_DTYPE = np.dtype(
    [
        ("call_id", "<i8"),
        ("start_ns", "<i8"),
        ("end_ns", "<i8"),
        ("track_id", "<i4"),
        ("site_id", "<i4"),
        ("caller_site_id", "<i4"),
        ("node", "<i4"),
        ("outermost", "<i4"),
        ("raised", "<i4"),
        ("folded", "<i4"),
    ]
)
NO_CALLER = -1


class CallSummary(msgspec.Struct, frozen=True):
    """One segment's calls.

    `groups` (GROUP_DTYPE, by track and function): those that began and ended in it; first, last: when they began; total
    without those inside of another call of the group; own: without what they called. A group that has called and not
    ended has no calls and an own time below 0, which is taken off the one call that is not in it.
    `buckets` (BUCKET_DTYPE): how many of them took how long (`durations`). `carried` (CALL_DTYPE): those that began
    before the segment and ended in it; `open`: those that are open at its end, their end is OPEN_END. `nodes`
    (NODE_DTYPE of `call_forest`): the paths of all these calls, with the figures of those that began and ended in it.
    """

    groups: Array
    buckets: Array
    carried: Array
    open: Array
    nodes: Array

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return sum(int(getattr(self, name).nbytes) for name in self.__struct_fields__)


_DTYPES = {
    "groups": GROUP_DTYPE,
    "buckets": BUCKET_DTYPE,
    "carried": CALL_DTYPE,
    "open": CALL_DTYPE,
    "nodes": NODE_DTYPE,
}


class _File(msgspec.Struct, frozen=True):
    version: int
    event_id: int
    events: int
    parts: dict[str, Packed]


_KEPT: KeptPieces[CallSummary] = KeptPieces(128 << 20)


def call_summary(session: Session, index: int) -> CallSummary:
    """A segment's summary: from memory, else from its cache, else worked out and put there. Any thread may ask.

    Raises: SessionProblem, IndexError when the session has changed meanwhile.
    """
    return _KEPT.get(session, index, lambda of, at: _from_cache(of, at) or _made(of, at))


def kept_summary(session: Session, index: int) -> bytes | None:
    """What a segment's cache says, as `rebuilt_summary` would write it; None when no reader would believe it."""
    segment, found = session.segments[index], _from_cache(session, index)
    return None if found is None else _encoded(found, segment.first_event_id, segment.events)


def rebuilt_summary(session: Session, index: int) -> bytes | None:
    """What is kept of a segment that has a file, made anew; None when not all of it could be read.

    Raises: SessionProblem.
    """
    segment, forest = session.segments[index], call_forest(session, index)
    found = summary_of(forest, segment.start_ns)
    is_kept = forest.is_whole and found.nbytes <= MAX_FILE_BYTES
    return _encoded(found, segment.first_event_id, segment.events) if is_kept else None


def _from_cache(session: Session, index: int) -> CallSummary | None:
    segment = session.segments[index]
    if has_file(segment):
        with contextlib.suppress(FileNotFoundError, SessionProblem):
            return _decoded(session.raw(segment.calls_name), segment.first_event_id, segment.events)
    return None


def _made(session: Session, index: int) -> CallSummary:
    segment, forest = session.segments[index], call_forest(session, index)
    found = summary_of(forest, segment.start_ns)
    is_kept = has_file(segment) and forest.is_whole and found.nbytes <= MAX_FILE_BYTES
    if is_kept and not session.live and session.path.is_dir():
        with contextlib.suppress(OSError, ScopeError):  # a cache: a disk that is full or read-only costs only time
            data = _encoded(found, segment.first_event_id, segment.events)
            write_cache(session.path, segment.calls_name, data)
    return found


def summary_of(forest: Forest, start_ns: int) -> CallSummary:
    """The summary of a segment that begins at that instant."""
    spans = forest.spans
    within = np.zeros(len(spans), np.bool_)
    within[: forest.ended] = spans["start_ns"][: forest.ended] >= start_ns
    carried = np.flatnonzero(~within[: forest.ended])
    still = np.arange(forest.ended, len(spans))
    groups, lasted = _groups(forest, within), spans["end_ns"] - spans["start_ns"]
    keys, at = dense(forest.group[within] * BUCKETS + buckets_of(lasted[within]))
    counts = np.bincount(at, minlength=len(keys))
    buckets = np.zeros(len(keys), BUCKET_DTYPE)
    buckets["count"], buckets["bucket"] = counts, keys % BUCKETS
    buckets["track_id"], buckets["site_id"] = forest.groups[keys // BUCKETS].T
    paths = paths_of(forest)
    nodes = summed_nodes(forest, paths, np.flatnonzero(within), lasted)
    return CallSummary(groups, buckets, single_calls(forest, carried, paths), single_calls(forest, still, paths), nodes)


def summed_nodes(forest: Forest, paths: Paths, rows: Array, lasted: Array) -> Array:
    """The nodes with the figures of those calls of a forest; `lasted`: how long each call of it counts."""
    nodes, rows = paths.nodes.copy(), rows[~paths.is_folded[rows]]
    at = paths.node_of[rows]
    nodes["calls"] = np.bincount(at, minlength=len(nodes))
    nodes["errors"] = np.bincount(at[forest.spans["raised"][rows] > 0], minlength=len(nodes))
    nodes["total_ns"] = _sums(at, lasted[rows], len(nodes))
    return nodes


def single_calls(forest: Forest, rows: Array, paths: Paths | None = None) -> Array:
    """Those calls of a forest, one by one, as CALL_DTYPE; without paths they are of no node."""
    out = np.zeros(len(rows), CALL_DTYPE)
    for name in ("call_id", "start_ns", "end_ns", "track_id", "site_id", "raised"):
        out[name] = forest.spans[name][rows]
    out["outermost"] = forest.outermost[rows]
    out["node"] = -1
    if paths is not None:
        out["node"], out["folded"] = paths.node_of[rows], paths.is_folded[rows]
    parent = forest.parent[rows]
    out["caller_site_id"] = np.where(parent >= 0, forest.spans["site_id"][parent], NO_CALLER)
    return out


def _groups(forest: Forest, within: Array) -> Array:
    spans, group, count = forest.spans, forest.group, len(forest.groups)
    out = np.zeros(count, GROUP_DTYPE)
    out["track_id"], out["site_id"] = forest.groups.T
    lasted = np.where(within, spans["end_ns"] - spans["start_ns"], 0)
    counted = within & forest.outermost
    called = within & (forest.parent >= 0)
    out["calls"] = np.bincount(group[within], minlength=count)
    out["errors"] = np.bincount(group[within & (spans["raised"] > 0)], minlength=count)
    out["total_ns"] = _sums(group[counted], lasted[counted], count)
    out["own_ns"] = _sums(group[within], lasted[within], count)
    out["own_ns"] -= _sums(group[forest.parent[called]], lasted[called], count)
    rows = forest.order[within[forest.order]]
    at = group[rows]
    if len(rows):
        first = np.flatnonzero(np.append(True, at[1:] != at[:-1]))
        last, there = np.append(first[1:], len(rows)) - 1, at[first]
        out["longest_ns"][there] = np.maximum.reduceat(lasted[rows], first)
        out["shortest_ns"][there] = np.minimum.reduceat(lasted[rows], first)
        for name, ends in (("first", first), ("last", last)):
            out[f"{name}_call_id"][there] = spans["call_id"][rows[ends]]
            out[f"{name}_ns"][there] = spans["start_ns"][rows[ends]]
        longest = rows[lasted[rows] == out["longest_ns"][at]][::-1]  # of those that took as long, the first stays
        out["longest_call_id"][group[longest]] = spans["call_id"][longest]
    told: Array = out[(out["calls"] > 0) | (out["own_ns"] != 0)]
    return told


def _sums(groups: Array, values: Array, count: int) -> Array:
    """Exact up to 2 ** 53 ns in one group of one segment, which are 104 days."""
    return np.bincount(groups, values, count).astype(np.int64)


def _encoded(summary: CallSummary, event_id: int, events: int) -> bytes:
    parts = {name: packed(getattr(summary, name)) for name in _DTYPES}
    return msgspec.msgpack.encode(_File(VERSION, event_id, events, parts))


def _decoded(data: bytes, event_id: int, events: int) -> CallSummary:
    """Raises: FormatError."""
    try:
        kept = from_msgpack(unframed(data), _File)
    except msgspec.DecodeError as error:
        raise FormatError(f"a summary of calls is damaged or of another version: {error}") from error
    if (kept.version, kept.event_id, kept.events) != (VERSION, event_id, events) or kept.parts.keys() != _DTYPES.keys():
        raise FormatError("a summary of calls belongs to something else")
    if sum(abs(part.length) * _DTYPES[name].itemsize for name, part in kept.parts.items()) > MAX_FILE_BYTES:
        raise FormatError("a summary of calls is bigger than any that is written")
    found = CallSummary(**{name: unpacked(part, _DTYPES[name]) for name, part in kept.parts.items()})
    open_ends = bool((found.open["end_ns"] == OPEN_END).all())
    in_range = bool(((found.buckets["bucket"] >= 0) & (found.buckets["bucket"] < BUCKETS)).all())
    numbers = np.arange(len(found.nodes))
    is_tree = bool(((found.nodes["parent"] >= -1) & (found.nodes["parent"] < numbers)).all())
    singles = np.concatenate([found.carried["node"], found.open["node"]])
    is_tree = is_tree and bool(((singles >= 0) & (singles < len(numbers))).all())
    if not (
        open_ends and in_range and is_tree and (found.groups["calls"] >= 0).all() and (found.buckets["count"] > 0).all()
    ):
        raise FormatError("a summary of calls contradicts itself")
    return found
