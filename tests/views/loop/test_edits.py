"""What a person changes is taken back and brought back, step by step; nothing is gone without a way back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.views.windows import opened
from views.loop import events as e
from views.loop.edits import MOST_EDITS
from views.loop.state import Assigns, Bookmark
from views.loop.stretch import NO_MARK
from views.loop.update import handle_event


def after(assigns: Assigns, *events: e.Event) -> Assigns:
    for event in events:
        assigns = handle_event(assigns, event)
    return assigns


def told(assigns: Assigns) -> str:
    return assigns.notice.text if assigns.notice else ""


def test_a_bookmark_that_was_taken_away_comes_back_with_its_note() -> None:
    noted = after(opened(), e.SeekTo(time_ns=100), e.AddBookmark(text="leak"))
    gone = after(noted, e.AddBookmark())
    assert gone.bookmarks == ()
    assert "“leak” at 00:00.000" in told(gone)
    assert gone.notice is not None
    assert gone.notice.hint == "{Undo} brings it back."
    back = after(gone, e.Undo())
    assert back.bookmarks == noted.bookmarks
    assert after(back, e.Undo(again=True)).bookmarks == ()
    assert after(back, e.Undo(), e.Undo(), e.Undo()).bookmarks == ()
    assert told(after(opened(), e.Undo())) == "There is nothing to undo."
    assert told(after(noted, e.Undo(again=True))) == "Nothing was undone that could be brought back."


def test_a_note_is_changed_in_place_and_a_stretch_keeps_its_end() -> None:
    at = after(
        opened(), e.SeekTo(time_ns=100), e.Mark(), e.SeekTo(time_ns=900), e.AddBookmark(text="a", since_mark=True)
    )
    assert at.bookmarks == (Bookmark(time_ns=100, text="a", end_ns=900),)
    changed = after(at, e.EditBookmark(time_ns=100, text="b"))
    assert changed.bookmarks == (Bookmark(time_ns=100, text="b", end_ns=900),)
    assert after(changed, e.Undo()).bookmarks == at.bookmarks
    assert after(changed, e.EditBookmark(time_ns=5, text="c")) == changed
    assert after(changed, e.EditBookmark(time_ns=100, text=None)).bookmarks == ()
    unmarked = after(opened(), e.AddBookmark(text="x", since_mark=True))
    assert (unmarked.bookmarks, unmarked.notice) == ((), NO_MARK)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["toggle", "a", "b", "undo", "redo"])), max_size=40))
def test_any_edits_are_undone_to_the_beginning_and_redone_to_the_end(done: list[tuple[int, str]]) -> None:
    shown = opened()
    for place, what in done:
        shown = after(shown, e.SeekTo(time_ns=place * 100))
        if what in ("undo", "redo"):
            shown = after(shown, e.Undo(again=what == "redo"))
        else:
            shown = after(shown, e.AddBookmark(text="" if what == "toggle" else what))
    undone = after(shown, *[e.Undo()] * len(shown.edits))
    assert undone.bookmarks == ()
    assert after(undone, *[e.Undo(again=True)] * len(shown.edits)).bookmarks == shown.bookmarks


def test_edits_are_bounded_and_another_session_has_none() -> None:
    many = after(opened(), *[e.AddBookmark()] * (MOST_EDITS + 50))
    assert len(many.edits) == MOST_EDITS
    assert after(many, e.SessionClosed()).edits == ()
