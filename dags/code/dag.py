"""The code DAG: call stacks of all tracks at an instant, and the calling-context tree of a range. Nodes are call ids.

How events fold into stacks (dags/native/pairing.c; tests hold a second reading of the same rules):
- call, resume and throw open a call; return, yield and unwind of site X end the nearest X among the innermost 4 096
  calls of the track, and whatever is open above it as raised. Without an X they are counted and passed over.
- A snapshot replaces what was known: frames that agree with the stack from the outermost on keep their calls.
- A gap makes the track's stack unknown until its next snapshot, and so does the begin of a thread that ran before.
- thread_end ends what is open. Ids count calls in the order they open, over the whole session.
- The line of a frame is known from a snapshot, or from the call that it makes, until the frame runs again.
- The text of a call event is what the call was called with, that of a return or yield what it gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from capture.errors import FormatError, ScopeBug
from capture.events.batch import EventBatch, Int64, of_kinds
from capture.events.kinds import Kind
from capture.events.text_column import TextColumn
from dags.base import Callers, Context, Dag, Edge, KeptId, KeptNs, NodeId, Ns, Rows, decoded, require_not_before
from dags.code.call_texts import (
    FEW,
    NO_ARGUMENTS,
    Arguments,
    Pieces,
    arguments_of_batch,
    call_places,
    few_texts_of,
    still_open,
    text_columns,
    texts_of,
    with_piece,
)
from dags.columns import OPEN, from_bytes, to_bytes
from dags.kernels import (
    ASKS_CALL,
    COUNT_FIELDS,
    FLAG_ENTERED_EARLIER,
    FRAME_DTYPE,
    TRACK_DTYPE,
    Array,
    EndedCalls,
    EventColumns,
    Stacks,
)

MAX_LINE = (1 << 24) - 1


class OpenCall(msgspec.Struct, frozen=True):
    """One frame of a stack; line 0 = not known; entered_earlier: it was found by a snapshot at entered_ns.

    arguments: as text, None: not known.
    """

    call_id: int
    site_id: int
    entered_ns: int
    line: int
    entered_earlier: bool
    arguments: str | None = None


class Stack(msgspec.Struct, frozen=True):
    """One track's open calls, outermost first. unknown_since_ns: events were dropped and no snapshot followed yet."""

    calls: list[OpenCall]
    unknown_since_ns: int | None
    snapshot_ns: int | None


class SnapshotText(msgspec.Struct, frozen=True):
    """The value of a snapshot event: frames are [site_id, line], outermost first."""

    frames: list[tuple[int, int]]
    part: str = "whole"
    reason: str = ""


class StacksKeyframe(msgspec.Struct, frozen=True, omit_defaults=True):
    """Exported stacks, as bytes of TRACK_DTYPE and FRAME_DTYPE; the arguments of open calls: their ids, where
    each one's text ends, int64 both, and the texts.

    Keyframes of sessions without arguments lack these; a Scope of before passes over them.
    """

    last_ns: KeptNs
    counts: dict[str, KeptId]
    tracks: bytes
    frames: bytes
    arguments_of: bytes = b""
    argument_ends: bytes = b""
    argument_texts: bytes = b""


_SNAPSHOTS = msgspec.json.Decoder(SnapshotText)


def told_stack(batch: EventBatch, row: int) -> SnapshotText | None:
    """What a snapshot says; None where it is damaged, and tells nothing."""
    try:
        return _SNAPSHOTS.decode(batch.value_of(row) or "")
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


class CodeDag(Dag):
    """Keeps every track's open calls."""

    def __init__(self, stacks: Stacks | None = None, last_ns: int = 0, arguments: Pieces = ()) -> None:
        self.stacks = stacks or Stacks()
        self.last_ns = last_ns
        self._arguments = arguments

    @classmethod
    def restored(cls, data: bytes) -> CodeDag:
        """Raises: FormatError."""
        kept = decoded(data, StacksKeyframe)
        if set(kept.counts) != set(COUNT_FIELDS):
            raise FormatError("the stacks of a keyframe lack their counts")
        tracks, frames = from_bytes(kept.tracks, TRACK_DTYPE), from_bytes(kept.frames, FRAME_DTYPE)
        return cls(Stacks.restored(tracks, frames, kept.counts), kept.last_ns, _kept_arguments(kept))

    def keyframe(self) -> bytes:
        """All stacks."""
        tracks, frames = self.stacks.export()
        kept = StacksKeyframe(self.last_ns, self.stacks.counts(), to_bytes(tracks), to_bytes(frames))
        for piece in still_open(self._arguments, frames["call_id"]):
            ends, texts = piece.texts.to_bytes()
            ids = to_bytes(piece.call_ids)
            kept = msgspec.structs.replace(kept, arguments_of=ids, argument_ends=to_bytes(ends), argument_texts=texts)
        return msgspec.msgpack.encode(kept)

    def copy(self) -> CodeDag:
        """One of its own with the same stacks."""
        return CodeDag(self.stacks.copy(), self.last_ns, self._arguments)

    def taken_back(self, earlier: CodeDag, since: EventBatch) -> CodeDag:
        """Takes back the stacks of the tracks that had events: they are few among ten thousand."""
        return CodeDag(self.stacks.taken_back(earlier.stacks, since.track_id), earlier.last_ns, earlier._arguments)

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events: rows of `calls` for those that ended. Sets the context's `callers`."""
        counts = self.stacks.counts()
        out = EndedCalls(counts["frames"] + self._opening(batch), _asking(batch))
        here = self._fold_asked(batch, context, out)
        calls = dict(out.columns())
        calls |= text_columns(calls, batch, here, self._arguments)
        if self._arguments or len(here.call_ids):
            self._arguments = still_open((*self._arguments, here), self.stacks.export()[1]["call_id"])
        return {"calls": calls}

    def advance(self, batch: EventBatch, context: Context) -> None:
        """Takes in the next events for the stacks alone. Sets the context's `callers` where anything asks for them."""
        asking = _asking(batch)
        here = self._fold_asked(batch, context, EndedCalls(0, asking)) if asking else self._fold(batch, None)
        self._arguments = with_piece(self._arguments, here)

    def open_rows(self) -> Rows:
        """The calls that have not ended."""
        return {"calls": self.open_calls()}

    @staticmethod
    def _opening(batch: EventBatch) -> int:
        """How many calls a batch can open at most."""
        snapshots = np.flatnonzero(batch.kind == Kind.SNAPSHOT)
        texts = [batch.value_of(row) or "" for row in snapshots.tolist()]
        return len(batch) + sum(text.count("[") for text in texts)

    def _fold_asked(self, batch: EventBatch, context: Context, out: EndedCalls) -> Arguments:
        here = self._fold(batch, out)
        context.open_calls = lambda: self.stacks.export()[1]["call_id"]
        context.callers = Callers(batch.kind[of_kinds(batch.kind, ASKS_CALL)], out.callers())
        return here

    def _fold(self, batch: EventBatch, out: EndedCalls | None) -> Arguments:
        """The arguments in the batch."""
        places = call_places(batch)
        events = EventColumns(batch, asks_opened=len(places) > 0)
        begin = 0
        for row in np.flatnonzero(batch.kind == Kind.SNAPSHOT).tolist():
            self.stacks.run(events, begin, row, out)
            self._take_snapshot(batch, row, out)
            begin = row + 1
        self.stacks.run(events, begin, len(batch), out)
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        return NO_ARGUMENTS if events.opened is None else arguments_of_batch(batch, places, events.opened)

    def _take_snapshot(self, batch: EventBatch, row: int, out: EndedCalls | None) -> None:
        snapshot = told_stack(batch, row)
        if snapshot is None or not all(0 <= site < 1 << 31 and 0 <= line <= MAX_LINE for site, line in snapshot.frames):
            return  # the stack stays as it was
        self.stacks.snapshot(
            int(batch.track_id[row]),
            int(batch.time_ns[row]),
            np.array([site for site, _ in snapshot.frames], np.int32),
            np.array([line for _, line in snapshot.frames], np.uint32),
            is_first=snapshot.part in ("first", "whole"),
            is_last=snapshot.part in ("last", "whole"),
            is_final=snapshot.reason == "end",
            out=out,
        )

    def at(self, time_ns: Ns) -> dict[int, Stack]:
        """The stacks by track id; tracks that never had an event are absent."""
        require_not_before(time_ns, self.last_ns)
        tracks, frames = self.stacks.export()
        rows, result, at = frames.tolist(), {}, 0
        arguments = self.arguments_of(frames["call_id"])
        for track_id, depth, _, _, unknown_ns, snapshot_ns in tracks.tolist():
            calls = [
                OpenCall(call_id, site_id, start_ns, line, bool(flags & FLAG_ENTERED_EARLIER), arguments[row])
                for row, (call_id, start_ns, site_id, line, flags, _) in enumerate(rows[at : at + depth], at)
            ]
            at += depth
            result[track_id] = Stack(
                calls, unknown_ns if unknown_ns >= 0 else None, snapshot_ns if snapshot_ns >= 0 else None
            )
        return result

    def arguments_of(self, call_ids: Int64) -> list[str | None]:
        """What those calls were called with, as text; None where that is not known. They are open."""
        if not self._arguments:
            return [None] * len(call_ids)
        if len(call_ids) <= FEW:
            return few_texts_of(self._arguments, call_ids.tolist())
        texts: list[str | None] = texts_of(self._arguments, call_ids).to_pylist()
        return texts

    def open_calls(self) -> dict[str, Any]:
        """Rows of `calls` for what is still open: outcome `open`, end_ns 0 and without meaning."""
        tracks, frames = self.stacks.export()
        depths = tracks["depth"].astype(np.int64)
        starts = np.repeat(np.cumsum(depths) - depths, depths)
        depth = np.arange(len(frames), dtype=np.int64) - starts
        parents = np.where(depth > 0, np.roll(frames["call_id"], 1), 0)
        lines = np.where(depth > 0, np.roll(frames["line"], 1), 0)
        arguments = {"arguments": texts_of(self._arguments, frames["call_id"])} if self._arguments else {}
        return {
            "call_id": frames["call_id"].copy(),
            "start_ns": frames["start_ns"].copy(),
            "end_ns": np.zeros(len(frames), np.int64),
            "parent_call_id": parents,
            "track_id": np.repeat(tracks["track_id"], depths),
            "depth": depth.astype(np.int32),
            "site_id": frames["site_id"].copy(),
            "call_line": np.where(lines <= MAX_LINE, lines, 0).astype(np.int32),
            "outcome": np.full(len(frames), OPEN, np.uint8),
            **arguments,
        }

    def causes_of(self, node: NodeId) -> Iterator[Edge]:
        """The open call that made this open call."""
        calls = self.open_calls()
        rows = np.flatnonzero((calls["call_id"] == node) & (calls["parent_call_id"] != 0))
        yield from (Edge(int(calls["parent_call_id"][row]), node, "calls") for row in rows)

    def effects_of(self, node: NodeId) -> Iterator[Edge]:
        """The open call that this open call made."""
        calls = self.open_calls()
        yield from (
            Edge(node, int(calls["call_id"][row]), "calls") for row in np.flatnonzero(calls["parent_call_id"] == node)
        )

    def check(self) -> None:
        """Inner calls opened later than outer ones, and every id was given out."""
        calls = self.open_calls()
        if (calls["call_id"] <= calls["parent_call_id"]).any():
            raise ScopeBug("a call is older than its caller")
        if len(calls["call_id"]) and int(calls["call_id"].max()) >= self.stacks.counts()["next_call_id"]:
            raise ScopeBug("a call has an id that was never given out")


def _kept_arguments(kept: StacksKeyframe) -> Pieces:
    """Raises: FormatError."""
    call_ids, ends = from_bytes(kept.arguments_of, np.int64), from_bytes(kept.argument_ends, np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    if len(call_ids) != len(ends) or (call_ids[1:] <= call_ids[:-1]).any():
        raise FormatError("the arguments of a keyframe contradict themselves")
    if (offsets[1:] < offsets[:-1]).any() or int(offsets[-1]) != len(kept.argument_texts):
        raise FormatError("the arguments of a keyframe contradict themselves")
    texts = TextColumn.from_bytes(kept.argument_texts, offsets)
    return (Arguments(call_ids, np.arange(len(texts)), texts),) if len(texts) else ()


def _asking(batch: EventBatch) -> int:
    return int(np.count_nonzero(of_kinds(batch.kind, ASKS_CALL)))


def context_tree(calls: dict[str, Any]) -> dict[str, Array]:
    """The calling-context tree of some calls: one node per path of sites, with how often and how long.

    `calls` are columns of the table (end_ns set); a call whose caller is not among them is a root.

    Shape: node_id from 0, parent_node (-1 for roots), site_id, count, total_ns, self_ns; parents before children.
    """
    order = np.argsort(calls["call_id"], kind="stable")
    ids, parents = np.asarray(calls["call_id"])[order], np.asarray(calls["parent_call_id"])[order]
    sites = np.asarray(calls["site_id"])[order].astype(np.int64)
    spent = (np.asarray(calls["end_ns"]) - np.asarray(calls["start_ns"]))[order]
    place = np.clip(np.searchsorted(ids, parents), 0, max(0, len(ids) - 1))
    parent_row = np.where(ids[place] == parents, place, -1) if len(ids) else place
    node_of = np.full(len(ids), -1, np.int64)
    nodes: dict[str, list[Array]] = {"parent_node": [], "site_id": []}
    total, level = 0, np.flatnonzero(parent_row < 0)
    waiting = np.flatnonzero(parent_row >= 0)
    while len(level):
        above = np.where(parent_row[level] >= 0, node_of[parent_row[level]], -1)
        pairs, inverse = np.unique(np.stack([above, sites[level]], axis=1), axis=0, return_inverse=True)
        node_of[level] = total + inverse.reshape(-1)
        total += len(pairs)
        nodes["parent_node"].append(pairs[:, 0])
        nodes["site_id"].append(pairs[:, 1])
        is_next = node_of[parent_row[waiting]] >= 0
        level, waiting = waiting[is_next], waiting[~is_next]
    parent_node = np.concatenate([np.empty(0, np.int64), *nodes["parent_node"]])
    known = node_of >= 0  # hostile parents may form rings, which hang from no root
    total_ns = np.zeros(total, np.int64)
    np.add.at(total_ns, node_of[known], spent[known])
    self_ns = total_ns.copy()
    np.subtract.at(self_ns, parent_node[parent_node >= 0], total_ns[parent_node >= 0])
    return {
        "node_id": np.arange(total),
        "parent_node": parent_node,
        "site_id": np.concatenate([np.empty(0, np.int64), *nodes["site_id"]]).astype(np.int32),
        "count": np.bincount(node_of[known], minlength=total),
        "total_ns": total_ns,
        "self_ns": self_ns,
    }
