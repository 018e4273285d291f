"""`scope-gui calls`: one function: what it came to, how long its calls took, the slowest of them, who called it; or one
of its calls.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import asdict

from capture.shown_text import one_line
from dags.analyses.call_finder import slowest_calls
from dags.analyses.called import CallWith, with_texts
from dags.analyses.calls_with import RELATIONS, RESULT, CallsWith, Condition, calls_with, condition_of
from dags.analyses.function_neighbours import FunctionNeighbours, Neighbour, function_neighbours
from dags.analyses.function_rows import FunctionRow, function_rows
from dags.analyses.function_statistics import FunctionStatistics, function_statistics
from scope_gui.streams import print_json
from scope_gui.verbs.answers import short_cell
from scope_gui.verbs.one_call import print_call
from scope_gui.verbs.opened import opened
from scope_gui.verbs.shared_flags import json_flag, row_limit, session_flag
from scope_gui.verbs.stretch import CUT, function_of, heading, range_of, reading, stretch_flags, tracks_of
from views.words.figures import count_text, duration_text
from views.words.timespec import text_from_ns

BAR = 40
MOST_NEIGHBOURS = 10
NEIGHBOURS = ("threads", "callers", "callees")


def flags(parser: argparse.ArgumentParser) -> None:
    """Of which function, when and where."""
    session_flag(parser)
    parser.add_argument(
        "function",
        metavar="FUNCTION",
        help="its name, MODULE.NAME, the last part of it, or FILE:LINE; or the id of a call",
    )
    parser.add_argument("--slowest", type=row_limit, default=10, metavar="N", help="so many calls (default 10)")
    parser.add_argument(
        "--where",
        type=condition,
        metavar="CONDITION",
        help="list only calls with such an argument: 'qty == 3' (its text is that), 'qty != 3', 'name ~ ab' (its text"
        f" contains that); {RESULT} is the name of the result: '{RESULT} == None'",
    )
    stretch_flags(parser)
    json_flag(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints the function and its slowest calls."""
    with opened(arguments.session) as session:
        if arguments.function.isdecimal():
            print_call(session, int(arguments.function), as_json=arguments.json)
            return 0
        site = function_of(session, arguments.function)
        range_ns, tracks = range_of(session, arguments.range), tracks_of(session, arguments.thread)
        track_ids = None if tracks is None else {track.track_id for track in tracks}
        reads_on = reading(session, range_ns, times=4)
        found = function_statistics(session, range_ns, track_ids=track_ids, reads_on=reads_on)
        row = found.row_of(site.site_id)
        fitting: CallsWith | None = None
        if arguments.where is not None:
            fitting = calls_with(
                session,
                site.site_id,
                arguments.where,
                arguments.slowest,
                range_ns,
                track_ids=track_ids,
                reads_on=reads_on,
            )
            calls = fitting.slowest
        elif row is not None and arguments.slowest:
            slowest = slowest_calls(
                session, site.site_id, arguments.slowest, range_ns, track_ids=track_ids, reads_on=reads_on
            )
            calls = [with_texts(session, call) for call in slowest]
        else:
            calls = []
        around = function_neighbours(session, site.site_id, range_ns, track_ids=track_ids, reads_on=reads_on)
        told = None if row is None else function_rows(found, {site.site_id: site}, [row])[0]
        buckets = [] if row is None else _buckets(found, row, 4 if arguments.json else 1)
        head = heading(session, range_ns, tracks)
        threads = {track.track_id: track.name or f"track {track.track_id}" for track in session.tracks()}
        functions = {one.site_id: one.function for one in session.sites()}
    if arguments.json:
        durations = [{"from_ns": low, "below_ns": above, "calls": count} for low, above, count in buckets]
        near = {name: _told(getattr(around, name), threads if name == "threads" else functions) for name in NEIGHBOURS}
        told_all = {"range_ns": range_ns, "function": told, "durations": durations, "slowest": _flat(calls), **near}
        where = None
        if fitting is not None:
            where = {**arguments.where._asdict(), "calls": fitting.fitting, "of_known": fitting.known}
        print_json({**told_all, "callers_not_told": around.untold, "where": where})
        return 0
    print(one_line(f"{site.function} {site.file}:{site.line}, {head}"))
    if told is None:
        print("it did not run")
        return 0
    title = _title(arguments.where, fitting) if fitting is not None else "slowest calls:" if calls else ""
    print("\n".join(map(one_line, [*_lines(told, buckets), *_call_lines(title, calls, threads)])))
    print("\n".join(map(one_line, _neighbours(around, threads, functions))))
    return 0


def _told(rows: tuple[Neighbour, ...], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Each with its name; a call that no recorded function has made has a caller without one, whose id is 0."""
    return [
        {"id": max(row.id, 0), "name": names.get(row.id, ""), "calls": row.calls, "total_ns": row.total_ns}
        for row in rows
    ]


def _neighbours(around: FunctionNeighbours, threads: Mapping[int, str], functions: Mapping[int, str]) -> Iterator[str]:
    for title, rows, names in (
        ("threads that ran it:", around.threads, threads),
        ("called by:", around.callers, functions),
        ("what it calls:", around.callees, functions),
    ):
        if rows:
            yield title
        for row in rows[:MOST_NEIGHBOURS]:
            name = names.get(row.id) or ("no recorded function" if row.id <= 0 else str(row.id))
            yield f"  {duration_text(row.total_ns):>12}  {count_text(row.calls):>10} calls  {name}"
        if len(rows) > MOST_NEIGHBOURS:
            yield f"  and {len(rows) - MOST_NEIGHBOURS} more; --json has all"
    if around.untold:
        yield f"of {count_text(around.untold)} calls it is not known who made them: they lie too deep"


def _buckets(found: FunctionStatistics, row: int, per_doubling: int) -> list[tuple[int, int, int]]:
    """(from_ns, below_ns, calls)."""
    return list(zip(*(part.tolist() for part in found.distribution(row, per_doubling)), strict=True))


def condition(text: str) -> Condition:
    """What `--where` says."""
    try:
        return condition_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _flat(calls: list[CallWith]) -> list[dict[str, Any]]:
    """Each call with its texts beside its figures."""
    return [{**asdict(one.call), "arguments": one.arguments, "result": one.result} for one in calls]


def _title(asked: Condition, found: CallsWith) -> str:
    name = "the result" if asked.name == RESULT else asked.name
    if not found.known:
        return f"what these calls {'gave' if asked.name == RESULT else 'were called with'} is not known"
    of_known = f"{count_text(found.fitting)} of {count_text(found.known)} calls of which it is known"
    return f"{of_known}: {name} {RELATIONS[asked.relation]} {asked.text}{'; the slowest:' * bool(found.slowest)}"


def _lines(told: FunctionRow, buckets: list[tuple[int, int, int]]) -> Iterator[str]:
    cut = f", {count_text(told.cut)} of them not whole in this stretch" if told.cut else ""
    yield f"{count_text(told.calls)} calls{cut}, {count_text(told.errors)} ended by an exception"
    yield f"total {duration_text(told.total_ns)}, own {duration_text(told.own_ns)}, waited {told.waited}"
    yield f"first call at {text_from_ns(told.first_ns)}, last at {text_from_ns(told.last_ns)}"
    if told.shortest_ns is not None and told.median_ns is not None and told.p95_ns is not None:
        times = (told.shortest_ns, told.median_ns, told.p95_ns)
        yield "shortest {}, median {}, 95 % within {}".format(*map(duration_text, times))
    most = max((count for *_, count in buckets), default=0)
    for low, above, count in buckets:
        bar = "#" * -(-BAR * count // most)
        yield f"  {duration_text(low):>9} to {duration_text(above):>9}  {bar:<{BAR}}  {count_text(count)}".rstrip()


def _call_lines(title: str, calls: list[CallWith], threads: dict[int, str]) -> Iterator[str]:
    if title:
        yield title
    for one in calls:
        call = one.call
        ended = ", open" if call.end_ns is None else ", raised" if call.raised else ""
        lasted = f"{duration_text(call.inside_ns)}{' *' if call.is_cut else ''}"
        where = f"{threads.get(call.track_id, call.track_id)}, call {call.call_id}"
        given = "" if one.arguments is None else f"  ({short_cell(one.arguments)})"
        gave = "" if one.result is None else f" -> {short_cell(one.result)}"
        yield f"  {lasted:>12}  at {text_from_ns(call.start_ns)}  on {where}{ended}{given}{gave}"
    if any(one.call.is_cut for one in calls):
        yield CUT
