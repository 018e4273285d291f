"""A thread's story and a process's (`process_facts`), as all calls, waits and figures of a session tell them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from capture.events.definitions import TrackRow, WaitRow
from capture.events.kinds import Kind
from capture.session.segment_store import SegmentStore
from capture.session.session import Session
from dags.analyses.exceptions_seen import exceptions_seen
from dags.analyses.process_facts import process_facts
from dags.analyses.thread_facts import MOST_FUNCTIONS, ThreadFacts, thread_facts
from dags.correlate.sealing import SessionWriter
from tests.dags.analyses.test_function_statistics import rows_of
from tests.sessions import Truth, build_session
from tests.streams import Event, batch_of

TRACKS = [
    TrackRow(track_id=2, process_id=1, name="main", start_ns=0),
    TrackRow(track_id=3, process_id=1, name="worker", start_ns=20, end_ns=90, parent_track_id=2),
]
WAITS: tuple[list[tuple[int, int | None, int]], ...] = (
    [(10, 30, 3), (20, 44, 3), (35, 38, 3), (44, None, 3), (46, None, 2)],
    [(44, 50, 3), (60, 75, 3), (60, None, 3)],  # merged segments tell one twice
    [(85, 95, 3), (46, 99, 2)],
)
"""Those of three segments: where one ends, and without an end where it began if that is another one."""


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return build_session(tmp_path / "s.scope", events=3_000, tracks=3, segments=6)


def best(session: Session, track_id: int, stretch_ns: tuple[int, int]) -> ThreadFacts:
    first, second = thread_facts(session, track_id, stretch_ns)
    assert (first.all_calls, first.exceptions, first.calls) == (None, None, second.calls)
    return second


def inside(row: dict[str, Any], stretch_ns: tuple[int, int]) -> int:
    """How much of a call lies in a stretch."""
    ended_ns: int = stretch_ns[1] if row["end_ns"] is None else row["end_ns"]
    began_ns: int = row["start_ns"]
    return max(0, min(ended_ns, stretch_ns[1]) - max(began_ns, stretch_ns[0]))


def test_a_thread_is_told_by_its_calls(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        rows = [row for row in rows_of(session) if row["track_id"] == 3]
        third = (session.end_ns - session.start_ns) // 3
        stretch_ns = session.start_ns + third, session.start_ns + 2 * third
        facts = best(session, 3, stretch_ns)
        outermost = [row for row in rows if not row["callers"]]
        assert facts.inside_ns == sum(inside(row, stretch_ns) for row in outermost)
        assert facts.all_calls == len(rows)
        lasted = [(inside(row, (session.start_ns, session.end_ns)), -row["call_id"]) for row in rows]
        longest_ns, call_id = max(lasted)
        assert facts.longest is not None
        assert (facts.longest.call_id, facts.longest_ns) == (-call_id, longest_ns)
        own = {row["call_id"]: inside(row, stretch_ns) for row in rows}
        for row in rows:
            if row["callers"]:
                own[row["callers"][0]["call_id"]] -= inside(row, stretch_ns)
        by_site: dict[int, int] = {}
        for row in rows:
            by_site[row["site_id"]] = by_site.get(row["site_id"], 0) + own[row["call_id"]]
        told = [(one.site_id, one.own_ns) for one in facts.busiest]
        assert told == sorted(by_site.items(), key=lambda one: (-one[1], one[0]))[:MOST_FUNCTIONS]
        seen = exceptions_seen(session, track_ids={3})
        first = min(seen, key=lambda one: one.first_event_id)
        assert facts.exceptions == sum(one.count for one in seen)
        assert facts.first_exception == (first.first_event_id, first.first_ns)
        assert not list(thread_facts(session, 99, stretch_ns))


def waiting(path: Path, waits: Sequence[list[tuple[int, int | None, int]]], able: list[str]) -> Path:
    """A session with those waits, in three segments."""
    events = [Event(0, Kind.THREAD_BEGIN, 2), Event(20, Kind.THREAD_BEGIN, 3), Event(50, Kind.CALL, 3, 1)]
    batch = batch_of([*events, Event(80, Kind.RETURN, 3, 1), Event(99, Kind.THREAD_END, 2)])
    about = {"session_id": "0" * 16, "created_real_ns": 0, "capabilities": able}
    store = SegmentStore.create(path, about, sync=False)
    store._may_merge = False
    writer = SessionWriter(store)
    for (start, end, until_ns), of_part in zip([(0, 2, 45), (2, 3, 79), (3, 5, 99)], waits, strict=True):
        rows = [WaitRow(start_ns=since, end_ns=till, track_id=track, kind="lock") for since, till, track in of_part]
        part = batch.slice(start, end)
        writer.write(part, TRACKS, facts={"waits": rows}, end_ns=until_ns, is_last=end == 5)
    store.write_defs([], TRACKS, [], [])
    store.set_counts(5, 5, 0)
    store.commit()
    store.finish()
    return path


@pytest.mark.parametrize(
    ("track_id", "stretch_ns", "asleep_ns"),
    [
        (3, (0, 99), 40 + 15 + 10),
        (3, (25, 70), 25 + 10),
        (3, (51, 59), 0),
        (3, (0, 12), 2),
        (3, (46, 48), 2),
        (2, (52, 60), 8),  # it sleeps from before the segment until after it
        (2, (0, 99), 53),
    ],
)
def test_waits_that_overlap_count_once_and_only_inside(
    tmp_path: Path, track_id: int, stretch_ns: tuple[int, int], asleep_ns: int
) -> None:
    with Session.open(waiting(tmp_path / "s.scope", WAITS, ["waits"])) as session:
        facts = best(session, track_id, stretch_ns)
        assert facts.asleep_ns == asleep_ns
        assert (facts.starter_id, facts.starter) == ((2, "main") if track_id == 3 else (0, ""))


def test_where_nobody_looked_it_is_not_known_how_long_a_thread_slept(tmp_path: Path) -> None:
    with Session.open(waiting(tmp_path / "a.scope", ([], [], []), [])) as session:
        assert best(session, 3, (0, 99)).asleep_ns is None
    with Session.open(waiting(tmp_path / "b.scope", ([], [], []), ["waits"])) as session:
        assert best(session, 3, (0, 99)).asleep_ns == 0


def test_a_process_is_told_with_the_peaks_of_its_figures(truth: Truth) -> None:
    with Session.open(truth.path) as session:
        first, facts = process_facts(session, 1)
        figures = truth.tables["metrics"].to_pylist()
        most = max(figures, key=lambda row: row["value"])
        assert (facts.peaks["rss_bytes"].value, facts.peaks["rss_bytes"].time_ns) == (most["value"], most["time_ns"])
        assert (first.calls, facts.calls) == (None, len(rows_of(session)))
        assert facts.exceptions == sum(one.count for one in exceptions_seen(session))
        assert (facts.pid, facts.start_ns) == (4711, -5)
        assert not list(process_facts(session, 99))
