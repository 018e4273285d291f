"""How a session opens that nobody has left anywhere: at its busiest second, on the lane that is busy there."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc

from capture.session.session import Session
from tests.damaged import files_of, flip_bit
from tests.interpreters import found
from tests.scope_command import run_recorded
from tests.sessions import build_session
from views.reading.opening import SECOND_NS, busiest_second, first_focus, session_opened
from views.reading.source import Names

PROGRAM = """
import threading, time

def leaf():
    pass

def rest():
    time.sleep(1.2)

def burst():
    for _ in range(20_000):
        leaf()

rest()
busy = threading.Thread(target=burst, name="burst")
busy.start()
busy.join()
rest()
"""


def test_a_recording_opens_where_most_happens(tmp_path: Path) -> None:
    (tmp_path / "quiet.py").write_text(PROGRAM)
    run_recorded(tmp_path / "a.scope", [found()[-1].path, tmp_path / "quiet.py"])
    with Session.open(tmp_path / "a.scope") as session:
        names = Names(session)
        opened = session_opened(session, names, 1)
        assert opened.busiest_ns is not None
        assert names.tracks[opened.focus_track_id].name == "burst"
        calls = session.table("calls").to_table(columns=["start_ns", "track_id"])
        starts = calls.filter(pc.field("track_id") == opened.focus_track_id)["start_ns"].to_numpy()
        later = starts[starts > opened.busiest_ns + SECOND_NS]
        assert len(starts) > 20_000
        assert len(later) < len(starts) / 10


def test_what_is_lost_or_empty_has_no_busiest_second(tmp_path: Path) -> None:
    path = build_session(tmp_path / "a.scope", events=60, segments=1).path
    with Session.open(path) as session:
        assert busiest_second(session) is not None
        assert session_opened(session, Names(session), 1, at_ns=5).busiest_ns is None
        assert session_opened(session, Names(session), 1, place={"cursor_ns": 3}).busiest_ns is None
        assert first_focus(Names(session), 1) == first_focus(Names(session), 77) == first_focus(Names(session)) == 2
        assert first_focus(Names(session), 3) == 3
    for file in files_of(path, 1, "events"):
        flip_bit(file)
    with Session.open(path) as session:
        assert busiest_second(session) is None
