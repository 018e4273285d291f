"""A log point in the past: an expression evaluated at every run of a line, over what its variables held then.

    found = log_point(session, LogPoint(site_ids, 12, expression_of("total / n")), most=1000)

Per segment the values of the expression's names are found in columns, and each combination of values is evaluated once:
a loop over combinations, half a million a second. Hits alone take 50 ns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from capture.events.batch import Int64, mask_of, of_kinds
from capture.events.kinds import Kind
from capture.session.line_changes import changes_in
from capture.session.session import Session
from dags.analyses.recorded_expression import Expression
from dags.analyses.recorded_values import value_in
from dags.correlate.open_rows import open_rows
from dags.correlate.replay import state_before

_TELLING = mask_of((Kind.LINE, Kind.LOCALS))
_COLUMNS = ("time_ns", "kind", "track_id", "ref", "value")
ReadsOn = Callable[[], None]


class LogPoint(NamedTuple):
    """What is logged: where functions of these sites come to that line, and what."""

    site_ids: Collection[int]
    line: int
    expression: Expression


class Logged(NamedTuple):
    """The runs of the line, in order; the text of each value, null where `why` says why there is none."""

    time_ns: Int64
    track_id: npt.NDArray[np.int32]
    call_id: Int64
    value: pa.Array
    why: pa.Array


class _Hits(NamedTuple):
    """Runs of the line in a segment: which of its line-telling events each is, and of which call."""

    at: Int64
    call_id: Int64


def log_point(session: Session, point: LogPoint, most: int = 0, *, reads_on: ReadsOn = lambda: None) -> Logged:
    """What it would have logged; at most so many, 0 = all.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    calls, parts, left = calls_of_sites(session, point.site_ids), list[Logged](), most
    evaluated: dict[tuple[str | None, ...], tuple[str | None, str | None]] = {}
    for index in session.with_rows:
        if session.segments[index].file("lines") is None or (most and not left):
            continue
        reads_on()
        part = _in_segment(session, index, point, calls, evaluated, most=left)
        if part is not None:
            parts.append(part)
            left -= len(part.time_ns) if most else 0
    if not parts:
        nothing = pa.array([], pa.string())
        return Logged(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int64), nothing, nothing)
    return Logged(
        np.concatenate([part.time_ns for part in parts]),
        np.concatenate([part.track_id for part in parts]),
        np.concatenate([part.call_id for part in parts]),
        pa.concat_arrays([part.value for part in parts]),
        pa.concat_arrays([part.why for part in parts]),
    )


def calls_of_sites(session: Session, site_ids: Collection[int]) -> Int64:
    """The ids of all calls of those functions, ascending."""
    wanted, found = np.array(sorted(site_ids), np.int64), [np.zeros(0, np.int64)]
    for index in session.with_rows:
        if session.segments[index].file("calls") is not None:
            rows = session.calls(index, ("call_id", "site_id"))
            is_wanted = np.isin(rows["site_id"].fill_null(0).to_numpy(), wanted)
            found.append(rows["call_id"].to_numpy()[is_wanted])
    if session.live:
        still = open_rows(session)["calls"]
        found.append(still["call_id"][np.isin(still["site_id"], wanted)])
    return np.sort(np.concatenate(found))


def _in_segment(
    session: Session, index: int, point: LogPoint, calls: Int64, evaluated: dict[Any, Any], *, most: int
) -> Logged | None:
    batch = session.events(index, _COLUMNS)
    rows = np.flatnonzero(of_kinds(batch.kind, _TELLING))
    is_line = batch.kind[rows] == Kind.LINE
    call_id = np.zeros(len(rows), np.int64)
    call_id[is_line] = session.segment_table(index, "lines", ("call_id",))["call_id"].fill_null(0).to_numpy()
    hit = np.flatnonzero(is_line & (batch.ref[rows] == point.line) & _among(call_id, calls))
    hit = hit[:most] if most else hit
    if not len(hit):
        return None
    hits, combinations = _Hits(hit, call_id[hit]), list[Any]()
    if point.expression.names:
        with_text = np.flatnonzero(np.isin(batch.value_rows, rows))
        changes = changes_in(batch.values, with_text)
        told_at = np.searchsorted(rows, batch.value_rows[with_text])[changes.event]
        owners = session.segment_table(index, "locals", ("call_id",))["call_id"].fill_null(0).to_numpy()
        before = state_before(session, index).locals.of(np.unique(hits.call_id))
        names = changes.name.array.dictionary_encode()
        for name in point.expression.names:
            code = names.dictionary.index(name).as_py()
            of_name = np.flatnonzero(names.indices.to_numpy() == code) if code >= 0 else np.zeros(0, np.int64)
            place = _last_before(hits, owners[of_name], told_at[of_name])
            texts = changes.new.take(pa.array(of_name)).dictionary_encode()
            held = {call: one.variables[name].value for call, one in before.items() if name in one.variables}
            combinations.append(_texts_at(place, texts, hits.call_id, held))
    values, whys = _evaluated(point.expression, combinations, len(hit), evaluated)
    at = rows[hit]
    return Logged(batch.time_ns[at], batch.track_id[at], hits.call_id, values, whys)


def _among(call_ids: Int64, calls: Int64) -> npt.NDArray[np.bool_]:
    if not len(calls):
        return np.zeros(len(call_ids), np.bool_)
    found: npt.NDArray[np.bool_] = calls[np.minimum(np.searchsorted(calls, call_ids), len(calls) - 1)] == call_ids
    return found


def _last_before(hits: _Hits, owners: Int64, told_at: Int64) -> Int64:
    """Of each hit which of these changes, in order, is the last one of its call at or before it; -1: none."""
    known = np.unique(owners)
    if not len(known):
        return np.full(len(hits.at), -1, np.int64)
    width = int(max(hits.at.max(), told_at.max())) + 2
    keys = np.searchsorted(known, owners) * width + told_at
    order = np.argsort(keys, kind="stable")
    rank = np.minimum(np.searchsorted(known, hits.call_id), len(known) - 1)
    place = np.searchsorted(keys[order], rank * width + hits.at, "right") - 1
    is_own = (place >= 0) & (owners[order[place]] == hits.call_id)
    return np.where(is_own, order[place], -1)


def _texts_at(
    place: Int64, texts: pa.DictionaryArray, call_ids: Int64, held: dict[int, str | None]
) -> tuple[Int64, list[str | None]]:
    """(a number for the text of each hit, the texts by these numbers): null, not known, is the last one."""
    said: list[str | None] = [*texts.dictionary.to_pylist()]
    codes = texts.indices.fill_null(-1).to_numpy().astype(np.int64)
    found = np.where(place >= 0, codes[place] if len(codes) else -1, -1)
    for call, text in held.items():
        if text is not None:
            said.append(text)
            found[(place < 0) & (call_ids == call)] = len(said) - 1
    said.append(None)
    return np.where(found < 0, len(said) - 1, found), said


def _evaluated(
    expression: Expression, combinations: list[tuple[Int64, list[str | None]]], hits: int, evaluated: dict[Any, Any]
) -> tuple[pa.Array, pa.Array]:
    """(values, reasons) of each hit."""
    key = np.zeros(hits, np.int64)
    for codes, said in combinations:
        key = np.unique(key * len(said) + codes, return_inverse=True)[1]
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    answers = list[tuple[str | None, str | None]]()
    columns = [[said[code] for code in codes[first].tolist()] for codes, said in combinations]
    read: dict[str, Any] = {}
    for texts in zip(*columns, strict=True) if columns else [()]:
        if (answer := evaluated.get(texts)) is None:
            answer = _answer(expression, texts, read)
            if len(evaluated) < 1 << 16:
                evaluated[texts] = answer
        answers.append(answer)
    columns_of_answers = zip(*answers, strict=True)
    value, why = (pa.array(list(column), pa.string()).take(pa.array(which)) for column in columns_of_answers)
    return value, why


def _answer(
    expression: Expression, texts: tuple[str | None, ...], read: dict[str, Any]
) -> tuple[str | None, str | None]:
    values = list[Any]()
    for name, text in zip(expression.names, texts, strict=True):
        if text is None:
            return None, f"{name} is not known here"
        if text not in read:
            read[text] = value_in(text)
        values.append(read[text])
    return expression.shown(values)
