"""The C library of this package: call stacks of all tracks, pairs of events, first and last events of tracks.

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
from capture.events.kinds import KINDS

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
MAX_TRACKS = 1 << 20
BEGUN_DTYPE = np.dtype(
    [
        *((name, "<i8") for name in ("event_id", "time_ns", "object_id", "ref", "call_id")),
        *((name, "<i4") for name in ("track_id", "site_id")),
        ("kind", "u1"),
        ("unused", "u1", 7),
    ]
)
RULE_DTYPE = np.dtype([("pair", "u1"), ("ends", "u1"), ("by", "u1"), ("nests", "u1")])
MAX_BEGUN = 1 << 20
PAIR_COUNT_FIELDS = ("begun", "lost_begins", "lost_ends", "keyless", "ignored")
ASKS_CALL = mask_of(kind for kind in KINDS if kind.asks_call)
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
    "call_line": np.int32,
    "outcome": np.uint8,
    "end_event_id": np.int64,
}


_PAIR_COLUMNS: dict[str, type[np.generic]] = {
    "kind": np.uint8,
    "track_id": np.int32,
    "site_id": np.int32,
    "time_ns": np.int64,
    "object_id": np.int64,
    "ref": np.int64,
}


class _Events(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("kind", "track_id", "site_id", "time_ns", "ref", "flags", "asks")),
        ("first_event_id", ctypes.c_int64),
        ("opened", ctypes.c_void_p),
    )


class _Calls(ctypes.Structure):
    _fields_ = (
        ("capacity", ctypes.c_int64),
        ("rows", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in _CALL_COLUMNS),
        ("event_id", ctypes.c_int64),
        ("caller", ctypes.c_void_p),
        ("callers", ctypes.c_int64),
        ("caller_capacity", ctypes.c_int64),
    )


class _PairEvents(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in _PAIR_COLUMNS),
        ("asks", ctypes.c_void_p),
        ("caller", ctypes.c_void_p),
        ("callers", ctypes.c_int64),
    )


class _PairCounts(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_int64) for name in PAIR_COUNT_FIELDS)


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
    signatures |= {
        "scope_pairs_new": (pointer, (pointer,)),
        "scope_pairs_free": (None, (pointer,)),
        "scope_pairs_run": (int64, (pointer, pointer, int64, int64, pointer, pointer, int64)),
        "scope_pairs_counts": (None, (pointer, pointer)),
        "scope_pairs_begun": (None, (pointer, pointer)),
        "scope_pairs_restore": (int32, (pointer, pointer, int64, pointer)),
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
    """The columns of a batch that the kernels read, ready to be passed; keeps them alive.

    `opened` gets the call that each event opens, 0 where it opens none; None: nobody asked.
    """

    def __init__(self, batch: EventBatch, *, asks_opened: bool = False) -> None:
        self.rows = len(batch)
        self.opened: Int64 | None = np.zeros(self.rows, np.int64) if asks_opened else None
        self._columns: dict[str, Array] = {
            "kind": np.ascontiguousarray(batch.kind, np.uint8),
            "track_id": np.ascontiguousarray(batch.track_id, np.int32),
            "site_id": np.ascontiguousarray(batch.site_id, np.int32),
            "time_ns": np.ascontiguousarray(batch.time_ns, np.int64),
            "ref": np.ascontiguousarray(batch.ref, np.int64),
            "flags": np.ascontiguousarray(batch.flags, np.uint8),
        }
        addresses: dict[str, Any] = {name: _address(c, c.dtype, self.rows) for name, c in self._columns.items()}
        self.struct = _Events(
            **addresses,
            asks=ASKS_CALL.ctypes.data,
            first_event_id=batch.first_event_id,
            opened=None if self.opened is None else _address(self.opened, np.int64, self.rows),
        )


class EndedCalls:
    """Room for the calls that a batch ends, and for the innermost calls at its events of ASKS_CALL."""

    def __init__(self, capacity: int, callers: int) -> None:
        self._columns = {name: np.empty(capacity, dtype) for name, dtype in _CALL_COLUMNS.items()}
        self._callers = np.zeros(callers, np.int64)
        self.struct = _Calls(
            capacity=capacity,
            rows=0,
            **{name: _address(c, c.dtype, capacity) for name, c in self._columns.items()},
            caller=_address(self._callers, np.int64, callers),
            callers=0,
            caller_capacity=callers,
        )

    def columns(self) -> dict[str, Array]:
        """The ended calls, in the order they ended; outcome is a code (see dags.columns.OUTCOMES).

        Beside the columns of the table `end_event_id`: the event that ended it, 0 where a snapshot did.
        """
        rows = int(self.struct.rows)
        return {name: column[:rows] for name, column in self._columns.items()}

    def callers(self) -> Int64:
        """The innermost call before each event of the batch that is of ASKS_CALL, 0 = none."""
        return self._callers


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


class Pairs:
    """What has begun and not ended, by key; see capture.events.kinds.Pair. One thread at a time."""

    def __init__(self, rules: Array, asks: Array) -> None:
        """`rules`: RULE_DTYPE by kind. `asks`: by kind, whether `run` gets the innermost call at its events."""
        self._asks = np.ascontiguousarray(asks, np.uint8)
        self._handle = _library().scope_pairs_new(_address(rules, RULE_DTYPE, 256))
        if not self._handle:
            raise MemoryError("no memory for pairs")

    def __del__(self) -> None:
        if handle := getattr(self, "_handle", None):
            _library().scope_pairs_free(handle)

    def run(self, batch: EventBatch, callers: Int64 | None, capacity: int) -> tuple[Int64, Array]:
        """(rows that found a begin, those begins): an end its own, a begin one in whose place it comes.

        `capacity`: how many events of the batch begin or end something.
        """
        columns = {name: np.ascontiguousarray(getattr(batch, name), dtype) for name, dtype in _PAIR_COLUMNS.items()}
        addresses: dict[str, Any] = {name: _address(c, c.dtype, len(batch)) for name, c in columns.items()}
        if callers is not None:
            addresses |= {"caller": _address(callers, np.int64, len(callers)), "callers": len(callers)}
        events = _PairEvents(**addresses, asks=_address(self._asks, np.uint8, 256))
        rows, begun = np.empty(capacity, np.int64), np.empty(capacity, BEGUN_DTYPE)
        found = _library().scope_pairs_run(
            self._handle, ctypes.addressof(events), len(batch), batch.first_event_id,
            rows.ctypes.data, begun.ctypes.data, capacity,
        )  # fmt: skip
        return rows[:found], begun[:found]

    def counts(self) -> dict[str, int]:
        """What PAIR_COUNT_FIELDS names; the C header says what each one counts."""
        counts = _PairCounts()
        _library().scope_pairs_counts(self._handle, ctypes.addressof(counts))
        return {name: int(getattr(counts, name)) for name in PAIR_COUNT_FIELDS}

    def begun(self) -> Array:
        """What has begun and not ended, in the order in which it began."""
        begun = np.empty(self.counts()["begun"], BEGUN_DTYPE)
        _library().scope_pairs_begun(self._handle, begun.ctypes.data)
        return begun[np.argsort(begun["event_id"], kind="stable")]

    def restore(self, begun: Array, counts: dict[str, int]) -> None:
        """Takes in what `begun` and `counts` of another told; begins of unknown kinds are left out."""
        fields = _PairCounts(**{name: counts[name] for name in PAIR_COUNT_FIELDS})
        place = _address(begun, BEGUN_DTYPE, len(begun))
        if not _library().scope_pairs_restore(self._handle, place, len(begun), ctypes.addressof(fields)):
            raise MemoryError("no memory for pairs")


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
