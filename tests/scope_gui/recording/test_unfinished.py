"""Sessions whose recorder is gone: they are noticed, offered to be recovered, and recovered in the window."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.drain.blocks import file_name
from capture.errors import SessionBusy
from capture.session.folder import SessionFolder, is_being_written
from scope_gui.recording.unfinished import Recovery, abandoned_notice, is_abandoned
from tests.leftovers import wait_for
from tests.sessions import build_session
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.state import Notice


@pytest.fixture
def unfinished(tmp_path: Path) -> Path:
    """A session that nobody finished."""
    return build_session(tmp_path / "orders.scope", events=100, segments=2, finish=False).path


def test_a_session_is_being_written_while_somebody_has_it(tmp_path: Path) -> None:
    path = tmp_path / "a.scope"
    assert not is_being_written(path)
    folder = SessionFolder(path)
    assert is_being_written(path)
    with pytest.raises(SessionBusy):
        SessionFolder(path)
    folder.close()
    assert not is_being_written(path)


def test_only_a_recording_without_end_that_nobody_writes_is_abandoned(tmp_path: Path, unfinished: Path) -> None:
    assert is_abandoned(unfinished)
    folder = SessionFolder(unfinished)
    assert not is_abandoned(unfinished)
    folder.close()
    (unfinished / "manifest.json").unlink()
    (unfinished / "manifest.bak").unlink()
    assert not is_abandoned(unfinished)
    (unfinished / "journal" / file_name(1)).touch()
    assert is_abandoned(unfinished)
    finished = build_session(tmp_path / "done.scope", events=50).path
    assert not is_abandoned(finished)
    assert not is_abandoned(tmp_path / "nowhere.scope")
    assert not is_abandoned(tmp_path)


def test_what_cannot_be_recovered_is_said_in_one_sentence(tmp_path: Path) -> None:
    said: list[e.Event] = []
    recovery = Recovery(said.append)
    recovery.begin(tmp_path / "nowhere.scope", then_open=True)
    assert wait_for(lambda: e.Busy(what="") in said, 30)
    recovery.stop()
    [notice] = [event.notice for event in said if isinstance(event, e.Tell)]
    assert notice is not None
    assert notice.serious
    assert "nowhere.scope is not a session folder" in notice.text
    assert not any(isinstance(event, r.OpenSession) for event in said)


def test_a_finished_session_is_opened_and_nothing_is_invented(tmp_path: Path) -> None:
    path = build_session(tmp_path / "done.scope", events=50).path
    said: list[e.Event] = []
    recovery = Recovery(said.append)
    recovery.begin(path, then_open=True)
    assert wait_for(lambda: e.Busy(what="") in said, 30)
    recovery.stop()
    assert r.OpenSession(path=str(path)) in said
    assert e.Tell(notice=Notice("done.scope is finished; there is nothing to recover.")) in said


def test_the_offer_names_the_session() -> None:
    notice = abandoned_notice(Path("/srv/orders.scope"))
    assert (notice.offer, notice.path, notice.serious) == ("recover", "/srv/orders.scope", True)
    assert "orders.scope" in notice.text
