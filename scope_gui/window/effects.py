"""What the window does to the world: opens, closes, asks for frames, keeps bookmarks. Answers come back as events.

Nothing here waits: whatever touches a disk is done by the workers of `views.reading.jobs`.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

from capture.errors import ScopeError, SessionProblem
from capture.importers.registry import is_foreign
from capture.session import notes
from capture.session.session import Session
from capture.typed import converted
from dags.frame_parts import Frame
from scope_gui import left_window, library
from scope_gui.recording import control
from scope_gui.recording.choice import converted_path, recordings_folder
from scope_gui.recording.unfinished import Recovery, abandoned_notice, is_abandoned
from scope_gui.reused_memory import give_back_unused
from scope_gui.settings.file import save
from views.inspector import earlier
from views.loop import events as e
from views.loop import recording_events as r
from views.loop.chosen import sessions_folder
from views.loop.remembered import OF_SESSION
from views.loop.state import Assigns, Notice, Recorder, Selection
from views.loop.view_states import to_keep
from views.reading.jobs import Jobs
from views.reading.opening import bookmark_of, note_of, session_opened
from views.reading.questions import Asking
from views.reading.source import Source
from views.transport.naming import event_in_words
from views.words.damage import Damage, damage_sentence, known_damage
from views.words.timespec import time_ns_from_text

RECORDER_S = 1.0


class Effects:
    """The effect of each event, called by the Store on the thread that paints."""

    def __init__(self, source: Source, send: Callable[[e.Event], None]) -> None:
        self._jobs = Jobs(source, send, _look_up)
        self._source = source
        self._send = send
        self._keys = itertools.count(1)
        self._asking = Asking()
        self._recovery = Recovery(send)
        self._told_damage: tuple[int, Damage] | None = None
        self._unwritten: dict[Path, list[notes.Note]] = {}
        self._shown = Assigns()
        self._opened_at: tuple[int, dict[str, Any]] = (0, {})
        self._kept_settings: Mapping[str, Any] | None = None

    def __call__(self, event: e.Event, before: Assigns, after: Assigns) -> None:
        """Starts what this event asks for."""
        jobs, key = self._jobs, after.session.key if after.session else 0
        self._shown = after
        if after.settings != before.settings:
            self._keep_settings(before.settings, after.settings)
        if before.session is not None and before.session.key != key:
            self._leave(before)
        match event:
            case r.OpenSession(path=path, at=at, place=place):
                number = next(self._keys)
                jobs.reader.ask("open", lambda: self._open(number, path, at, place))
                return
            case e.SessionClosed():
                jobs.reader.ask("open", self._close_session)
                self._describe_recent(after.recent)
                return
            case r.LookAtRecent() | r.RecentChanged():
                self._describe_recent(after.recent)
            case e.SessionOpened(session=session):
                recent = left_window.with_recent(after.recent, session.path)
                self._send(r.RecentChanged(paths=recent))
                self._opened_at = (session.key, to_keep(after, OF_SESSION))
            case e.StopLooking():
                jobs.stop_questions()
            case r.Recover(path=path):
                self._recover(Path(path or (after.session.path if after.session else "")), after)
            case e.DamageFound(key=found) if found == key:
                self._tell_damage()
            case _:
                pass
        for row in self._asking.asked(event, after):
            jobs.ask(row, event, after)
        if after.session is None:
            return
        same_session = before.session is not None and before.session.key == key
        wanted_ns, parts = after.frame_wanted_ns, after.frame_parts
        is_asked = same_session and wanted_ns == before.frame_wanted_ns and _covers(before.frame_parts, parts)
        if wanted_ns is not None and not is_asked:
            jobs.ask_frame(key, wanted_ns, after.selection, parts)
        if same_session and after.bookmarks != before.bookmarks:
            self._keep_notes_of(after)

    def stop(self) -> None:
        """Ends the workers; bookmarks set just before, and how the session is left, are written first."""
        self._leave(self._shown)
        for where, kept in list(self._unwritten.items()):
            self._jobs.reader.ask(f"notes at {where}", lambda where=where, kept=kept: self._keep_notes(where, kept))  # type: ignore[misc]
        self._recovery.stop()
        self._jobs.stop()

    def _describe_recent(self, paths: tuple[str, ...]) -> None:
        """Answers with RecentDescribed; a manifest is read in a fraction of a millisecond, but a disk may sleep."""

        def answer() -> None:
            self._send(r.RecentDescribed(rows=tuple(library.described_session(path) for path in paths)))

        self._jobs.finder.ask("recent", answer)

    def _open(self, key: int, path: str, at: str, place: Mapping[str, Any]) -> None:
        """Work of the reader: opens a session, or says why not and leaves the old one open."""
        name = Path(path).name
        if is_foreign(Path(path)):
            path = self._converted(Path(path), at)
            if not path:
                return
        self._send(e.Busy(what=f"Opening {name}"))
        try:
            session = Session.open(path)
            try:
                at_ns = time_ns_from_text(at, session.start_ns, session.end_ns) if at else None
                told = [bookmark_of(note) for note in notes.shown_notes(session)]
                place = place or notes.shown_place(session)
                self._jobs.show(session, key)
            except BaseException:
                session.close()
                raise
        except ScopeError as problem:
            refused = Notice(str(problem), serious=True)
            self._send(e.Tell(notice=abandoned_notice(Path(path)) if is_abandoned(Path(path)) else refused))
        else:
            names = self._source.names
            self._send(session_opened(session, names, key, at_ns=at_ns, bookmarks=told, place=place))
            if session.problems:
                self._send(e.DamageFound(key=key))
            if session.live:
                self._ask_recorder(session, key)
        finally:
            self._send(e.Busy(what=""))

    def _converted(self, source: Path, at: str) -> str:
        """Work of the reader: the session made of another tool's recording; '' when it has to be made, or cannot be."""
        folder = recordings_folder(sessions_folder(self._shown))
        session = converted_path(source, folder)
        if session.exists():
            return str(session)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            said = f"No session can be made of {source.name}: {folder}: {error.strerror}."
            self._send(e.Tell(notice=Notice(said, serious=True)))
        else:
            self._send(r.OpenConverted(path=str(source), session=str(session), at=at))
        return ""

    def _close_session(self) -> None:
        """Work of the reader."""
        self._jobs.show(None, 0)
        give_back_unused()

    def _tell_damage(self) -> None:
        """Says what is known to be missing: a damaged session opens, but never as if it were whole."""
        session = self._source.session
        if session is None:
            return
        damage = (id(session), known_damage(session))
        if damage != self._told_damage:
            self._told_damage = damage
            self._send(e.Tell(notice=Notice(damage_sentence(session), serious=True)))

    def _recover(self, path: Path, after: Assigns) -> None:
        is_open = after.session is not None and Path(after.session.path) == path.resolve()
        self._recovery.begin(path, then_open=not is_open)

    def _keep_notes_of(self, shown: Assigns) -> None:
        if shown.session is not None:
            where, kept = Path(shown.session.path), [note_of(bookmark) for bookmark in shown.bookmarks]
            place = to_keep(shown, OF_SESSION)
            self._jobs.reader.ask(f"notes of {shown.session.key}", lambda: self._keep_notes(where, kept, place))

    def _keep_settings(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Writes what has been settled since it was last written."""
        if self._kept_settings is None:
            self._kept_settings = before

        def keep() -> None:
            try:
                save(self._kept_settings or {}, after)
            except ScopeError as problem:
                self._send(e.Tell(notice=Notice(str(problem), serious=True)))
            else:
                self._kept_settings = after

        self._jobs.reader.ask("settings", keep)

    def _leave(self, shown: Assigns) -> None:
        """Keeps how a session is left, unless it is left as it was opened."""
        if shown.session is None or self._opened_at == (shown.session.key, to_keep(shown, OF_SESSION)):
            return
        where, place = Path(shown.session.path), to_keep(shown, OF_SESSION)
        kept = [note_of(bookmark) for bookmark in shown.bookmarks]

        def keep() -> None:
            with contextlib.suppress(ScopeError):  # a disk that cannot be written on loses where one was, no more
                notes.write_notes(where, kept, place)

        if where not in self._unwritten:
            self._jobs.reader.ask(f"place in {where}", keep)

    def _keep_notes(self, where: Path, kept: list[notes.Note], place: Mapping[str, Any] | None = None) -> None:
        """Work of the reader: writes the notes; what cannot be written now is tried again when the window closes."""
        try:
            notes.write_notes(where, kept, place)
        except ScopeError as problem:
            self._unwritten[where] = kept
            sentence = f"{problem} Your bookmarks stay here while this window is open."
            self._send(e.Tell(notice=Notice(sentence, serious=True)))
        else:
            self._unwritten.pop(where, None)

    def _ask_recorder(self, session: Session, key: int) -> None:
        """Work of the finder, once a second while the session grows: how the recording goes, or that nobody records."""

        def ask() -> None:
            recorder, over = None, not session.live or self._source.session is not session
            if not over:
                try:
                    recorder = converted(control.ask(session.path, "status"), Recorder)
                except SessionProblem:
                    if over := is_abandoned(session.path):
                        self._send(r.RecorderGone(key=key))
                        self._send(e.Tell(notice=abandoned_notice(session.path)))
            if over:
                self._jobs.finder.do_every(RECORDER_S, None)
            self._send(r.RecorderSaid(recorder=recorder))

        self._jobs.finder.do_every(RECORDER_S, ask)


def _look_up(source: Source, session: Session, frame: Frame, selection: Selection | None) -> None:
    """Reads what views will ask for while they are patched for this frame."""
    earlier.look_up(source, session, frame, selection)
    event_in_words(source, frame)


def _covers(asked: Set[str] | None, wanted: Set[str] | None) -> bool:
    """Whether a frame of these parts has those; None: all."""
    return asked is None or (wanted is not None and asked >= wanted)
