"""The calls of a function with such an argument or result: how many there are, and the slowest of them.

    found = calls_with(session, site_id, condition_of("qty == 3"), 10, reads_on=asked.reads_on)

Texts are compared as they are shown. They stand in the events of a segment, which are read only where a summary says
that the function has calls; a text that stands in many calls is looked at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from capture.session.session import Session
from dags.analyses.call_finder import FoundCall
from dags.analyses.call_summary import call_summary
from dags.analyses.called import CallWith
from dags.code.argument_text import arguments_of_text

RESULT = "return"
"""The name of the result in a condition: no parameter can have it."""
RELATIONS = {"==": "is", "!=": "is known and is not", "~": "contains"}
_CONDITION = re.compile(r"\s*(\*{0,2}[^\W\d]\w*)\s*(==|!=|~)\s*(.*\S)\s*", re.DOTALL)
_READ = ("call_id", "start_ns", "end_ns", "track_id", "site_id", "outcome", "arguments", "result")
ReadsOn = Callable[[], None]


class Condition(NamedTuple):
    """Of one argument, or of the result where it is named RESULT: how its text is to be."""

    name: str
    relation: str
    text: str

    def holds(self, said: str) -> bool:
        """Whether it does, of the arguments of a call, or of its result."""
        if self.name == RESULT:
            return self._fits(said)
        return any(
            one.name.lstrip("*") == self.name.lstrip("*") and self._fits(one.value) for one in arguments_of_text(said)
        )

    def _fits(self, value: str) -> bool:
        if self.relation == "~":
            return self.text in value
        return (value == self.text) is (self.relation == "==")


class CallsWith(msgspec.Struct, frozen=True, kw_only=True):
    """So many calls fit, of so many of which it is known; `slowest`: those with the longest parts in the stretch."""

    fitting: int
    known: int
    slowest: list[CallWith]


def condition_of(text: str) -> Condition:
    """The condition that is written there.

    >>> condition_of("qty == 3"), condition_of("name ~ ab c")
    (Condition(name='qty', relation='==', text='3'), Condition(name='name', relation='~', text='ab c'))

    Raises: ValueError when it is none.
    """
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no condition; write NAME == TEXT, NAME != TEXT or NAME ~ TEXT")
    return Condition(*found.groups())


def calls_with(
    session: Session,
    site_id: int,
    condition: Condition,
    most: int,
    range_ns: tuple[int, int] | None = None,
    *,
    track_ids: Collection[int] | None = None,
    reads_on: ReadsOn = lambda: None,
) -> CallsWith:
    """The calls of a function that touch a stretch of time and fit.

    Raises: SessionProblem, and what `reads_on` raises.
    """
    session = session.pinned()
    start_ns, end_ns = (session.start_ns, session.end_ns) if range_ns is None else range_ns
    fitting = known = 0
    best: list[tuple[int, int, CallWith]] = []
    for index in _segments(session, site_id, start_ns, end_ns, reads_on):
        rows = _rows_of(session, index, site_id, (start_ns, end_ns), track_ids)
        said = rows["result" if condition.name == RESULT else "arguments"]
        fits = _fitting(said, condition)
        known, fitting = known + len(said) - said.null_count, fitting + int(np.count_nonzero(fits))
        chosen = rows.filter(pa.array(fits))
        ends = chosen["end_ns"].fill_null(session.end_ns).to_numpy()
        inside = np.minimum(ends, end_ns) - np.maximum(chosen["start_ns"].to_numpy(), start_ns)
        longest = np.argsort(-inside, kind="stable")[:most]
        for row, inside_ns in zip(chosen.take(pa.array(longest)).to_pylist(), inside[longest].tolist(), strict=True):
            end = row["end_ns"]
            is_cut = row["start_ns"] < start_ns or (session.end_ns if end is None else end) > end_ns
            call = FoundCall(
                call_id=row["call_id"],
                site_id=site_id,
                track_id=row["track_id"],
                start_ns=row["start_ns"],
                end_ns=end,
                raised=row["outcome"] == "raise",
                inside_ns=inside_ns,
                is_cut=is_cut,
            )
            best.append(
                (-inside_ns, call.call_id, CallWith(call=call, arguments=row["arguments"], result=row["result"]))
            )
        best = sorted(best, key=lambda one: one[:2])[:most]
    return CallsWith(fitting=fitting, known=known, slowest=[call for *_, call in best])


def _segments(session: Session, site_id: int, start_ns: int, end_ns: int, reads_on: ReadsOn) -> Iterator[int]:
    """Those in which calls of the function lie that touch the stretch: in which they ended, or the last."""
    for index in session.with_rows:
        segment = session.segments[index]
        if segment.end_ns < start_ns:
            continue
        reads_on()
        found = call_summary(session, index)
        begun = [found.carried] if index != session.with_rows[-1] else [found.carried, found.open]
        singles = np.concatenate([calls["start_ns"][calls["site_id"] == site_id] for calls in begun])
        groups = found.groups[(found.groups["site_id"] == site_id) & (found.groups["calls"] > 0)]
        if (singles <= end_ns).any() or (groups["first_ns"] <= end_ns).any():
            yield index


def _rows_of(
    session: Session, index: int, site_id: int, range_ns: tuple[int, int], track_ids: Collection[int] | None
) -> pa.Table:
    table = session.calls(index, _READ)
    ends = table["end_ns"].fill_null(session.end_ns)
    chosen = pc.and_(pc.equal(table["site_id"], site_id), pc.less_equal(table["start_ns"], range_ns[1]))
    chosen = pc.and_(chosen, pc.greater_equal(ends, range_ns[0]))
    if track_ids is not None:
        chosen = pc.and_(chosen, pc.is_in(table["track_id"], pa.array(sorted(track_ids), pa.int32())))
    return table.filter(chosen)


def _fitting(said: pa.ChunkedArray, condition: Condition) -> np.ndarray:
    """Which of the texts fit; none is made of those that cannot."""
    coded = said.combine_chunks().dictionary_encode()
    texts = coded.dictionary
    holds = np.zeros(len(texts) + 1, np.bool_)  # the last is null
    sought = condition.text if condition.relation != "!=" else ""
    for at in np.flatnonzero(pc.match_substring(texts, sought).to_numpy(zero_copy_only=False)).tolist():
        holds[at] = condition.holds(texts[at].as_py())
    found: np.ndarray = holds[coded.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)]
    return found
