"""A session that was taken off the list of those opened lately can be put back where it stood."""

from __future__ import annotations

from tests.views.windows import after
from views.loop.events import AddBookmark, SessionClosed, SessionOpened, Undo
from views.loop.recording_events import ForgetRecent
from views.loop.state import Assigns, SessionRef

PATHS = ("/srv/a.scope", "/srv/b.scope", "/srv/c.scope")


def test_each_comes_back_in_its_place_the_last_one_first() -> None:
    begun = Assigns(recent=PATHS)
    gone = after(begun, ForgetRecent(path=PATHS[1]), ForgetRecent(path=PATHS[0]))
    assert gone.recent == PATHS[2:]
    assert gone.notice is not None
    assert gone.notice.text == "a.scope is off the list; the session itself stays."
    assert gone.notice.hint == "{Undo} puts it back."
    once = after(gone, Undo())
    assert once.recent == (PATHS[0], PATHS[2])
    assert after(once, Undo()).recent == PATHS


def test_with_nothing_taken_off_there_is_nothing_to_undo() -> None:
    told = after(Assigns(recent=PATHS), ForgetRecent(path="/srv/another.scope"), Undo())
    assert told.recent == PATHS
    assert told.notice is not None
    assert told.notice.text == "There is nothing to undo."


def test_once_a_session_is_open_undo_is_about_its_notes() -> None:
    gone = after(Assigns(recent=PATHS), ForgetRecent(path=PATHS[0]))
    session = SessionRef(key=1, path=PATHS[1], name="b.scope")
    shown = after(gone, SessionOpened(session=session, range_ns=(0, 10)), AddBookmark(), Undo())
    assert (shown.recent, shown.bookmarks) == (PATHS[1:], ())
    assert after(shown, SessionClosed(), Undo()).recent == PATHS[1:]
