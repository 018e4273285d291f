"""The DAG of local variables: which line each open call is at, and what its variables hold. Nodes are call ids.

How events tell it: a LINE says which line of the innermost open call of its track is about to run, and what the line
before it in that call did; a LOCALS what the line that it names did, where no later LINE of the call tells. The first
of a call tells all that is bound then, and so does the first after events were missing, or others are recorded. A call
that goes on after a suspension is a call of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.events.batch import EventBatch, Int64
from capture.events.text_column import TextColumn
from capture.session.eventtable import sparse_texts
from capture.session.line_changes import LineChanges
from capture.session.tables import OLD_ROWS_BACK
from dags.base import Context, Dag, KeptId, KeptNs, Ns, Rows, decoded, require_not_before
from dags.kernels import Cells
from dags.locals.line_events import SMALL, LineEvents, Pieces, with_events


class Variable(msgspec.Struct, frozen=True, array_like=True):
    """One local variable. value None: it is bound no more. event_id: the one that told; 0: it was so before."""

    value: str | None
    since_ns: KeptNs
    event_id: KeptId


class Activation(msgspec.Struct, frozen=True, array_like=True):
    """Where an open call is: its line, 0 = not known, the event that told it, 0 = none, and its variables by name."""

    track_id: int = 0
    line: KeptId = 0
    event_id: KeptId = 0
    variables: dict[str, Variable] = {}


Activations = Mapping[int, Activation]


class LocalsKeyframe(msgspec.Struct, frozen=True):
    """The open calls that lines are known of."""

    last_ns: KeptNs
    next_event_id: KeptId
    calls: dict[KeptId, Activation]


class LocalsDag(Dag):
    """Holds the open calls that lines are known of: as they were, and the events since, read for who asks."""

    def __init__(
        self, last_ns: int = 0, next_event_id: int = 1, held: Activations | None = None, pieces: Pieces = ()
    ) -> None:
        self.last_ns, self._next_event_id = last_ns, next_event_id
        self._held: Activations = held or {}
        self._pieces = pieces
        self._read: dict[int, Activation | None] = {}  # by call, after the pieces up to `_read_to`
        self._read_to: list[LineEvents] = []

    @classmethod
    def restored(cls, data: bytes) -> LocalsDag:
        """Raises: FormatError."""
        kept = decoded(data, LocalsKeyframe)
        return cls(kept.last_ns, kept.next_event_id, kept.calls)

    def keyframe(self) -> bytes:
        """The open calls."""
        calls = dict(sorted(self._all().items()))
        return msgspec.msgpack.encode(LocalsKeyframe(self.last_ns, self._next_event_id, calls))

    def copy(self) -> LocalsDag:
        """One of its own: what it holds is never written in, so both may have it."""
        other = LocalsDag(self.last_ns, self._next_event_id, self._held, self._pieces)
        other._read, other._read_to = self._read, self._read_to
        return other

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events: rows of `lines` and `locals`."""
        events = self._begin(batch, context)
        if not len(events.event_id):
            self._forget_ended(context)
            return {"lines": {}, "locals": {}}
        before = self._all() if self._pieces else self._held
        changes = events.changes()
        made = {"lines": _lines(events), "locals": _locals(events, changes, before)}
        self._held, self._pieces = after(before, (events,), np.sort(context.open_calls())), ()
        self._read, self._read_to = {}, []
        return made

    def _forget_ended(self, context: Context) -> None:
        if self._held or self._pieces:
            still = set(context.open_calls().tolist())
            self._held, self._pieces = {call: one for call, one in self._all().items() if call in still}, ()

    def advance(self, batch: EventBatch, context: Context) -> None:
        """Takes in the next events for what a frame shows."""
        events = self._begin(batch, context)
        self._pieces = with_events(self._pieces, events)

    def _begin(self, batch: EventBatch, context: Context) -> LineEvents:
        """Those of the next events that tell of lines."""
        if batch.first_event_id > self._next_event_id:  # some lie between, in a damaged segment
            self._held, self._pieces, self._read, self._read_to = {}, (), {}, []
        self._next_event_id = batch.first_event_id + len(batch)
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        return LineEvents.of(batch, context)

    @property
    def knows_nothing(self) -> bool:
        """Whether no line of any open call has been told, as of a recording without lines."""
        return not self._held and not self._pieces

    def of(self, call_ids: Int64) -> Activations:
        """Those of these open calls that lines are known of.

        What was read of large pieces is kept, also for copies: a step on or back reads the few events behind them.
        """
        large = max((at for at, one in enumerate(self._pieces, 1) if len(one.event_id) >= SMALL), default=0)
        asked, before = np.sort(call_ids), self._held
        if large:
            if not self._read_to:
                self._read_to.append(self._pieces[large - 1])
            elif self._read_to[0] is not self._pieces[large - 1]:
                self._read, self._read_to = {}, [self._pieces[large - 1]]
            if new := [call for call in asked.tolist() if call not in self._read]:
                found = after(self._held, self._pieces[:large], np.array(new, np.int64))
                self._read.update((call, found.get(call)) for call in new)
            before = {call: one for call in asked.tolist() if (one := self._read[call]) is not None}
        return after(before, self._pieces[large:], asked)

    def _all(self) -> Activations:
        if not self._pieces:
            return self._held
        told = [np.fromiter(self._held, np.int64, len(self._held)), *(piece.call_id for piece in self._pieces)]
        return after(self._held, self._pieces, np.unique(np.concatenate(told)))

    def at(self, time_ns: Ns) -> Activations:
        """The open calls that lines are known of, and such as ended since events were last taken in for rows."""
        require_not_before(time_ns, self.last_ns)
        return self._all()


def after(held: Activations, pieces: Pieces, call_ids: Int64) -> Activations:
    """What is known of those calls, ascending, after the events: a loop over their variables, a million a second."""
    asked = call_ids[call_ids > 0]
    if len(asked) > len(held):
        among = set(asked.tolist())
        found = {call: one for call, one in held.items() if call in among}
    else:
        found = {call: held[call] for call in asked.tolist() if call in held}
    for piece in pieces:
        begin = 0
        for row in (*piece.forgets.tolist(), len(piece.call_id)):
            rows = begin + _of_calls(piece.call_id[begin:row], asked)
            if len(rows):
                _update(found, piece if len(rows) == len(piece.call_id) else piece.taken(rows))
            if row < len(piece.call_id):
                track_id = int(piece.track_id[row])
                found = {call: one for call, one in found.items() if one.track_id != track_id}
            begin = row + 1
    return found


def _of_calls(call_ids: Int64, asked: Int64) -> npt.NDArray[np.intp]:
    """The rows of the asked calls, which ascend."""
    if not len(asked):
        return np.empty(0, np.intp)
    place = np.minimum(np.searchsorted(asked, call_ids), len(asked) - 1)
    return np.flatnonzero(asked[place] == call_ids)


def _update(found: dict[int, Activation], events: LineEvents) -> None:
    """Takes the events into what is known of their calls."""
    for row in _last_of_each(events.call_id, np.flatnonzero(events.is_line)).tolist():
        call_id = int(events.call_id[row])
        variables = found[call_id].variables if call_id in found else {}
        found[call_id] = Activation(
            int(events.track_id[row]), int(events.line[row]), int(events.event_id[row]), variables
        )
    changes = events.changes()
    if not len(changes.event):
        return
    names = changes.name.array.dictionary_encode()
    of_call = events.call_id[changes.event]
    cells = Cells()
    cell, _ = cells.write(of_call, names.indices.to_numpy().astype(np.int64), 1)
    last = np.empty(len(cells), np.int64)
    last[cell] = np.arange(len(cell))
    rows = changes.event[last]
    told = np.where(events.tells_before[rows], 0, events.event_id[rows])
    columns = (
        of_call[last].tolist(),
        events.track_id[rows].tolist(),
        names.take(pa.array(last)).to_pylist(),
        changes.new.take(pa.array(last)).to_pylist(),
        events.time_ns[rows].tolist(),
        told.tolist(),
    )
    fresh: dict[int, dict[str, Variable]] = {}
    for call_id, track_id, name, value, since_ns, event_id in zip(*columns, strict=True):
        if call_id not in fresh:
            one = found.get(call_id, Activation(track_id))
            fresh[call_id] = dict(one.variables)
            found[call_id] = msgspec.structs.replace(one, variables=fresh[call_id])
        fresh[call_id][name] = Variable(value, since_ns, event_id)


def _last_of_each(call_ids: Int64, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Of those rows the last one of each call."""
    cells = Cells()
    cell, _ = cells.write(call_ids[rows], np.zeros(len(rows), np.int64), 1)
    last = np.empty(len(cells), np.intp)
    last[cell] = rows
    return last


def _lines(events: LineEvents) -> dict[str, Any]:
    rows = np.flatnonzero(events.is_line)
    names = ("time_ns", "track_id", "call_id", "line")
    return {name: getattr(events, name)[rows] for name in names}


def _locals(events: LineEvents, changes: LineChanges, before: Activations) -> dict[str, Any]:
    """Rows of `locals` as they are stored: values that are replaced stand in rows before, if not in earlier events."""
    at = changes.event
    names = changes.name.array.dictionary_encode()
    call_id = events.call_id[at]
    which = names.indices.to_numpy() + len(names.dictionary) * events.epoch[at]
    _, replaced = Cells().write(_keys(events)[at], which, 1)
    rows = np.arange(len(at), dtype=np.int64)
    back = np.where(replaced > 0, rows + 1 - replaced, 0).astype(np.int32)
    known = np.sort(np.fromiter(before, np.int64, len(before)))
    outside = np.flatnonzero((replaced == 0) & (events.epoch[at] == 0))
    outside = outside[_of_calls(call_id[outside], known)]
    olds = [
        None if (one := before[call].variables.get(name)) is None else one.value
        for call, name in zip(call_id[outside].tolist(), names.take(pa.array(outside)).to_pylist(), strict=True)
    ]
    return {
        "time_ns": events.time_ns[at],
        "track_id": events.track_id[at],
        "call_id": call_id,
        "line": _done_by(events, before)[at],
        "name": changes.name.array.cast(pa.string()),
        "old": sparse_texts(len(at), outside, TextColumn(pa.array(olds, pa.large_string()))),
        OLD_ROWS_BACK: back,
        "new": changes.new.cast(pa.string()),
    }


def _done_by(events: LineEvents, before: Activations) -> Int64:
    """The line that did what each event tells; 0: it was so before, or that is not known."""
    lines = np.flatnonzero(events.is_line)
    _, replaced = Cells().write(_keys(events)[lines], events.epoch[lines], 1)
    by = np.where(replaced > 0, events.line[lines][replaced - 1], 0)
    known = np.sort(np.fromiter(before, np.int64, len(before)))
    firsts = np.flatnonzero((replaced == 0) & (events.epoch[lines] == 0))
    firsts = firsts[_of_calls(events.call_id[lines[firsts]], known)]
    by[firsts] = [before[call].line for call in events.call_id[lines[firsts]].tolist()]
    done: Int64 = events.line.copy()
    done[lines] = by
    done[events.tells_before] = 0
    return done


def _keys(events: LineEvents) -> Int64:
    """What variables belong to: the call; where that is not known nothing is known to go on from another event."""
    keys: Int64 = np.where(events.call_id > 0, events.call_id, -1 - np.arange(len(events.call_id)))
    return keys
