"""What a stretch came to: against the rows of its tables, call by call and sample by sample."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from capture.session.session import Session
from dags.analyses.stretch_summary import stretch_summary
from tests.dags.analyses.test_function_statistics import rows_of, slowly
from tests.scope_command import query, run_recorded
from tests.sessions import build_session

PROGRAM = """
import threading, time

class Shop:
    stock = 0

    def sell(self, n):
        self.stock = n
        if n % 5 == 0:
            raise LookupError(n)

def serve(shop, orders):
    for n in range(orders):
        try:
            shop.sell(n)
        except LookupError:
            pass

def burn(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass

def rest():
    time.sleep(0.3)

shop = Shop()
for name, work in (("seller", lambda: serve(shop, 40)), ("burner", lambda: burn(0.3)), ("sleeper", rest)):
    thread = threading.Thread(target=work, name=name)
    thread.start()
    thread.join()
"""


def test_any_stretch_says_what_its_rows_say(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "s.scope", events=6_000, tracks=3, segments=5)
    with Session.open(truth.path) as session:
        rows = rows_of(session)
        whole = (session.start_ns, session.end_ns)
        for range_ns in (whole, (whole[0] + 170_000, whole[1] - 90_000), (whole[0] + 5_000, whole[0] + 9_000)):
            found = stretch_summary(session, range_ns)
            expected = slowly(rows, *range_ns, None)
            assert found.calls == sum(len(told["calls"]) for told in expected.values())
            for thread in found.threads:
                mine = slowly(rows, *range_ns, {thread.track_id})
                assert thread.calls == sum(len(told["calls"]) for told in mine.values())
                assert thread.in_calls_ns == sum(told["own"] for told in mine.values())
                assert thread.waited_ns == 0
            busy = [thread.busy_ns for thread in found.threads]
            assert busy == sorted(busy, reverse=True)
            states = [row for row in truth.tables["states"].to_pylist() if range_ns[0] <= row["time_ns"] <= range_ns[1]]
            assert sum(one.changes for one in found.written) == sum(row.get("changes") or 1 for row in states)
            assert {one.name for one in found.written} == {f"{row['owner']}.{row['key']}" for row in states}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "program.py").write_text(PROGRAM)
    run_recorded(folder / "s.scope", [sys.executable, folder / "program.py"], "--state", "*.Shop")
    return folder / "s.scope"


def test_who_burns_is_busy_and_who_sleeps_waits(recorded: Path) -> None:
    with Session.open(recorded) as session:
        names = {track.track_id: track.name for track in session.tracks()}
        found = stretch_summary(session, (session.start_ns, session.end_ns))
    threads = {names[thread.track_id]: thread for thread in found.threads}
    assert threads["burner"].busy_ns > 200_000_000
    assert threads["burner"].waited_ns < 100_000_000
    assert threads["sleeper"].waited_ns > 200_000_000
    assert threads["sleeper"].busy_ns < 100_000_000
    assert 0 < threads["MainThread"].waited_ns < threads["MainThread"].in_calls_ns, "it joins the others"


def test_a_wait_across_both_ends_of_the_stretch_counts_with_its_part(recorded: Path) -> None:
    sql = "SELECT track_id, waits.start_ns, waits.end_ns FROM waits JOIN tracks USING (track_id) WHERE name = 'sleeper'"
    wait = max(query(recorded, sql), key=lambda row: row["end_ns"] - row["start_ns"])
    quarter_ns = (wait["end_ns"] - wait["start_ns"]) // 4
    for inside in (
        (wait["start_ns"] + quarter_ns, wait["end_ns"] - quarter_ns),
        (wait["start_ns"] - quarter_ns, wait["start_ns"] + quarter_ns),
    ):
        with Session.open(recorded) as session:
            found = stretch_summary(session, inside)
        [sleeper] = [thread for thread in found.threads if thread.track_id == wait["track_id"]]
        assert sleeper.waited_ns == inside[1] - max(inside[0], wait["start_ns"])
        assert sleeper.busy_ns == sleeper.in_calls_ns - sleeper.waited_ns
        assert found.exceptions == ()


def test_what_came_up_was_written_and_moved_is_said(recorded: Path) -> None:
    with Session.open(recorded) as session:
        sites = {row.site_id: row.function for row in session.sites()}
        found = stretch_summary(session, (session.start_ns, session.end_ns))
    [raised] = found.exceptions
    assert (raised.type.rpartition(".")[2], sites[raised.site_id], raised.count) == ("LookupError", "Shop.sell", 8)
    assert found.written[0].name.endswith("Shop.stock")
    assert found.written[0].changes == 40


def test_figures_are_those_of_both_ends(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "s.scope", events=6_000, segments=6)
    rows = truth.tables["metrics"].to_pylist()
    with Session.open(truth.path) as session:
        for range_ns in ((session.start_ns, session.end_ns), (rows[1]["time_ns"], rows[-2]["time_ns"] + 1)):
            found = stretch_summary(session, range_ns)
            held = [{row["name"]: row["value"] for row in rows if row["time_ns"] <= end_ns} for end_ns in range_ns]
            assert {one.name: (one.first, one.last) for one in found.moved} == {
                name: (held[0].get(name), held[1][name]) for name in held[1]
            }
            assert found.moved
