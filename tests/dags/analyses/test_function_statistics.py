"""What functions came to in a stretch: against a slow reading of the rows of `calls`, and against cProfile."""

from __future__ import annotations

import contextlib
import cProfile
import pstats
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.events.definitions import SiteRow, StateKeyRow, TrackRow
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.analyses import call_summary, detail
from dags.analyses import function_statistics as function_statistics_module
from dags.analyses.durations import bounds_of, buckets_of
from dags.analyses.function_statistics import FunctionStatistics, function_statistics
from dags.correlate.open_rows import open_rows
from dags.correlate.sealing import SessionWriter
from tests.scope_command import run_recorded
from tests.sessions import build_session
from tests.streams import Event, batch_of, streams

SITES = [SiteRow(n, f"f{n}", "m", "m.py", 10 * n) for n in range(1, 5)]
TRACKS = [TrackRow(track_id=n, process_id=1) for n in range(1, 5)]


def sealed(
    path: Path, events: Sequence[Event], cuts: Sequence[int], *, finish: bool, state_keys: Sequence[StateKeyRow] = ()
) -> Path:
    """The events as a session whose segments end behind those numbers of events."""
    batch = batch_of(list(events))
    store = SegmentStore.create(path, {"session_id": "0" * 16, "created_real_ns": 0}, sync=False)
    store._may_merge = False
    writer, ends = SessionWriter(store), [*sorted(cuts), len(batch)]
    for place, (start, end) in enumerate(zip([0, *ends], ends, strict=False), 1):
        writer.write(batch.slice(start, end), TRACKS, state_keys, is_last=finish and place == len(ends))
    store.write_defs([], TRACKS, SITES, list(state_keys))
    store.set_counts(len(batch), len(batch), 0)
    store.commit()
    if finish:
        store.finish()
    else:
        store.close()
    return path


@contextlib.contextmanager
def any_session(events: Sequence[Event], data: st.DataObject) -> Iterator[tuple[Session, list[int]]]:
    """The events as a session cut anywhere, finished or not, and the instants at which something is."""
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        path = sealed(Path(folder, "s.scope"), events, cuts, finish=data.draw(st.booleans()))
        with Session.open(path) as session:
            yield session, sorted({session.start_ns, session.end_ns, *(event.time_ns for event in events)})


def rows_of(session: Session) -> list[dict[str, Any]]:
    """Every call of a session, with the ids of its callers as `callers`; those that are open have no end."""
    rows = [row for index in session.with_rows for row in session.calls(index).to_pylist()]
    if session.live:
        open_calls = open_rows(session).get("calls")
        names = list(open_calls or {})
        for values in zip(*((open_calls or {})[name].tolist() for name in names), strict=True):
            rows.append({**dict(zip(names, values, strict=True)), "end_ns": None, "outcome": "open"})
    by_id = {row["call_id"]: row for row in rows}
    for row in rows:
        row["callers"], above = [], by_id.get(row["parent_call_id"] or 0)
        while above is not None:
            row["callers"].append(above)
            above = by_id.get(above["parent_call_id"] or 0)
    return rows


def inside_of(
    rows: list[dict[str, Any]], start_ns: int, end_ns: int, tracks: set[int] | None
) -> Iterator[tuple[dict[str, Any], int, int]]:
    """(call, when it ended, how long it was inside) of each call of a stretch."""
    for row in rows:
        ended_ns = 1 << 62 if row["end_ns"] is None else row["end_ns"]
        is_other = tracks is not None and row["track_id"] not in tracks
        is_over = ended_ns <= start_ns and row["start_ns"] < start_ns
        if not is_other and not is_over and row["start_ns"] <= end_ns:
            yield row, ended_ns, min(ended_ns, end_ns) - max(row["start_ns"], start_ns)


def slowly(
    rows: list[dict[str, Any]], start_ns: int, end_ns: int, tracks: set[int] | None
) -> dict[int, dict[str, Any]]:
    """What `function_statistics` is to say, call by call."""
    found: dict[int, dict[str, Any]] = {}
    for row, ended_ns, inside in inside_of(rows, start_ns, end_ns, tracks):
        is_cut = row["start_ns"] < start_ns or ended_ns > end_ns
        told = found.setdefault(row["site_id"] or 0, {"calls": [], "own": 0, "total": 0, "whole": [], "errors": 0})
        told["calls"].append((row["call_id"], row["start_ns"], inside, is_cut))
        told["own"] += inside
        told["total"] += inside * all(above["site_id"] != row["site_id"] for above in row["callers"])
        told["errors"] += row["outcome"] == "raise" and ended_ns <= end_ns
        told["whole"] += [] if is_cut else [inside]
        if row["callers"]:
            blank = {"calls": [], "own": 0, "total": 0, "whole": [], "errors": 0}
            found.setdefault(row["callers"][0]["site_id"] or 0, blank)["own"] -= inside
    return {site: told for site, told in found.items() if told["calls"]}


def assert_agrees(found: FunctionStatistics, expected: dict[int, dict[str, Any]]) -> None:
    assert found.site_id.tolist() == sorted(expected)
    for row, site in enumerate(sorted(expected)):
        told = expected[site]
        calls = sorted(told["calls"])
        assert found.row_of(site) == row
        assert (found.calls[row], found.cut[row]) == (len(calls), sum(cut for *_, cut in calls))
        assert (found.total_ns[row], found.own_ns[row]) == (told["total"], told["own"])
        assert found.errors[row] == told["errors"]
        longest = max(calls, key=lambda call: (call[2], -call[0]))
        assert (found.longest_ns[row], found.longest_call_id[row]) == (longest[2], longest[0])
        assert found.longest_is_cut[row] == longest[3]
        assert (found.first_call_id[row], found.first_ns[row]) == calls[0][:2]
        assert (found.last_call_id[row], found.last_ns[row]) == calls[-1][:2]
        whole = sorted(told["whole"])
        assert found.shortest_ns[row] == (whole[0] if whole else -1)
        assert int(found.distribution(row)[2].sum()) == len(whole)
        for part in (0.5, 0.95):
            said = found.quantile_ns(row, part)
            exact = whole[max(1, int(np.ceil(part * len(whole)))) - 1] if whole else None
            assert (said is None) == (exact is None)
            if said is not None and exact is not None:
                low, above = (int(edge[0]) for edge in bounds_of(buckets_of(np.array([exact]))))
                assert said == exact or low <= said < above


@settings(max_examples=20)
@given(streams(max_size=40, hostile=False), st.data())
def test_any_stretch_of_any_session_says_what_its_calls_say(events: list[Event], data: st.DataObject) -> None:
    with any_session(events, data) as (session, times):
        rows = rows_of(session)
        for _ in range(4):
            start_ns, end_ns = sorted(
                data.draw(st.sampled_from(times)) + data.draw(st.sampled_from([-1, 0, 0, 1])) for _ in range(2)
            )
            tracks = data.draw(st.sampled_from([None, {1}, {2, 3}, {77}]))
            found = function_statistics(session, (start_ns, end_ns), track_ids=tracks)
            assert_agrees(found, slowly(rows, start_ns, end_ns, tracks))
        found = function_statistics(session)
        assert_agrees(found, slowly(rows, session.start_ns, session.end_ns, None))


def test_many_calls_say_the_same_from_memory_from_the_cache_and_anew(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=20_000, tracks=3, segments=5).path
    few = mock.patch.object(function_statistics_module, "MOST_LOOSE_ROWS", 10)
    with few, mock.patch.object(detail, "KEPT_FROM_EVENTS", 1), Session.open(path) as session:
        rows = rows_of(session)
        ranges = [(session.start_ns, session.end_ns), (session.start_ns + 300_000, session.end_ns - 70_000)]
        for start_ns, end_ns in ranges:
            expected = slowly(rows, start_ns, end_ns, None)
            assert_agrees(function_statistics(session, (start_ns, end_ns)), expected)
            assert_agrees(function_statistics(session, (start_ns, end_ns)), expected)
    assert len(list(path.glob("cache/*.calls"))) == 5
    made_anew = mock.patch.object(call_summary, "call_forest", side_effect=AssertionError)
    with Session.open(path) as session, made_anew, mock.patch.object(detail, "KEPT_FROM_EVENTS", 1):
        assert_agrees(function_statistics(session), slowly(rows, session.start_ns, session.end_ns, None))


def test_a_question_can_be_ended_before_each_segment(tmp_path: Path) -> None:
    seen = []

    def reads_on() -> None:
        seen.append(1)
        if len(seen) == 3:
            raise InterruptedError

    with Session.open(build_session(tmp_path / "s.scope").path) as session:
        with pytest.raises(InterruptedError):
            function_statistics(session, reads_on=reads_on)
        with pytest.raises(ValueError, match="lies after"):
            function_statistics(session, (2, 1))
    assert len(seen) == 3


def test_orders_put_the_most_first_and_leave_out_what_is_none(tmp_path: Path) -> None:
    with Session.open(build_session(tmp_path / "s.scope", events=3_000).path) as session:
        found = function_statistics(session)
    for by, values in (("calls", found.calls), ("own", found.own_ns), ("errors", found.errors)):
        ranked = values[found.ranked(by)].tolist()  # type: ignore[arg-type]
        assert ranked == sorted(ranked, reverse=True)
    quiet = found.errors == 0
    assert not quiet[found.ranked("errors")].any()


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    path = build_session(tmp_path / "s.scope", events=2_000, segments=2).path
    with mock.patch.object(detail, "KEPT_FROM_EVENTS", 1):
        with Session.open(path) as session:
            first = function_statistics(session)
        [one, other] = sorted(path.glob("cache/*.calls"))
        data, whole = one.read_bytes(), other.read_bytes()
        one.write_bytes(data[:-3])
        other.write_bytes(data)  # whole, and of another segment
        with Session.open(path) as session:
            again = function_statistics(session)
        assert again.total_ns.tolist() == first.total_ns.tolist()
        assert (one.read_bytes(), other.read_bytes()) == (data, whole)


PROGRAM = """
import sys

def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def even(n):
    return True if n == 0 else odd(n - 1)

def odd(n):
    return False if n == 0 else even(n - 1)

def numbers(n):
    for i in range(n):
        yield i

class Shop:
    def order(self, n):
        if n % 7 == 0:
            raise LookupError(n)
        return sum(numbers(n))

def main():
    fib(12)
    even(60)
    shop = Shop()
    for n in range(300):
        try:
            shop.order(n)
        except LookupError:
            pass

if len(sys.argv) > 1:
    import cProfile
    cProfile.run("main()", sys.argv[1])
else:
    main()
"""


def test_calls_are_counted_as_cprofile_counts_them(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run_recorded(tmp_path / "s.scope", [sys.executable, program])
    profile = cProfile.Profile()
    namespace: dict[str, Any] = {"__name__": "program", "sys": mock.Mock(argv=["program"])}
    exec(compile(PROGRAM.rpartition("if len(sys.argv)")[0], "program.py", "exec"), namespace)
    profile.runcall(namespace["main"])
    counted = {
        name: (calls, primitive)
        for (file, _, name), (primitive, calls, *_) in pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
        if file == "program.py"
    }
    with Session.open(tmp_path / "s.scope") as session:
        functions = {row.site_id: row.function.rpartition(".")[2] for row in session.sites()}
        found = function_statistics(session)
        said = {functions[site]: int(calls) for site, calls in zip(found.site_id.tolist(), found.calls, strict=True)}
        errors = {functions[site]: int(n) for site, n in zip(found.site_id.tolist(), found.errors, strict=True) if n}
        [main] = [row for row, site in enumerate(found.site_id.tolist()) if functions[site] == "main"]
        [fib] = [row for row, site in enumerate(found.site_id.tolist()) if functions[site] == "fib"]
        assert found.total_ns[fib] < found.total_ns[main], "recursion counts once"
    assert (said.pop("<module>"), said.pop("Shop")) == (1, 1)  # the bodies, which ran before the profile began
    assert said == {name: calls for name, (calls, _) in counted.items()}
    assert errors == {"order": 43}
