"""What the welcome page says about the sessions opened lately."""

from __future__ import annotations

import time
from pathlib import Path

from capture.events.definitions import ProcessRow
from capture.session.notes import Note, write_notes
from capture.session.segment_store import SegmentStore
from scope_gui.library import COLUMNS, cells, described_session, details, recorded_text, when_text
from tests.sessions import build_session
from views.loop.state import RecentSession
from views.words.figures import THIN

NOON_S = time.mktime((2026, 11, 20, 12, 0, 0, 0, 0, -1))


def test_a_session_says_what_it_holds(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "orders.scope", events=400)
    write_notes(truth.path, [Note(time_ns=5, text="here"), Note(time_ns=6)], {"cursor_ns": 1_500_000_000})
    row = described_session(str(truth.path))
    assert (row.events, row.bookmarks, row.problem, row.live) == (400, 2, "", False)
    assert (row.program, row.threads, row.exceptions) == ("orders.py", 2, 0)
    assert (row.damaged, row.unfinished) == (False, False)
    assert row.duration_ns > 0 and row.size_bytes > 0
    shown = dict(zip(COLUMNS, cells(row, NOON_S), strict=True))
    assert (shown["Session"], shown["Program"], shown["Threads"]) == ("orders.scope", "orders.py", "2")
    assert shown["Events"].startswith("400")
    first, second = details(row)
    assert first == f"orders.py · {tmp_path}"
    assert second == f"Left at 00:01.500{THIN}000{THIN}000 · 2 notes: “here”"


def test_one_that_was_attached_to_is_called_as_its_program(tmp_path: Path) -> None:
    about = {"session_id": "a" * 16, "created_real_ns": 1, "command": ["attach 4711"]}
    store = SegmentStore.create(tmp_path / "s.scope", about, sync=False)
    store.write_defs([ProcessRow(process_id=1, pid=4711, name="python", command="python3 -m orders")], [], [])
    store.finish()
    row = described_session(str(tmp_path / "s.scope"))
    assert (row.program, row.command) == ("orders", "python3 -m orders")


def test_one_that_is_gone_or_damaged_says_why(tmp_path: Path) -> None:
    gone = described_session(str(tmp_path / "gone.scope"))
    assert cells(gone, NOON_S)[:2] == ("gone.scope", "not there any more")
    (tmp_path / "bad.scope").write_bytes(b"nothing of ours")
    bad = described_session(str(tmp_path / "bad.scope"))
    assert bad.problem
    assert cells(bad, NOON_S)[1:6] == ("cannot be opened", "", "", "", "")
    assert details(gone) == (str(tmp_path), "It is not there any more; Delete takes it off the list")
    assert details(bad)[1] == bad.problem


def test_one_that_lacks_something_and_one_whose_recorder_is_gone_are_told_apart(tmp_path: Path) -> None:
    damaged = build_session(tmp_path / "damaged.scope", events=400).path
    next(damaged.glob("segments/*events.parquet")).unlink()
    unfinished = build_session(tmp_path / "unfinished.scope", events=400, finish=False).path
    rows = [described_session(str(path)) for path in (damaged, unfinished)]
    assert [(row.damaged, row.unfinished, row.live) for row in rows] == [(True, False, False), (False, True, False)]
    assert [recorded_text(row, NOON_S).rpartition(" · ")[2] for row in rows] == ["damaged", "not finished"]
    assert details(rows[0])[1].startswith("Damaged: ")
    assert "recover" in details(rows[1])[1]
    store = SegmentStore.create(tmp_path / "live.scope", {"session_id": "a" * 16, "created_real_ns": 1}, sync=False)
    assert described_session(str(tmp_path / "live.scope")).live
    store.close()


def test_one_that_has_not_been_looked_at_yet_shows_its_name() -> None:
    assert cells(RecentSession(path="/srv/a.scope"), NOON_S) == ("a.scope", *[""] * (len(COLUMNS) - 1))


def test_a_live_one_is_recorded_now() -> None:
    row = RecentSession(path="/srv/a.scope", live=True, recorded_real_ns=5, events=1, dropped=2_000, size_bytes=1)
    shown = dict(zip(COLUMNS, cells(row, NOON_S), strict=True))
    assert (shown["Recorded"], shown["Events"]) == ("now", "1, 2k lost")


def test_moments_are_named_as_people_name_them() -> None:
    assert when_text(NOON_S - 3_600, NOON_S) == "today 11:00"
    assert when_text(NOON_S - 20 * 3_600, NOON_S) == "yesterday 16:00"
    assert when_text(NOON_S - 4 * 86_400, NOON_S) == f"Mon 16{THIN}Nov"
    assert when_text(NOON_S - 400 * 86_400, NOON_S) == f"16{THIN}Oct 2025"
