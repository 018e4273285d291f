"""What a person changes of their own notes, and how that is taken back and brought back. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from views.loop import events as e
from views.loop.state import Assigns, Bookmark, Edit, Notice
from views.loop.stretch import NO_MARK
from views.words.figures import clock_text
from views.words.plain_text import plain

MOST_EDITS = 200
_TO_DO_AGAIN = "{Redo} does it again."
_TO_DO_AGAIN = "{Redo} does it again."


def edited(assigns: Assigns, event: e.AddBookmark | e.EditBookmark | e.Undo) -> Assigns:
    """The state after an edit, or after one was taken back."""
    match event:
        case e.AddBookmark(text=text, since_mark=True):
            return _with_stretch(assigns, text)
        case e.AddBookmark(text=text):
            return _toggled(assigns, text)
        case e.EditBookmark(time_ns=time_ns, text=text):
            return _with_text(assigns, time_ns, text)
        case e.Undo(again=again):
            return _taken_back(assigns, again=again)


def bookmarks_by_time(bookmarks: Iterable[Bookmark]) -> tuple[Bookmark, ...]:
    """Bookmarks by time."""
    return tuple(sorted(bookmarks, key=lambda bookmark: bookmark.time_ns))


def _toggled(assigns: Assigns, text: str) -> Assigns:
    here_ns = assigns.cursor_ns
    there = next((bookmark for bookmark in assigns.bookmarks if bookmark.time_ns == here_ns), None)
    if text and there is not None:
        return _with_text(assigns, here_ns, text)
    if there is not None:
        return _with_text(assigns, here_ns, None)
    return _changed(assigns, (*assigns.bookmarks, Bookmark(time_ns=here_ns, text=text)), f"Bookmarked {_at(here_ns)}")


def _with_stretch(assigns: Assigns, text: str) -> Assigns:
    if assigns.marked_ns is None:
        return replace(assigns, notice=NO_MARK)
    start_ns, end_ns = sorted((assigns.marked_ns, assigns.cursor_ns))
    others = [bookmark for bookmark in assigns.bookmarks if bookmark.time_ns != start_ns]
    added = Bookmark(time_ns=start_ns, text=text, end_ns=end_ns)
    return _changed(assigns, (*others, added), f"Bookmarked {_at(start_ns)} to {_at(end_ns)}")


def _with_text(assigns: Assigns, time_ns: int, text: str | None) -> Assigns:
    others = tuple(bookmark for bookmark in assigns.bookmarks if bookmark.time_ns != time_ns)
    if len(others) == len(assigns.bookmarks):
        return assigns
    [there] = (bookmark for bookmark in assigns.bookmarks if bookmark.time_ns == time_ns)
    if text is None:
        name = f"“{plain(there.text, 40)}” at {_at(time_ns)}" if there.text else _at(time_ns)
        gone = _changed(assigns, others, f"Took away the bookmark {name}")
        return replace(gone, notice=Notice(f"{gone.edits[-1].says}.", hint="{Undo} brings it back."))
    return _changed(assigns, (*others, replace(there, text=text)), f"Changed the note at {_at(time_ns)}")


def _changed(assigns: Assigns, bookmarks: Iterable[Bookmark], says: str) -> Assigns:
    after = bookmarks_by_time(bookmarks)
    if after == assigns.bookmarks:
        return assigns
    edits = (*assigns.edits, Edit(says, assigns.bookmarks))[-MOST_EDITS:]
    return replace(assigns, bookmarks=after, edits=edits, undone=())


def _taken_back(assigns: Assigns, *, again: bool) -> Assigns:
    stack = assigns.undone if again else assigns.edits
    if not stack:
        said = "Nothing was undone that could be brought back." if again else "There is nothing to undo."
        return replace(assigns, notice=Notice(said))
    last = stack[-1]
    other = Edit(last.says, assigns.bookmarks)
    edits = (*assigns.edits, other) if again else assigns.edits[:-1]
    undone = assigns.undone[:-1] if again else (*assigns.undone, other)
    done = Notice(f"Done again: {last.says}.") if again else Notice(f"Undone: {last.says}.", hint=_TO_DO_AGAIN)
    return replace(assigns, bookmarks=last.bookmarks, edits=edits, undone=undone, notice=done)


def _at(time_ns: int) -> str:
    return clock_text(time_ns)
