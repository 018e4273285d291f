"""What the window does to the world: opens, closes, asks for frames, keeps bookmarks. Answers come back as events.

Nothing here waits: whatever touches a disk is done by the workers of `views.jobs`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import msgspec

from capture import notes
from capture.errors import ScopeError, SessionProblem
from capture.session import Session
from scope_gui import control, library, settings
from scope_gui.timespec import time_ns_from_text
from views import events as e
from views.jobs import Jobs, first_focus, lanes_of
from views.source import Source
from views.state import Assigns, Bookmark, Notice, Recorder, SessionRef

RECORDER_S = 1.0


class Effects:
    """The effect of each event, called by the Store on the thread that paints."""

    def __init__(self, source: Source, send: Callable[[e.Event], None]) -> None:
        self._jobs = Jobs(source, send)
        self._source = source
        self._send = send
        self._keys = itertools.count(1)
        self._in_hand: tuple[int, int] | None = None

    def __call__(self, event: e.Event, before: Assigns, after: Assigns) -> None:
        """Starts what this event asks for."""
        jobs, key = self._jobs, after.session.key if after.session else 0
        match event:
            case e.OpenSession(path=path, at=at):
                number = next(self._keys)
                jobs.reader.ask("open", lambda: self._open(number, path, at))
                return
            case e.SessionClosed():
                jobs.reader.ask("open", lambda: jobs.show(None, 0))
                self._describe_recent(after.recent)
                return
            case e.LookAtRecent() | e.RecentChanged():
                self._describe_recent(after.recent)
            case e.SessionOpened(session=session):
                recent = settings.with_recent(after.recent, session.path)
                self._send(e.RecentChanged(paths=recent))
                self._in_hand = None
            case e.Search() if after.session is not None:
                jobs.ask_search(key, event)
            case e.FitSelection() if after.session is not None and after.selection is not None:
                jobs.ask_span(after.selection, after.cursor_ns)
            case e.FitSelection() if after.session is not None:
                self._send(e.Tell(notice=Notice("Nothing is picked; 0 shows everything.")))
            case e.Mark() if after.session is not None and after.marked_ns is not None:
                jobs.ask_marked(key, after.marked_ns)
            case e.FollowEdge(direction=direction) if after.session is not None:
                jobs.ask_edge(after.cursor_ns, after.focus_track_id, direction)
            case _:
                pass
        if after.session is None:
            return
        same_session = before.session is not None and before.session.key == key
        wanted_ns = after.frame_wanted_ns
        if wanted_ns is not None and not (same_session and wanted_ns == before.frame_wanted_ns):
            jobs.ask_frame(key, wanted_ns)
        self._step(key, after)
        if same_session and after.bookmarks != before.bookmarks:
            where, kept = Path(after.session.path), [note_of(bookmark) for bookmark in after.bookmarks]
            jobs.reader.ask(f"notes of {key}", lambda: notes.write_notes(where, kept))

    def stop(self) -> None:
        """Ends the workers; bookmarks set just before are written first."""
        self._jobs.stop()

    def _describe_recent(self, paths: tuple[str, ...]) -> None:
        """Answers with RecentDescribed; a manifest is read in a fraction of a millisecond, but a disk may sleep."""

        def answer() -> None:
            self._send(e.RecentDescribed(rows=tuple(library.described(path) for path in paths)))

        self._jobs.finder.ask("recent", answer)

    def _step(self, key: int, after: Assigns) -> None:
        """Asks for the step in hand, once for each place it starts from."""
        if not after.steps:
            self._in_hand = None
            return
        in_hand = (after.cursor_ns, id(after.steps[0]))
        if in_hand != self._in_hand:
            self._in_hand = in_hand
            count, over = after.steps[0]
            self._jobs.ask_step(key, after.cursor_ns, after.focus_track_id, count, over)

    def _open(self, key: int, path: str, at: str) -> None:
        """Work of the reader: opens a session, or says why not and leaves the old one open."""
        name = Path(path).name
        self._send(e.Busy(what=f"Opening {name}"))
        try:
            session = Session.open(path)
            try:
                at_ns = time_ns_from_text(at, session.start_ns, session.end_ns) if at else None
                told = [bookmark_of(note) for note in notes.read_notes(session)]
                self._jobs.show(session, key)
            except BaseException:
                session.close()
                raise
        except ScopeError as problem:
            self._send(e.Tell(notice=Notice(str(problem), serious=True)))
        else:
            names = self._source.names
            self._send(
                e.SessionOpened(
                    session=SessionRef(key=key, path=str(Path(path).resolve()), name=name, live=session.live),
                    range_ns=(session.start_ns, session.end_ns),
                    bookmarks=tuple(told),
                    lanes=lanes_of(names),
                    focus_track_id=first_focus(names),
                    at_ns=at_ns,
                )
            )
            self._tell_problems(session)
            if session.live:
                self._ask_recorder(session)
        finally:
            self._send(e.Busy(what=""))

    def _tell_problems(self, session: Session) -> None:
        """Says what is known to be missing: a damaged session opens, but never as if it were whole."""
        problems = session.problems
        if problems:
            more = f" ({len(problems) - 1} more)" if len(problems) > 1 else ""
            self._send(e.Tell(notice=Notice(f"{problems[0].what}{more}", serious=True)))

    def _ask_recorder(self, session: Session) -> None:
        """Work of the finder, once a second while the recorder answers: how the recording goes."""

        def ask() -> None:
            recorder = None
            try:
                status = control.ask(session.path, "status") if session.live else {}
            except SessionProblem:
                status = {}
            if status and self._source.session is session:
                recorder = msgspec.convert(status, Recorder)
            else:
                self._jobs.finder.do_every(RECORDER_S, None)
            self._send(e.RecorderSaid(recorder=recorder))

        self._jobs.finder.do_every(RECORDER_S, ask)


def bookmark_of(note: notes.Note) -> Bookmark:
    """A note as the window shows it."""
    return Bookmark(time_ns=note.time_ns, text=note.text, end_ns=note.end_ns, author=note.author)


def note_of(bookmark: Bookmark) -> notes.Note:
    """A bookmark as it is kept."""
    return notes.Note(time_ns=bookmark.time_ns, text=bookmark.text, end_ns=bookmark.end_ns, author=bookmark.author)
