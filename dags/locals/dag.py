"""The DAG of local variables: which line each open call is at, and what its variables hold. Nodes are call ids.

How events tell it: a LINE says which line of the innermost open call of its track is about to run, and what the line
before it in that call did; a LOCALS what the line that it names did, where no later LINE of the call tells. The first
of a call tells all that is bound then. A call that goes on after a suspension is a call of its own.
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
from dags.locals.line_events import LineEvents, Pieces, with_events


class Variable(msgspec.Struct, frozen=True, array_like=True):
    """One local variable. value None: it is bound no more. event_id: the one that told; 0: it was so before."""

    value: str | None
    since_ns: KeptNs
    event_id: KeptId


class Activation(msgspec.Struct, frozen=True, array_like=True):
    """Where an open call is: its line, 0 = not known, the event that told it, 0 = none, and its variables by name."""

    line: KeptId = 0
    event_id: KeptId = 0
    variables: dict[str, Variable] = {}


Activations = Mapping[int, Activation]


class LocalsKeyframe(msgspec.Struct, frozen=True):
    """The open calls that lines are known of."""

    last_ns: KeptNs
    calls: dict[KeptId, Activation]


class LocalsDag(Dag):
    """Holds the open calls that lines are known of: as they were, and the events since, read for who asks."""

    def __init__(self, last_ns: int = 0, held: Activations | None = None, pieces: Pieces = ()) -> None:
        self.last_ns = last_ns
        self._held: Activations = held or {}
        self._pieces = pieces

    @classmethod
    def restored(cls, data: bytes) -> LocalsDag:
        """Raises: FormatError."""
        kept = decoded(data, LocalsKeyframe)
        return cls(kept.last_ns, kept.calls)

    def keyframe(self) -> bytes:
        """The open calls."""
        calls = dict(sorted(self._all().items()))
        return msgspec.msgpack.encode(LocalsKeyframe(self.last_ns, calls))

    def copy(self) -> LocalsDag:
        """One of its own: what it holds is never written in, so both may have it."""
        return LocalsDag(self.last_ns, self._held, self._pieces)

    def feed(self, batch: EventBatch, context: Context) -> Rows:
        """Takes in the next events: rows of `lines` and `locals`."""
        events = LineEvents.of(batch, context)
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        if not len(events.event_id):
            self._forget_ended(context)
            return {"lines": {}, "locals": {}}
        before = self._all() if self._pieces else self._held
        changes = events.changes()
        made = {"lines": _lines(events), "locals": _locals(events, changes, before)}
        self._held, self._pieces = after(before, (events,), np.sort(context.open_calls())), ()
        return made

    def _forget_ended(self, context: Context) -> None:
        if self._held or self._pieces:
            still = set(context.open_calls().tolist())
            self._held, self._pieces = {call: one for call, one in self._all().items() if call in still}, ()

    def advance(self, batch: EventBatch, context: Context) -> None:
        """Takes in the next events for what a frame shows."""
        if len(batch):
            self.last_ns = max(self.last_ns, int(batch.time_ns[-1]))
        self._pieces = with_events(self._pieces, LineEvents.of(batch, context))

    def of(self, call_ids: Int64) -> Activations:
        """Those of these open calls that lines are known of."""
        if not self._held and not self._pieces:
            return {}
        return after(self._held, self._pieces, np.sort(call_ids))

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
        rows = _of_calls(piece.call_id, asked)
        if len(rows):
            _update(found, piece if len(rows) == len(piece.call_id) else piece.taken(rows))
    return found


def _of_calls(call_ids: Int64, asked: Int64) -> npt.NDArray[np.intp]:
    """The rows of the asked calls, which ascend."""
    if not len(asked):
        return np.empty(0, np.intp)
    place = np.minimum(np.searchsorted(asked, call_ids), len(asked) - 1)
    return np.flatnonzero(asked[place] == call_ids)


def _update(found: dict[int, Activation], events: LineEvents) -> None:
    """Takes the events into what is known of their calls."""
    lines = np.flatnonzero(events.is_line)
    at = dict(zip(*(column[lines].tolist() for column in (events.call_id, events.line)), strict=True))
    told_by = dict(zip(*(column[lines].tolist() for column in (events.call_id, events.event_id)), strict=True))
    for call_id, line in at.items():
        before = found.get(call_id, Activation())
        found[call_id] = Activation(line, told_by[call_id], before.variables)
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
        names.take(pa.array(last)).to_pylist(),
        changes.new.take(pa.array(last)).to_pylist(),
        events.time_ns[rows].tolist(),
        told.tolist(),
    )
    fresh: dict[int, dict[str, Variable]] = {}
    for call_id, name, value, since_ns, event_id in zip(*columns, strict=True):
        variables = fresh.get(call_id)
        if variables is None:
            variables = fresh[call_id] = dict(found.get(call_id, Activation()).variables)
        variables[name] = Variable(value, since_ns, event_id)
    for call_id, variables in fresh.items():
        one = found.get(call_id, Activation())
        found[call_id] = Activation(one.line, one.event_id, variables)


def _lines(events: LineEvents) -> dict[str, Any]:
    rows = np.flatnonzero(events.is_line)
    names = ("time_ns", "track_id", "call_id", "line")
    return {name: getattr(events, name)[rows] for name in names}


def _locals(events: LineEvents, changes: LineChanges, before: Activations) -> dict[str, Any]:
    """Rows of `locals` as they are stored: values that are replaced stand in rows before, if not in earlier events."""
    at = changes.event
    names = changes.name.array.dictionary_encode()
    call_id = events.call_id[at]
    _, replaced = Cells().write(_keys(events)[at], names.indices.to_numpy().astype(np.int64), 1)
    rows = np.arange(len(at), dtype=np.int64)
    back = np.where(replaced > 0, rows + 1 - replaced, 0).astype(np.int32)
    known = np.sort(np.fromiter(before, np.int64, len(before)))
    outside = np.flatnonzero(replaced == 0)
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
    _, replaced = Cells().write(_keys(events)[lines], np.zeros(len(lines), np.int64), 1)
    by = np.where(replaced > 0, events.line[lines][replaced - 1], 0)
    known = np.sort(np.fromiter(before, np.int64, len(before)))
    firsts = np.flatnonzero(replaced == 0)
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
