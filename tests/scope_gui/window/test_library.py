"""What the welcome page says about the sessions opened lately."""

from __future__ import annotations

import time
from pathlib import Path

from capture.session.notes import Note, write_notes
from scope_gui.window.library import COLUMNS, cells, described, when_text
from tests.sessions import build_session
from views.loop.state import RecentSession
from views.words.figures import THIN

NOON_S = time.mktime((2026, 11, 20, 12, 0, 0, 0, 0, -1))


def test_a_session_says_what_it_holds(tmp_path: Path) -> None:
    truth = build_session(tmp_path / "orders.scope", events=400)
    write_notes(truth.path, [Note(time_ns=5, text="here")])
    row = described(str(truth.path))
    assert (row.events, row.bookmarks, row.problem, row.live) == (400, 1, "", False)
    assert row.duration_ns > 0 and row.size_bytes > 0
    shown = dict(zip(COLUMNS, cells(row, NOON_S), strict=True))
    assert (shown["Session"], shown["Bookmarks"]) == ("orders.scope", "1")
    assert shown["Events"].startswith("400")
    assert shown["Folder"] == str(tmp_path)


def test_one_that_is_gone_or_damaged_says_why(tmp_path: Path) -> None:
    gone = described(str(tmp_path / "gone.scope"))
    assert cells(gone, NOON_S)[:2] == ("gone.scope", "not there any more")
    (tmp_path / "bad.scope").write_bytes(b"nothing of ours")
    bad = described(str(tmp_path / "bad.scope"))
    assert bad.problem
    assert cells(bad, NOON_S)[1:6] == ("cannot be opened", "", "", "", "")


def test_one_that_has_not_been_looked_at_yet_shows_its_name() -> None:
    assert cells(RecentSession(path="/srv/a.scope"), NOON_S) == ("a.scope", "", "", "", "", "", "/srv")


def test_a_live_one_is_recorded_now() -> None:
    row = RecentSession(path="/srv/a.scope", live=True, recorded_real_ns=5, duration_ns=1, events=1, dropped=2_000)
    assert cells(row, NOON_S)[1] == "now"
    assert cells(row, NOON_S)[3] == "1, 2k lost"


def test_moments_are_named_as_people_name_them() -> None:
    assert when_text(NOON_S - 3_600, NOON_S) == "today 11:00"
    assert when_text(NOON_S - 20 * 3_600, NOON_S) == "yesterday 16:00"
    assert when_text(NOON_S - 4 * 86_400, NOON_S) == f"Mon 16{THIN}Nov"
    assert when_text(NOON_S - 400 * 86_400, NOON_S) == f"16{THIN}Oct 2025"
