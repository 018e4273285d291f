"""A function that an exception leaves again and again, and its caller with it: an error that nobody near expects.

What is right and looks alike: one that is caught where the function was called (a key that is not there, a text that is
no number), what ends loops and generators, methods of protocols to which raising is an answer, and what happens now and
then. Whoever catches it farther out may expect it: the sentence says what happened, and not that it should not.
"""

from __future__ import annotations

from dataclasses import replace

from capture.session.session import Session
from dags.analyses.exceptions_seen import SeenException, by_type, ways_out
from dags.analyses.function_statistics import function_statistics
from dags.detectors.finding import Finding
from dags.detectors.keeps_failing import ANSWERS, is_protocol

LEAST_TIMES = 10
LEAST_LEFT = 2
MOST_EVENTS = 16
MOST_SCORE = 0.8
"""What is caught at last may be as it should be: it never comes before what is wrong in any case."""
_COLUMNS = ("time_ns", "kind", "track_id", "site_id")


def find(session: Session, range_ns: tuple[int, int]) -> list[Finding]:
    """One finding for each function and type of exception.

    Raises: SessionProblem.
    """
    seen: dict[tuple[str, int], tuple[SeenException, list[int]]] = {}
    for index in session.with_rows if session.manifest.kinds.get("unwind") else ():
        segment = session.segments[index]
        if segment.end_ns < range_ns[0] or segment.start_ns > range_ns[1]:
            continue
        batch = session.events(index, _COLUMNS)
        rows, lengths = ways_out(batch)
        times = batch.time_ns[rows]
        rows = rows[(lengths >= LEAST_LEFT) & (times >= range_ns[0]) & (times <= range_ns[1])]
        if not len(rows):
            continue
        texts = session.events(index, ("value",))
        batch = replace(batch, value_rows=texts.value_rows, values=texts.values)
        for one in by_type(batch, rows):
            known, ids = seen.setdefault((one.type, one.site_id), (one, []))
            if known is not one:
                known.count += one.count
            if len(ids) < MOST_EVENTS:
                there = rows[batch.site_id[rows] == one.site_id].tolist()
                same = [batch.first_event_id + row for row in there if (batch.value_of(row) or "") == one.type]
                ids += same[: MOST_EVENTS - len(ids)]
    often = [(one, ids) for one, ids in seen.values() if one.count >= LEAST_TIMES and one.type not in ANSWERS]
    return _findings(session, range_ns, often) if often else []


def _findings(
    session: Session, range_ns: tuple[int, int], often: list[tuple[SeenException, list[int]]]
) -> list[Finding]:
    sites = {row.site_id: row for row in session.sites()}
    statistics, found = function_statistics(session, range_ns), []
    for one, ids in often:
        site, row = sites.get(one.site_id), statistics.row_of(one.site_id)
        if site is None or row is None or is_protocol(site.function):
            continue
        calls = max(one.count, int(statistics.calls[row]))
        often_score = (1 - LEAST_TIMES / (LEAST_TIMES + one.count) + one.count / calls) / 2
        found.append(
            Finding(
                kind="raises",
                sentence=_sentence(site.function, one.type, one.count, calls),
                score=round(often_score * MOST_SCORE, 3),
                function=site.function,
                file=site.file,
                line=site.line,
                event_ids=ids,
            )
        )
    return found


def _sentence(function: str, type_name: str, times: int, calls: int) -> str:
    """What happened.

    >>> _sentence("Payment.charge", "payment.Declined", 90, 938)
    'payment.Declined left Payment.charge 90 times, in 10 % of its calls, and its caller with it.'
    """
    what = type_name.removeprefix("builtins.") or "An exception"
    share = 100 * times / calls
    return f"{what} left {function} {times} times, in {share:.0f} % of its calls, and its caller with it."
