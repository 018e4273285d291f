"""The C library of this package: call stacks of all tracks, and first and last events of tracks.

Arrays go to C as plain addresses, so every one is checked for type, length and contiguity here, once per batch.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from capture.errors import FormatError, ScopeBug
from capture.events.batch import EventBatch, Int64, mask_of
from capture.events.kinds import Kind

FRAME_DTYPE = np.dtype(
    [("call_id", "<i8"), ("start_ns", "<i8"), ("site_id", "<i4"), ("line", "<u4"), ("flags", "<u4"), ("unused", "<u4")]
)
TRACK_DTYPE = np.dtype(
    [
        ("track_id", "<i4"),
        ("depth", "<u4"),
        ("overflow", "<u4"),
        ("cursor", "<u4"),
        ("unknown_since_ns", "<i8"),
        ("snapshot_ns", "<i8"),
    ]
)
FLAG_ENTERED_EARLIER = 1
FLAG_STANDS = 2
ASK_FOR_CALL = mask_of((Kind.STATE, Kind.RAISE, Kind.UNWIND))  # dags/native/pairing.c has the same
MAX_TRACKS = 1 << 20
COUNT_FIELDS = ("next_call_id", "unmatched", "ignored", "frames", "tracks", "doubted")

Array = npt.NDArray[Any]

_CALL_COLUMNS: dict[str, type[np.generic]] = {
    "call_id": np.int64,
    "start_ns": np.int64,
    "end_ns": np.int64,
    "parent_call_id": np.int64,
    "track_id": np.int32,
    "depth": np.int32,
    "site_id": np.int32,
    "outcome": np.uint8,
}


class _Events(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_void_p) for name in ("kind", "track_id", "site_id", "time_ns", "flags"))


class _Calls(ctypes.Structure):
    _fields_ = (
        ("capacity", ctypes.c_int64),
        ("rows", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in _CALL_COLUMNS),
        ("writer_call_id", ctypes.c_void_p),
        ("writers", ctypes.c_int64),
        ("writer_capacity", ctypes.c_int64),
    )


class _Counts(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64) for name in COUNT_FIELDS)


@functools.cache
def _library() -> ctypes.CDLL:
    for candidate in sorted(Path(__file__).parent.glob("_kernels*.so")):
        library = ctypes.CDLL(str(candidate))
        break
    else:
        raise ScopeBug("dags/_kernels*.so is missing: run `make setup` to build the native parts")
    pointer, int64, int32 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int32
    signatures: dict[str, tuple[Any, tuple[Any, ...]]] = {
        "scope_stacks_new": (pointer, ()),
        "scope_stacks_free": (None, (pointer,)),
        "scope_stacks_run": (None, (pointer, pointer, int64, int64, pointer)),
        "scope_stacks_snapshot": (None, (pointer, int32, int64, pointer, pointer, int64, int32, int32, int32, pointer)),
        "scope_stacks_doubt": (None, (pointer, int64)),
        "scope_stacks_counts": (None, (pointer, pointer)),
        "scope_stacks_heads": (None, (pointer, pointer)),
        "scope_stacks_heads_of": (None, (pointer, pointer, int64, pointer)),
        "scope_stacks_told": (int64, (pointer, pointer, int64)),
        "scope_stacks_take_back": (int32, (pointer, pointer, pointer, int64)),
        "scope_stacks_frames": (None, (pointer, pointer, int64, pointer)),
        "scope_stacks_import": (pointer, (pointer, pointer, int64, pointer, int64)),
        "scope_track_events": (
            int64,
            (pointer, int64, int64, pointer, int64, pointer, int64, pointer, pointer, int64, pointer),
        ),
    }
    signatures |= {
        "scope_cells_new": (pointer, ()),
        "scope_cells_free": (None, (pointer,)),
        "scope_cells_write": (int64, (pointer, pointer, pointer, int64, int64, pointer, pointer)),
        "scope_cells_before": (None, (pointer, int64, int64, *(pointer,) * 7)),
        "scope_cells_set": (None, (pointer, pointer, int64)),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _address(array: Array, dtype: Any, length: int) -> int:
    if array.dtype != dtype or len(array) != length or not array.flags.c_contiguous:
        raise ScopeBug(f"a kernel wants {length} contiguous {np.dtype(dtype)}, got {len(array)} {array.dtype}")
    return int(array.ctypes.data)


class EventColumns:
    """The columns of a batch that the kernels read, ready to be passed; keeps them alive."""

    def __init__(self, batch: EventBatch) -> None:
        self.rows = len(batch)
        self._columns: dict[str, Array] = {
            "kind": np.ascontiguousarray(batch.kind, np.uint8),
            "track_id": np.ascontiguousarray(batch.track_id, np.int32),
            "site_id": np.ascontiguousarray(batch.site_id, np.int32),
            "time_ns": np.ascontiguousarray(batch.time_ns, np.int64),
            "flags": np.ascontiguousarray(batch.flags, np.uint8),
        }
        addresses: dict[str, Any] = {name: _address(c, c.dtype, self.rows) for name, c in self._columns.items()}
        self.struct = _Events(**addresses)


class EndedCalls:
    """Room for the calls that a batch ends, and for the innermost calls at its events of ASK_FOR_CALL."""

    def __init__(self, capacity: int, writers: int) -> None:
        self._columns = {name: np.empty(capacity, dtype) for name, dtype in _CALL_COLUMNS.items()}
        self._writers = np.zeros(writers, np.int64)
        self.struct = _Calls(
            capacity=capacity,
            rows=0,
            **{name: _address(c, c.dtype, capacity) for name, c in self._columns.items()},
            writer_call_id=_address(self._writers, np.int64, writers),
            writers=0,
            writer_capacity=writers,
        )

    def columns(self) -> dict[str, Array]:
        """The ended calls, in the order they ended; outcome is a code (see dags.columns.OUTCOMES)."""
        rows = int(self.struct.rows)
        return {name: column[:rows] for name, column in self._columns.items()}

    def call_ids(self) -> Int64:
        """The innermost call before each event of the batch that is of ASK_FOR_CALL, 0 = none."""
        return self._writers


class Stacks:
    """The open calls of all tracks. One thread at a time."""

    def __init__(self) -> None:
        self._handle = self._checked(_library().scope_stacks_new())

    @staticmethod
    def _checked(handle: int | None) -> int:
        if not handle:
            raise MemoryError("no memory for call stacks")
        return handle

    def __del__(self) -> None:
        if handle := getattr(self, "_handle", None):
            _library().scope_stacks_free(handle)

    def run(self, events: EventColumns, start: int, stop: int, out: EndedCalls | None = None) -> None:
        """Folds in the rows start..stop, snapshots excepted."""
        if not 0 <= start <= stop <= events.rows:
            raise ScopeBug(f"rows {start}..{stop} of {events.rows}")
        _library().scope_stacks_run(
            self._handle,
            ctypes.addressof(events.struct),
            start,
            stop,
            ctypes.addressof(out.struct) if out else None,
        )

    def snapshot(
        self,
        track_id: int,
        time_ns: int,
        site_ids: Array,
        lines: Array,
        *,
        is_first: bool,
        is_last: bool,
        is_final: bool = False,
        out: EndedCalls | None = None,
    ) -> None:
        """Puts one part of a snapshot in place of what was known. is_final: the recorder's last look at this stack."""
        count = len(site_ids)
        _library().scope_stacks_snapshot(
            self._handle,
            track_id,
            time_ns,
            _address(site_ids, np.int32, count),
            _address(lines, np.uint32, count),
            count,
            is_first,
            is_last,
            is_final,
            ctypes.addressof(out.struct) if out else None,
        )

    def doubt(self, time_ns: int) -> None:
        """Marks every stack as unknown from there on, until a snapshot of its track comes."""
        _library().scope_stacks_doubt(self._handle, time_ns)

    def counts(self) -> dict[str, int]:
        """What COUNT_FIELDS names; the C header says what each one counts."""
        counts = _Counts()
        _library().scope_stacks_counts(self._handle, ctypes.addressof(counts))
        return {name: int(getattr(counts, name)) for name in COUNT_FIELDS}

    def heads(self) -> Array:
        """What is known of each track's stack, by ascending track id."""
        heads = np.empty(self.counts()["tracks"], TRACK_DTYPE)
        _library().scope_stacks_heads(self._handle, heads.ctypes.data)
        return heads

    def heads_of(self, track_ids: Int64) -> Array:
        """What is known of the stack of each of those; one that no event has named is in doubt and has track_id 0."""
        count = len(track_ids)
        heads = np.empty(count, TRACK_DTYPE)
        _library().scope_stacks_heads_of(self._handle, _address(track_ids, np.int64, count), count, heads.ctypes.data)
        return heads

    def told(self, track_ids: Int64) -> int:
        """Of how many of those the stack is known."""
        count = len(track_ids)
        return int(_library().scope_stacks_told(self._handle, _address(track_ids, np.int64, count), count))

    def frames(self, heads: Array) -> Array:
        """The frames of some of the present `heads`, each track's outermost first."""
        frames = np.empty(int(heads["depth"].sum(dtype=np.int64)), FRAME_DTYPE)
        place = _address(heads, TRACK_DTYPE, len(heads))
        _library().scope_stacks_frames(self._handle, place, len(heads), frames.ctypes.data)
        return frames

    def export(self) -> tuple[Array, Array]:
        """All heads, and all frames."""
        heads = self.heads()
        return heads, self.frames(heads)

    @classmethod
    def restored(cls, tracks: Array, frames: Array, counts: dict[str, int]) -> Stacks:
        """Stacks as exported.

        Raises: FormatError when they contradict themselves.
        """
        fields = _Counts(**{name: counts[name] for name in COUNT_FIELDS})
        handle = _library().scope_stacks_import(
            ctypes.addressof(fields),
            _address(tracks, TRACK_DTYPE, len(tracks)),
            len(tracks),
            _address(frames, FRAME_DTYPE, len(frames)),
            len(frames),
        )
        if not handle:
            raise FormatError("the stacks of a keyframe contradict themselves")
        self = cls.__new__(cls)
        self._handle = handle
        return self

    def copy(self) -> Stacks:
        """Stacks of their own with the same calls."""
        return Stacks.restored(*self.export(), self.counts())

    def taken_back(self, earlier: Stacks, track_ids: Array) -> Stacks:
        """Stacks of their own as `earlier`, made of these, which are those and what the tracks did since.

        They cost as much as these few tracks; a copy costs as much as all.
        """
        ids = np.unique(track_ids).astype(np.int32, copy=False)
        place = _address(ids, np.int32, len(ids))
        if _library().scope_stacks_take_back(self._handle, earlier._handle, place, len(ids)):
            return self
        return earlier.copy()


def track_events(batch: EventBatch, last_event: Int64, query_rows: Int64, query_tracks: Int64) -> tuple[Int64, Int64]:
    """(rows that are the first of their track, last event of each queried track at or before its row).

    `last_event` holds each track's last event id so far, by track id, and is moved on.
    """
    track_id = np.ascontiguousarray(batch.track_id, np.int32)
    first_rows = np.empty(min(len(last_event), len(batch)), np.int64)
    answers = np.zeros(len(query_rows), np.int64)
    found = _library().scope_track_events(
        _address(track_id, np.int32, len(batch)),
        len(batch),
        batch.first_event_id,
        _address(last_event, np.int64, len(last_event)),
        len(last_event),
        first_rows.ctypes.data,
        len(first_rows),
        _address(query_rows, np.int64, len(query_rows)),
        _address(query_tracks, np.int64, len(query_rows)),
        len(query_rows),
        answers.ctypes.data,
    )
    return first_rows[:found], answers


class Cells:
    """Numbers (object, key) pairs in the order of their first write, and knows each one's present version."""

    def __init__(self) -> None:
        self._handle = _library().scope_cells_new()
        self._count = 0
        if not self._handle:
            raise MemoryError("no memory for cells")

    def __del__(self) -> None:
        if handle := getattr(self, "_handle", None):
            _library().scope_cells_free(handle)

    def __len__(self) -> int:
        return self._count

    @classmethod
    def restored(cls, objects: Int64, keys: Int64, versions: Int64) -> Cells:
        """The cells with those versions. Fewer than listed when one is listed twice."""
        self = cls()
        self.write(objects, keys, 1)
        _library().scope_cells_set(self._handle, _address(versions, np.int64, len(objects)), len(versions))
        return self

    def write(self, objects: Int64, keys: Int64, first_version: int) -> tuple[Int64, Int64]:
        """(cell of each write, the version that it replaces, 0 = none); versions count up from `first_version`."""
        rows = len(objects)
        cells, replaced = np.empty(rows, np.int64), np.empty(rows, np.int64)
        count = _library().scope_cells_write(
            self._handle,
            _address(objects, np.int64, rows),
            _address(keys, np.int64, rows),
            rows,
            first_version,
            cells.ctypes.data,
            replaced.ctypes.data,
        )
        if count < 0:
            raise MemoryError("no memory for cells")
        self._count = count
        return cells, replaced


def before_in_batch(
    replaced: Int64, first_version: int, event_ids: Int64
) -> tuple[npt.NDArray[np.int32], Int64, Int64, Int64]:
    """Where the versions stand that a batch's writes replaced, given what `Cells.write` told of them.

    (rows back of each, 0 = not in the batch; their events, 0 = likewise; rows that replaced an older version; rows that
    nothing in the batch replaced)
    """
    rows = len(replaced)
    back, events = np.empty(rows, np.int32), np.empty(rows, np.int64)
    outside, last = np.empty(rows, np.int64), np.empty(rows, np.int64)
    is_last, found = np.empty(rows, np.uint8), np.empty(2, np.int64)
    _library().scope_cells_before(
        _address(replaced, np.int64, rows),
        rows,
        first_version,
        _address(event_ids, np.int64, rows),
        *(array.ctypes.data for array in (back, events, outside, last, is_last, found)),
    )
    return back, events, outside[: found[0]], last[: found[1]]
