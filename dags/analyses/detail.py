"""What a timeline needs to know of a segment to draw it at any scale, kept in the session's cache so that it is worked
out once: the pyramid, the longest calls, the calls that are open when the segment ends, and its gaps.

A segment of few events has no file: working it out takes a few milliseconds, and a file for it a third of its own size.
`cache/SSSSSSSS.lod` is a cache file (`capture.session.caches`) of msgpack. It is written into finished session
directories only (a session that is being recorded belongs to its recorder), may be deleted, and is read as carefully
as anything else in a file.
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import numpy as np

from capture.errors import FormatError, ScopeError, SessionProblem
from capture.events.kinds import Kind
from capture.session.caches import unframed, write_cache
from capture.session.format import SegmentEntry
from capture.session.session import Session
from capture.typed import from_msgpack
from dags.analyses.lod import MAX_LEVEL, ROW_DTYPE, Array, Level, pyramid
from dags.base import decoded
from dags.code.dag import StacksKeyframe
from dags.columns import Packed, from_bytes, packed, unpacked
from dags.correlate.keyframe import decode_keyframe
from dags.correlate.replay import state_before
from dags.kernels import FRAME_DTYPE, TRACK_DTYPE

DETAIL_VERSION = 2
KEPT_FROM_EVENTS = 8192
MAX_LONGEST = 1024
MAX_DETAIL_BYTES = 64 << 20
OPEN_END = np.iinfo(np.int64).max
SPAN_DTYPE = np.dtype(
    [
        ("call_id", "<i8"),
        ("start_ns", "<i8"),
        ("end_ns", "<i8"),
        ("track_id", "<i4"),
        ("depth", "<i4"),
        ("site_id", "<i4"),
        ("raised", "<i4"),
    ]
)
GAP_DTYPE = np.dtype([("start_ns", "<i8"), ("end_ns", "<i8"), ("dropped", "<i8"), ("track_id", "<i4")])
SPAN_COLUMNS = ("call_id", "start_ns", "end_ns", "track_id", "depth", "site_id", "outcome")
"""Of `calls`, what spans are made of. Texts of arguments would take longer than all else."""
_EVENT_COLUMNS = ("time_ns", "kind", "track_id", "site_id", "ref", "value")


_NO_SPANS, _NO_GAPS = np.empty(0, SPAN_DTYPE), np.empty(0, GAP_DTYPE)


class SegmentDetail(msgspec.Struct, frozen=True):
    """One segment, ready to be drawn.

    Shape: `longest` and `open` are SPAN_DTYPE; `longest` holds every call that ended in the segment after at least
    `longest_from_ns`, `open` what is open at its end (end_ns OPEN_END). `gaps` is GAP_DTYPE, track 0 = all.
    """

    levels: list[Level]
    longest: Array
    longest_from_ns: int
    open: Array
    gaps: Array

    def level(self, wanted: int) -> Level | None:
        """The level that was asked for, or the nearest there is; None when the segment has no events."""
        if not self.levels:
            return None
        return self.levels[min(max(0, wanted - self.levels[0].level), len(self.levels) - 1)]

    def trimmed(self, max_rows: int) -> SegmentDetail:
        """The same without the levels that have more rows."""
        kept = [level for level in self.levels if len(level.rows) <= max_rows] or self.levels[-1:]
        return msgspec.structs.replace(self, levels=kept)


class _File(msgspec.Struct, frozen=True):
    version: int
    event_id: int
    events: int
    levels: list[tuple[int, Packed]]
    longest: Packed
    longest_from_ns: int
    open: Packed
    gaps: Packed


def segment_detail(session: Session, index: int) -> SegmentDetail:
    """A segment's detail, from the cache when it is there and sound, else worked out and put there.

    Raises: SessionProblem, IndexError when the session has changed meanwhile.
    """
    segment = session.segments[index]
    if not segment.files:
        return SegmentDetail([], _NO_SPANS, 0, open_at_end(session, index), _NO_GAPS)
    if has_file(segment):
        with contextlib.suppress(FileNotFoundError, SessionProblem):
            return _decoded(session.raw(segment.detail_name), segment.first_event_id, segment.events)
    found, is_whole = _worked_out(session, index)
    if has_file(segment) and is_whole and not session.live and session.path.is_dir():
        data = _encoded(found, segment.first_event_id, segment.events)
        with contextlib.suppress(OSError, ScopeError):  # a cache: a disk that is full or read-only costs only time
            write_cache(session.path, segment.detail_name, data)
    return found


def has_file(segment: SegmentEntry) -> bool:
    """Whether its detail is kept; what lies under its name else is read by nobody."""
    return segment.events >= KEPT_FROM_EVENTS


def kept_detail(session: Session, index: int) -> bytes | None:
    """What a segment's cache says, as `rebuilt_detail` would write it; None when no reader would believe it."""
    segment = session.segments[index]
    if not has_file(segment):
        return None
    try:
        found = _decoded(session.raw(segment.detail_name), segment.first_event_id, segment.events)
        return _encoded(found, segment.first_event_id, segment.events)  # zstd makes other bytes in another version
    except (FileNotFoundError, SessionProblem):
        return None


def rebuilt_detail(session: Session, index: int) -> bytes | None:
    """What `segment_detail` would keep of a segment that has a file, made anew; None when not all that it is made of
    could be read.

    Raises: SessionProblem.
    """
    segment = session.segments[index]
    found, is_whole = _worked_out(session, index)
    return _encoded(found, segment.first_event_id, segment.events) if is_whole else None


def spans_of(table: Any) -> Array:
    """Rows of `calls`, SPAN_COLUMNS at least, as SPAN_DTYPE; calls without an end are OPEN_END."""
    spans = np.zeros(len(table), SPAN_DTYPE)
    for field in ("call_id", "start_ns", "track_id", "depth", "site_id"):
        spans[field] = table[field].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False)
    spans["end_ns"] = table["end_ns"].combine_chunks().fill_null(OPEN_END).to_numpy(zero_copy_only=False)
    outcome = table["outcome"].combine_chunks().dictionary_encode()
    words = outcome.dictionary.to_pylist()
    if "raise" in words:
        codes = outcome.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        spans["raised"] = codes == words.index("raise")
    return spans


def open_at_end(session: Session, index: int) -> Array:
    """The calls open when a segment ends: what the next keyframe says, and after the last one what never ended."""
    if index + 1 < len(session.segments):
        data = session.keyframe(session.same_state_from(index + 1))
        with contextlib.suppress(FormatError):
            if data is not None:
                kept = decoded(decode_keyframe(data).dags.get("code", b""), StacksKeyframe)
                return _spans_of_stacks(from_bytes(kept.tracks, TRACK_DTYPE), from_bytes(kept.frames, FRAME_DTYPE))
        return _spans_of_stacks(*state_before(session, index + 1).code.stacks.export())
    state = state_before(session, index)
    state.feed(session.events(index), session.tracks())
    return _spans_of_stacks(*state.code.stacks.export())


def _worked_out(session: Session, index: int) -> tuple[SegmentDetail, bool]:
    """(the detail, whether all that it is made of could be read)."""
    segment = session.segments[index]
    batch = session.events(index, _EVENT_COLUMNS)
    started = open_at_end(session, index - 1) if index else np.empty(0, SPAN_DTYPE)
    tracks, depths = np.unique(started["track_id"], return_counts=True)
    levels = pyramid(batch, dict(zip(tracks.tolist(), depths.tolist(), strict=True)))
    spans = spans_of(session.calls(index, SPAN_COLUMNS))
    calls = segment.file("calls")
    is_whole = len(batch) == segment.events and len(spans) == (calls.rows if calls else 0)
    spans = spans[spans["end_ns"] != OPEN_END]
    longest_from_ns = 0
    if len(spans) > MAX_LONGEST:
        lasted = spans["end_ns"] - spans["start_ns"]
        cut = len(spans) - MAX_LONGEST
        longest_from_ns = int(np.partition(lasted, cut)[cut]) + 1
        spans = spans[lasted >= longest_from_ns]
    table = session.segment_table(index, "gaps")
    gaps = np.zeros(len(table), GAP_DTYPE)
    for field in GAP_DTYPE.names or ():
        gaps[field] = table[field].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False)
    lost = batch.ref[batch.kind == Kind.GAP]
    if not len(gaps) and len(lost):  # the event knows when the loss was noticed even if no row says since when
        rows = np.flatnonzero(batch.kind == Kind.GAP)
        gaps = np.zeros(len(rows), GAP_DTYPE)
        gaps["start_ns"] = gaps["end_ns"] = batch.time_ns[rows]
        gaps["dropped"], gaps["track_id"] = lost, batch.track_id[rows]
    return SegmentDetail(levels, spans, longest_from_ns, open_at_end(session, index), gaps), is_whole


def _spans_of_stacks(tracks: Array, frames: Array) -> Array:
    depths = tracks["depth"].astype(np.int64)
    if int(depths.sum()) != len(frames):
        return np.empty(0, SPAN_DTYPE)
    spans = np.zeros(len(frames), SPAN_DTYPE)
    for field in ("call_id", "start_ns", "site_id"):
        spans[field] = frames[field]
    spans["end_ns"] = OPEN_END
    spans["track_id"] = np.repeat(tracks["track_id"], depths)
    spans["depth"] = np.arange(len(frames)) - np.repeat(np.cumsum(depths) - depths, depths)
    return spans


def _encoded(detail: SegmentDetail, event_id: int, events: int) -> bytes:
    levels = [(level.level, packed(level.rows)) for level in detail.levels]
    arrays = (packed(detail.longest), detail.longest_from_ns, packed(detail.open), packed(detail.gaps))
    return msgspec.msgpack.encode(_File(DETAIL_VERSION, event_id, events, levels, *arrays))


def _decoded(data: bytes, event_id: int, events: int) -> SegmentDetail:
    try:
        kept = from_msgpack(unframed(data), _File)
    except msgspec.DecodeError as error:
        raise FormatError(f"a level-of-detail file is damaged or of another version: {error}") from error
    if (kept.version, kept.event_id, kept.events) != (DETAIL_VERSION, event_id, events):
        raise FormatError("a level-of-detail file belongs to something else")
    parts = [(rows, ROW_DTYPE) for _, rows in kept.levels] + [(kept.longest, SPAN_DTYPE), (kept.open, SPAN_DTYPE)]
    if sum(abs(part.length) * dtype.itemsize for part, dtype in [*parts, (kept.gaps, GAP_DTYPE)]) > MAX_DETAIL_BYTES:
        raise FormatError("a level-of-detail file is bigger than any that is written")
    levels = [Level(number, unpacked(rows, ROW_DTYPE)) for number, rows in kept.levels]
    for at, level in enumerate(levels):
        is_next = level.level == levels[0].level + at and 0 <= level.level <= MAX_LEVEL
        if not is_next or not len(level.rows) or (np.diff(level.rows["bin"]) < 0).any():
            raise FormatError("a level-of-detail file contradicts itself")
    longest, still = unpacked(kept.longest, SPAN_DTYPE), unpacked(kept.open, SPAN_DTYPE)
    return SegmentDetail(levels, longest, kept.longest_from_ns, still, unpacked(kept.gaps, GAP_DTYPE))
